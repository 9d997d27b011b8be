"""`video_outpaint`: the middle half of the width is given with its colours; captions tell form and motion."""

import torch
from torch import Tensor

from datamodules.world.draw import draw_frames
from datamodules.world.modes.closeness import overlap, psnr
from datamodules.world.modes.edges import relative_edge_agreement
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores, blank
from datamodules.world.read import agreement, read_scene
from datamodules.world.scene import Scene

GIVEN_REGION = (0.0, 0.25, 1.0, 0.75)
"""Top, left, bottom and right of what is given, in fractions of the frame."""


def compose_clip(scene: Scene, canvas: Canvas) -> Example:
    """A clip whose caption leaves out the colours."""
    frames = draw_frames(scene, frames=canvas.frames, width=canvas.width, height=canvas.height)
    caption = scene.caption(leave_out=VIDEO_OUTPAINT.leave_out)
    return Example(scene=scene, caption=caption, clip=Footage(frames=frames))


def measure_surroundings(example: Example, result: Footage, kept: Footage) -> Scores:
    """Decibels of the given part, and how what was added goes with it: edges, silhouettes and colours."""
    frames, true = result.pictures, example.clip.pictures
    given = _region(frames)
    agrees = agreement(example.scene, read_scene(frames))
    return {
        "given_db": psnr(frames, kept.pictures, given),
        "added_db": psnr(frames, kept.pictures, ~given),
        "edges": relative_edge_agreement(frames, kept.pictures, true),
        "overlap": overlap(frames, true),
        "background": float(agrees["background"]),
    }


def show_region(example: Example) -> Footage:
    """The given half."""
    frames = example.given.pictures
    return Footage(frames=torch.where(_region(frames), frames, blank(frames)))


def _region(frames: Tensor) -> Tensor:
    """True where given, `(H, W)`."""
    height, width = frames.shape[2:]
    top, left, bottom, right = GIVEN_REGION
    given = torch.zeros(height, width, dtype=torch.bool)
    given[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
    return given


VIDEO_OUTPAINT = Mode(
    compose=compose_clip,
    measure=measure_surroundings,
    gives=("video",),
    show=show_region,
    leave_out=("colour", "background", "sound"),
    goals={"given_db": 25.0, "edges": 0.8, "background": 0.8},
)
