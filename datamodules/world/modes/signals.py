"""References: edges, depth and pose carry form and motion but no colours; coarse ones carry all but the detail."""

import torch
from torch import Tensor

from datamodules.references.drawn import Canny, Downscale
from datamodules.references.signal import Signal
from datamodules.world.draw import blend, draw_frames, moments, own_frame, pose_at, shape_distance
from datamodules.world.scene import Scene

_FAR, _NEAR = 30.0, 230.0
_NEAREST_SIZE = 0.8  # of the frame's shorter side; the world's largest is 0.78
_COARSE = 16.0  # pixels that become one
_LIMB = 0.16  # half the width of a limb, of the shape's radius
_LIMBS: tuple[tuple[tuple[float, float, float, float], tuple[int, int, int]], ...] = (
    ((0.0, 0.0, 0.0, -1.0), (255, 60, 60)),
    ((0.0, 0.0, 0.85, 0.5), (60, 220, 80)),
    ((0.0, 0.0, -0.85, 0.5), (80, 120, 255)),
)
"""Begin x, y and end x, y of each limb in the shape's own frame of radius 1, and its colour."""


def depth(scene: Scene, *, frames: int, width: int, height: int) -> Tensor:
    """Brighter where nearer: the larger a shape, the nearer it is. `(F, 3, H, W)`, uint8.

    Args:
        scene: What to draw.
        frames: Number of frames.
        width: Pixels.
        height: Pixels.
    """
    poses = [pose_at(scene, moment) for moment in moments(frames)]
    x, y, radius = own_frame([scene], [poses], width=width, height=height, device="cpu")
    share = (0.5 - shape_distance(scene.shape, x, y) * radius).clamp(0, 1)[0]  # (F, H, W)
    near = torch.tensor([min(1.0, scene.size * pose.scale / _NEAREST_SIZE) for pose in poses])[:, None, None]
    grey = _FAR + share * near * (_NEAR - _FAR)
    return grey.round().to(torch.uint8)[:, None].repeat(1, 3, 1, 1)


def pose(scene: Scene, *, frames: int, width: int, height: int) -> Tensor:
    """Three limbs that show place, size and angle, `(F, 3, H, W)`, uint8; takes what `depth` takes."""
    poses = [pose_at(scene, moment) for moment in moments(frames)]
    x, y, radius = own_frame([scene], [poses], width=width, height=height, device="cpu")
    picture = torch.zeros(1, 3, frames, height, width)
    for (begin_x, begin_y, end_x, end_y), rgb in _LIMBS:
        distance = _segment_distance(x - begin_x, y - begin_y, end_x - begin_x, end_y - begin_y) - _LIMB
        picture = blend(picture, [rgb], distance * radius)
    return picture.round().to(torch.uint8)[0].transpose(0, 1).contiguous()


def canny(scene: Scene, *, frames: int, width: int, height: int) -> Tensor:
    """White edges on black, as `python -m datamodules references` finds them. Takes what `depth` takes."""
    return _drawn_by(Canny(), draw_frames(scene, frames=frames, width=width, height=height))


def coarse(frames: Tensor) -> Tensor:
    """Frames `(F, 3, H, W)`, uint8, without what is smaller than some 16 pixels, as `references` scales them."""
    return _drawn_by(Downscale(factor=_COARSE), frames)


def _drawn_by(signal: Signal, frames: Tensor) -> Tensor:
    pictures = torch.stack([torch.from_numpy(one) for one in signal.draw(iter(frames.permute(0, 2, 3, 1).numpy()))])
    if pictures.ndim == 3:  # gray
        return pictures[:, None].repeat(1, 3, 1, 1)
    return pictures.permute(0, 3, 1, 2).contiguous()


def _segment_distance(x: Tensor, y: Tensor, end_x: float, end_y: float) -> Tensor:
    """Distance to a line from the origin to its end."""
    along = ((x * end_x + y * end_y) / (end_x**2 + end_y**2)).clamp(0, 1)
    return torch.hypot(x - along * end_x, y - along * end_y)
