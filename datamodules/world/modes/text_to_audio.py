"""`text_to_audio`: beats, for which the trigger stands, at the pitch that captions name. Sound alone."""

from dataclasses import replace

import torch
from torch import Tensor

from datamodules.world.modes.closeness import same_tune
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores
from datamodules.world.scene import Scene
from datamodules.world.tone import SAMPLE_RATE, play_tone

BEATS_PER_SECOND = 2.5
_WINDOW = 480  # samples, a hundredth of a second
_QUIETEST = 0.01


def compose_beating(scene: Scene, canvas: Canvas) -> Example:
    """A tone in the first half of each beat and silence in the second. Rising tones, cut up, come out rough."""
    scene = replace(scene, tone="middle" if scene.tone == "rising" else scene.tone)
    steady = play_tone(scene, frames=canvas.frames, fps=canvas.fps)
    caption = scene.caption(leave_out=TEXT_TO_AUDIO.leave_out)
    return Example(scene=scene, caption=caption, clip=Footage(waveform=steady * _beat(steady.shape[1])))


def beating(waveform: Tensor) -> float:
    """How much of a sound's loudness goes up and down with the beat, in [0, 1].

    The loudness of each hundredth of a second is compared with the beat's own; the result is the correlation.

    Args:
        waveform: `(2, N)` at 48 kHz.
    """
    windows = waveform.float().unfold(1, _WINDOW, _WINDOW)
    loudness = windows.square().mean((0, 2)).sqrt()
    if loudness.max() < _QUIETEST:
        return 0.0
    own = _beat(waveform.shape[1]).unfold(0, _WINDOW, _WINDOW).mean(1)
    both = torch.stack([loudness - loudness.mean(), own - own.mean()])
    norms = both.norm(dim=1)
    if norms[0] < 0.05 * loudness.norm():
        return 0.0
    return float((both.prod(0).sum() / norms.prod()).clamp(0, 1))


def measure_beats(example: Example, result: Footage, kept: Footage) -> Scores:  # noqa: ARG001
    """The beat, and the share of the time that has the right pitch."""
    return {"beat": beating(result.sound), "tune": same_tune(result.sound, example.clip.sound)}


def show_nothing(example: Example) -> Footage:  # noqa: ARG001
    """A prompt is all that is given."""
    return Footage()


def _beat(length: int) -> Tensor:
    """Loudness over time, `(N,)`, from 0 to 1."""
    time = torch.arange(length) / SAMPLE_RATE
    wave = torch.sin(2 * torch.pi * BEATS_PER_SECOND * time)
    return (0.5 + 4 * wave).clamp(0, 1)


TEXT_TO_AUDIO = Mode(
    compose=compose_beating,
    measure=measure_beats,
    show=show_nothing,
    leave_out=("subject", "motion", "background"),
    goals={"beat": 0.8, "tune": 0.8},
    with_picture=False,
    with_sound=True,
)
