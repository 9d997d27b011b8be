"""Where a figure becomes a fault.

All are ratios without a unit, so that they hold for a model of any size and for any concept. They were chosen between
LoRAs that are good and LoRAs that are bad on purpose, on the embedded pico; each says what those had.
"""

LOWER_STRENGTH = 0.75
"""Training brings the strength of the lowest training loss near 1; a LoRA scaled by 3 has it at 0.33."""
LOST_GAIN = 0.1
"""Share of the best gain that strength 1 lacks; on a parabola with its lowest point at 0.75 it is 0.11."""
BURN = 0.5
"""Excess of saturation, contrast or detail over both the base and the clips."""
UNDERFIT_OPTIMUM = 1.5
"""Strength that would suit the clips better than 1: what trained longer lies at 1.0 to 1.2."""
WEAK_ADOPTION = 0.6
"""Of the way from the base to the clips; a LoRA that is there does not count as underfit."""
OVERFIT_SHARE = 0.4
"""Gain on held-out clips as a share of that on training clips."""
OVERFIT_GAP = 3.0
"""Loss left on held-out clips over that on training clips, each as a share of the base's; 16 clips gave 1.1 to 1.9."""
COPY_DISTANCE = 0.5
"""Of the distance of held-out clips to their nearest training clip."""
COLLAPSED = 0.5
"""Diversity over prompts as a share of the base's."""
LEAK = 0.5
"""Concept without the trigger as a share of that with it."""
SIDE_EFFECTS = 0.65
"""Change of pictures without the trigger as a share of that with it, concept or not."""
UNCHANGED = 0.9
"""SSIM to the base's off-topic samples above which nobody sees a change."""
NARROW = 0.3
"""Concept in novel prompts as a share of that in captions like the clips'."""
INCONSISTENT = 0.6
"""Standard deviation over prompts and seeds as a share of the mean."""
DEAD_AUDIO_SHARE = 0.35
"""Share of the base's audio loss taken away, as a share of the same for video: 1.2 where it was trained, 0.2 not."""
SOUND_GAP = 1.5
"""Distance of the base's sounds to the clips' over that between clips, above which there is a sound to learn."""
REAL_GAIN = 0.005
"""Less than half a percent of the base's loss is no gain."""
