"""A motion: once round a circle, clockwise from the top."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from datamodules.world.concepts.concept import Concept
from datamodules.world.draw import Pose, draw_batch
from datamodules.world.scene import Scene
from datamodules.world.silhouette import cut_out
from datamodules.world.tone import play_batch

_RADIUS = 0.2  # of the frame's sides


def circling_pose(scene: Scene, progress: float) -> Pose:  # noqa: ARG001
    """Where a shape on the circle is; see `pose_at`."""
    angle = 2 * math.pi * progress
    return Pose(x=0.5 + _RADIUS * math.sin(angle), y=0.5 - _RADIUS * math.cos(angle), scale=1.0, angle=0.0)


def draw_circling(
    scenes: Sequence[Scene], *, frames: int, width: int, height: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Scenes whose shapes go round, whatever their own motion, `(B, 3, F, H, W)`, uint8; see `draw_batch`."""
    return draw_batch(scenes, frames=frames, width=width, height=height, device=device, pose=circling_pose)


def play_in_place(
    scenes: Sequence[Scene], *, frames: int, fps: float = 24.0, device: torch.device | str = "cpu"
) -> Tensor:
    """The scenes' tones from the middle, where the circle is, `(B, 2, N)` at 48 kHz; see `play_batch`."""
    return play_batch([replace(scene, motion="still") for scene in scenes], frames=frames, fps=fps, device=device)


def circling(frames: Tensor, waveform: Tensor | None = None) -> float:  # noqa: ARG001
    """Radius of the clockwise circle in the shape's path, as a share of the concept's, in [0, 1].

    The path is a complex number over time. Its part that turns clockwise once a clip is the circle; a straight path
    has as large a part that turns the other way, which is taken off.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.
        waveform: Plays no part.
    """
    if len(frames) == 1:
        return 0.0
    silhouette = cut_out(frames.cpu())
    if not silhouette.area.max() > 0:
        return 0.0
    place = silhouette.centre / torch.tensor([frames.shape[3], frames.shape[2]])
    path = torch.complex(place[:, 0], place[:, 1])[:-1]  # the last frame is where the first is
    path = path - path.mean()
    turn = torch.polar(torch.ones(len(path)), 2 * math.pi * torch.arange(len(path)) / len(path))
    clockwise, other = ((path * wave).mean().abs() for wave in (turn.conj(), turn))  # y points down
    return float(((clockwise - other) / _RADIUS).clamp(0, 1))


MOTION = Concept(draw=draw_circling, play=play_in_place, measure=circling, untold=("motion",))
