"""`video_extend`: the beginning shows how the subject moves and lets its tone be heard, captions tell the rest."""

import torch

from datamodules.world.draw import draw_frames
from datamodules.world.modes.closeness import overlap, psnr, same_tune
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores, blank
from datamodules.world.read import agreement, read_scene
from datamodules.world.scene import Scene
from datamodules.world.tone import play_tone

GIVEN_FRAMES = 9
"""Pixel frames that are given: two latent frames."""

_FARTHEST = 0.25  # of the frame's sides: a path so far off scores nothing


def compose_clip(scene: Scene, canvas: Canvas) -> Example:
    """A clip whose caption leaves out motion and tone."""
    frames = draw_frames(scene, frames=canvas.frames, width=canvas.width, height=canvas.height)
    waveform = play_tone(scene, frames=canvas.frames, fps=canvas.fps)
    caption = scene.caption(leave_out=VIDEO_EXTEND.leave_out)
    return Example(scene=scene, caption=caption, clip=Footage(frames=frames, waveform=waveform))


def measure_continuation(example: Example, result: Footage, kept: Footage) -> Scores:
    """How the generated part goes on: path, silhouettes and tune against the clip's own; the given part in decibels.

    The path scores `1 - distance / 0.25`, mean over the generated frames, in fractions of the frame's sides.
    """
    frames, true = result.pictures, example.clip.pictures
    reading = read_scene(frames)
    apart = (torch.tensor(reading.path) - torch.tensor(read_scene(true).path))[GIVEN_FRAMES:].norm(dim=1)
    return {
        "path": float((1 - apart / _FARTHEST).clamp(min=0).mean()),
        "overlap": overlap(frames[GIVEN_FRAMES:], true[GIVEN_FRAMES:]),
        "motion": float(agreement(example.scene, reading)["motion"]),
        "tune": same_tune(result.sound, example.clip.sound, (0.4, 1.0)),
        "given_db": psnr(frames[:GIVEN_FRAMES], kept.pictures[:GIVEN_FRAMES]),
    }


def show_beginning(example: Example) -> Footage:
    """The given frames and their sound."""
    frames, sound = example.given.pictures, example.given.sound.clone()
    sound[:, round(GIVEN_FRAMES / len(frames) * sound.shape[1]) :] = 0
    return Footage(frames=torch.cat([frames[:GIVEN_FRAMES], blank(frames[GIVEN_FRAMES:])]), waveform=sound)


VIDEO_EXTEND = Mode(
    compose=compose_clip,
    measure=measure_continuation,
    gives=("video", "audio"),
    show=show_beginning,
    leave_out=("motion", "sound"),
    goals={"path": 0.8, "motion": 0.8},
    with_sound=True,
)
