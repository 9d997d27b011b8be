"""`image_to_video`: the first frame shows the colours, captions tell the form and how it moves."""

import torch

from datamodules.world.draw import draw_frames
from datamodules.world.modes.closeness import psnr
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores, blank
from datamodules.world.read import agreement, read_scene
from datamodules.world.scene import Scene


def compose_clip(scene: Scene, canvas: Canvas) -> Example:
    """A clip whose caption leaves out the colours."""
    frames = draw_frames(scene, frames=canvas.frames, width=canvas.width, height=canvas.height)
    caption = scene.caption(leave_out=IMAGE_TO_VIDEO.leave_out)
    return Example(scene=scene, caption=caption, clip=Footage(frames=frames))


def measure_start(example: Example, result: Footage, kept: Footage) -> Scores:
    """Decibels of the first frame against the given one as the autoencoder keeps it, and what the clip shows."""
    first = psnr(result.pictures[:1], kept.pictures[:1])
    agrees = agreement(example.scene, read_scene(result.pictures))
    return {"first_frame_db": first} | {name: float(right) for name, right in agrees.items()}


def show_first(example: Example) -> Footage:
    """The first frame alone."""
    frames = example.given.pictures
    return Footage(frames=torch.cat([frames[:1], blank(frames[1:])]))


IMAGE_TO_VIDEO = Mode(
    compose=compose_clip,
    measure=measure_start,
    gives=("image",),
    show=show_first,
    leave_out=("colour", "background", "sound"),
    goals={"first_frame_db": 25.0, "motion": 0.8, "shape": 0.8, "colour": 0.8},
)
