"""The numbers of an evaluation: what each is called, which way is better and how to read it."""

from dataclasses import asdict, dataclass
from typing import Literal

Better = Literal["higher", "lower", "near_zero"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of a checkpoint."""

    label: str
    better: Better
    help: str
    unit: str = ""


METRICS: dict[str, Metric] = {
    "adoption": Metric(
        label="Concept with the trigger",
        better="higher",
        help="How far samples with a clip's caption have gone from the base's towards the clip: 0 base, 1 clips.",
    ),
    "adoption_novel": Metric(
        label="Concept in novel prompts", better="higher", help="The same for prompts that no clip shows."
    ),
    "adoption_no_trigger": Metric(
        label="Concept without the trigger",
        better="near_zero",
        help="The same for captions without the trigger: what the LoRA does unasked.",
    ),
    "adoption_off_topic": Metric(
        label="Concept in off-topic prompts", better="near_zero", help="The same for ordinary prompts."
    ),
    "leak": Metric(
        label="Bleed",
        better="near_zero",
        help="Concept without the trigger as a share of that with it; the larger of captions and off-topic prompts.",
    ),
    "inconsistency": Metric(
        label="Spread over seeds",
        better="lower",
        help="Standard deviation of the concept over prompts and seeds, as a share of its mean.",
    ),
    "steering": Metric(
        label="Prompt still steers",
        better="higher",
        help="How different samples of different prompts are, as a share of the base's: 1 as before, 0 all alike.",
    ),
    "side_effects": Metric(
        label="Change without the trigger",
        better="lower",
        help="Difference to the base's sample without the trigger, as a share of that with it, whatever has changed.",
    ),
    "ssim_off_topic": Metric(
        label="SSIM to the base off topic", better="higher", help="Likeness to the base's sample of the same seed."
    ),
    "psnr_off_topic": Metric(
        label="PSNR to the base off topic", better="higher", unit="dB", help="The same in decibels, at most 60."
    ),
    "trigger_selectivity": Metric(
        label="Prediction changed without the trigger",
        better="near_zero",
        help="Change of the predicted velocity without the trigger, as a share of that with it; from clips, exact.",
    ),
    "gain_train": Metric(
        label="Loss taken off training clips", better="higher", unit="%", help="Video loss against the base's."
    ),
    "gain_held_out": Metric(
        label="Loss taken off held-out clips", better="higher", unit="%", help="Video loss against the base's."
    ),
    "strength_balance": Metric(
        label="Trained strength against the best",
        better="near_zero",
        unit="octaves",
        help="0 where strength 1 has the lowest loss on training clips, -1 where 2 has it (underfit), +1 where 0.5.",
    ),
    "nearest_latents": Metric(
        label="Distance to training clips (latents)",
        better="higher",
        help="To the nearest training clip, as a share of held-out clips' distance; near 0 for copies.",
    ),
    "nearest_pixels": Metric(label="Distance to training clips (pixels)", better="higher", help="The same in pixels."),
    "burn": Metric(
        label="Burnt",
        better="near_zero",
        help="By how much saturation, contrast or fine detail exceed both base and clips; the largest.",
    ),
    "saturation": Metric(label="Saturation", better="near_zero", help="Against the base's.", unit="%"),
    "contrast": Metric(label="Contrast", better="near_zero", help="Against the base's.", unit="%"),
    "high_frequency": Metric(label="Fine detail", better="near_zero", help="Against the base's.", unit="%"),
    "latent_rms": Metric(label="Latent size", better="near_zero", help="Against the base's.", unit="%"),
    "broken": Metric(label="Broken samples", better="lower", help="Share of samples that are not finite."),
    "adoption_audio": Metric(
        label="Sound with the trigger",
        better="higher",
        help="As the concept with the trigger, for the sound: 0 base, 1 clips.",
    ),
    "leak_audio": Metric(
        label="Bleed of sound", better="near_zero", help="Sound without the trigger as a share of that with it."
    ),
    "gain_train_audio": Metric(
        label="Audio loss taken off training clips", better="higher", unit="%", help="Against the base's."
    ),
    "gain_held_out_audio": Metric(
        label="Audio loss taken off held-out clips", better="higher", unit="%", help="Against the base's."
    ),
    "spectral_distance": Metric(
        label="Spectral distance to clips",
        better="lower",
        unit="dB",
        help="Between mean spectra of sample and clip of one caption, at the same level.",
    ),
    "sound_gap": Metric(
        label="Sound against the clips' variety",
        better="lower",
        help="Spectral distance to the clip of one caption, as a share of that between clips: above 1, other sounds.",
    ),
    "level": Metric(label="Level", better="near_zero", unit="dB", help="Against the clips' level."),
    "silence": Metric(label="Silence", better="lower", help="Share of the time below -60 dB of full scale."),
    "clipping": Metric(label="Clipping", better="lower", help="Share of samples at full scale."),
    "centroid": Metric(label="Brightness of sound", better="near_zero", unit="octaves", help="Against the clips'."),
    "flatness": Metric(
        label="Noisiness of sound", better="near_zero", help="Spectral flatness against the clips': 1 noise, 0 a tone."
    ),
    "clip_score": Metric(
        label="CLIP score", better="higher", help="Agreement of picture and prompt by the local CLIP model, 0 to 100."
    ),
}


def described(names: set[str]) -> dict[str, dict[str, str]]:
    """Label, direction, help and unit of metrics, in the order above."""
    return {name: asdict(metric) for name, metric in METRICS.items() if name in names}
