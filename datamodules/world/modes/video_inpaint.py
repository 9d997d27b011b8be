"""`video_inpaint`: captions tell what is in the box that the mask leaves free; the tiles around it have to stay.

The box leaves a strip of 32 pixels, one latent pixel, at two sides of the frame. The background colour is seen around
the box and not told. A held-out clip has another subject in the box, which the prompt replaces.
"""

import zlib
from dataclasses import replace

import torch
from torch import Tensor

from datamodules.world.draw import draw_frames
from datamodules.world.modes.closeness import psnr
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores, blank
from datamodules.world.read import agreement, read_scene
from datamodules.world.scene import COLOURS, RGB, SHAPES, Scene

_STRIP = 32
_TILE = 64
_LIGHTER = 0.35  # of the way from the background to white, every other tile
_LARGER = 1.2  # than elsewhere, so that shapes in the smaller box are told apart


def compose_masked(scene: Scene, canvas: Canvas) -> Example:
    """A clip with tiles around a box in one of the corners, and the box as a mask."""
    other = replace(
        scene,
        shape=SHAPES[(SHAPES.index(scene.shape) + 2) % len(SHAPES)],
        colour=COLOURS[(COLOURS.index(scene.colour) + 3) % len(COLOURS)],
        motion="still",
    )
    mask = torch.zeros(canvas.height, canvas.width, dtype=torch.bool)
    mask[_box(scene, canvas)] = True
    return Example(
        scene=scene,
        caption=scene.caption(leave_out=VIDEO_INPAINT.leave_out),
        clip=Footage(frames=_in_box(scene, canvas, corner=scene)),
        video_mask=mask,
        original=Footage(frames=_in_box(other, canvas, corner=scene)),
    )


def measure_inside_and_outside(example: Example, result: Footage, kept: Footage) -> Scores:
    """Decibels outside the box against what was given there, and what the box shows of its scene."""
    frames, mask = result.pictures, example.video_mask
    assert mask is not None
    rows, columns = mask.any(1), mask.any(0)
    agrees = agreement(example.scene, read_scene(frames[:, :, rows][..., columns]))
    return {"outside_db": psnr(frames, kept.pictures, ~mask)} | {name: float(right) for name, right in agrees.items()}


def _box(scene: Scene, canvas: Canvas) -> tuple[slice, slice]:
    """Rows and columns of the box, in the corner that the scene's caption decides."""
    corner = zlib.crc32(scene.caption().encode())
    down, right = corner & 1, corner >> 1 & 1
    top, left = _STRIP * down, _STRIP * right
    return slice(top, top + canvas.height - _STRIP), slice(left, left + canvas.width - _STRIP)


def _in_box(scene: Scene, canvas: Canvas, *, corner: Scene) -> Tensor:
    """The scene in the box of another, `(F, 3, H, W)`, uint8."""
    tiles = (torch.arange(canvas.height)[:, None] // _TILE + torch.arange(canvas.width) // _TILE) % 2
    ground = torch.tensor(RGB[scene.background]).float()[:, None, None]
    frames = (ground + _LIGHTER * tiles * (255 - ground)).round().to(torch.uint8).repeat(canvas.frames, 1, 1, 1)
    box = frames[(..., *_box(corner, canvas))]
    larger = replace(scene, size=_LARGER * scene.size)
    box.copy_(draw_frames(larger, frames=canvas.frames, width=box.shape[3], height=box.shape[2]))
    return frames


def show_hole(example: Example) -> Footage:
    """The original, paler where it is to be replaced."""
    frames, mask = example.given.pictures, example.video_mask
    assert mask is not None
    pale = torch.lerp(frames.float(), blank(frames).float(), 0.6).to(torch.uint8)
    return Footage(frames=torch.where(mask, pale, frames))


VIDEO_INPAINT = Mode(
    compose=compose_masked,
    measure=measure_inside_and_outside,
    gives=("video", "video_mask"),
    show=show_hole,
    leave_out=("background", "sound"),
    goals={"outside_db": 25.0, "shape": 0.8, "colour": 0.8, "motion": 0.8},
)
