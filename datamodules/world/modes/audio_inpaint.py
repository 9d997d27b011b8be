"""`audio_inpaint`: two notes in turn, of which the mask opens two; captions tell nothing. Sound alone."""

import torch

from datamodules.world.modes.closeness import same_tune
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores
from datamodules.world.modes.tunes import play_tune, two_notes
from datamodules.world.scene import Scene
from datamodules.world.tone import SAMPLE_RATE

GAP_SECONDS = (0.4, 0.8)


def compose_gap(scene: Scene, canvas: Canvas) -> Example:
    """Two notes in turn, and a mask over the third and the fourth. The original is silent there."""
    waveform = play_tune(two_notes(scene), frames=canvas.frames, fps=canvas.fps)
    time = torch.arange(waveform.shape[1]) / SAMPLE_RATE
    mask = (time >= GAP_SECONDS[0]) & (time < GAP_SECONDS[1])
    return Example(
        scene=scene,
        caption="a sound",
        clip=Footage(waveform=waveform),
        audio_mask=mask,
        original=Footage(waveform=waveform * ~mask),
    )


def measure_gap(example: Example, result: Footage, kept: Footage) -> Scores:  # noqa: ARG001
    """Share of the time that has the right pitch, in the gap and before it."""
    true = example.clip.sound
    return {
        "tune": same_tune(result.sound, true, GAP_SECONDS),
        "given": same_tune(result.sound, true, (0.0, GAP_SECONDS[0])),
    }


AUDIO_INPAINT = Mode(
    compose=compose_gap,
    measure=measure_gap,
    gives=("audio", "audio_mask"),
    leave_out=("subject", "motion", "background", "sound"),
    goals={"tune": 0.8, "given": 0.8},
    with_picture=False,
    with_sound=True,
)
