"""Silhouettes: where a clip's shape is, cut out of its background, brought to one place and size, and compared.

A normalised silhouette has its middle of mass in the middle of the grid and an area of 1, so that neither where a shape
is nor how large it is matters: only its form and its angle.
"""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from datamodules.world.draw import shape_distance
from datamodules.world.scene import SHAPES, Shape

NUM_ANGLES = 48
_GRID = 32
_REACH = 1.25  # of the grid on each side of the middle, in square roots of the area; a star's tip is at 1.15
_BORDER = 0.04  # of the shorter side
_FAINTEST = 24.0  # RGB distance below which there is no shape


@dataclass(frozen=True, kw_only=True)
class Silhouette:
    """The shape of a clip of F frames, apart from its background."""

    background_rgb: Tensor
    """`(3,)`, 0 to 255."""
    rgb: Tensor
    """`(3,)`, 0 to 255."""
    mask: Tensor
    """How much of a pixel the shape covers, `(F, H, W)` in [0, 1]."""
    area: Tensor
    """Pixels, `(F,)`."""
    centre: Tensor
    """Middle of mass x, y in pixels, `(F, 2)`."""

    def whole_frames(self) -> Tensor:
        """Numbers of the frames whose shape is clear of the border; of all frames if there are none."""
        border = torch.cat([self.mask[:, [0, -1]].flatten(1), self.mask[:, :, [0, -1]].flatten(1)], dim=1)
        seen = self.area > self.area.max() / 20
        whole = seen & (border.amax(1) < 0.5)
        return (whole if whole.any() else seen).nonzero()[:, 0]


def cut_out(frames: Tensor) -> Silhouette:
    """Find the one shape of a clip and the plain background behind it.

    The shape's colour is that of the pixels furthest from the background. A pixel's share of the shape is its place
    between the two, which blur hardly moves.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.
    """
    background, apart = separate(frames)
    distance = apart.norm(dim=1)
    strongest = distance.flatten().topk(max(1, distance.numel() // 200)).values[-1]
    colour = apart.transpose(0, 1)[:, distance >= 0.7 * strongest].median(1).values
    share = torch.einsum("fchw,c->fhw", apart, colour) / colour.square().sum().clamp(min=1)
    mask = share.clamp(0, 1) * (share > 0.25) * (strongest > _FAINTEST)
    return Silhouette(
        background_rgb=background, rgb=background + colour, mask=mask, area=mask.sum((1, 2)), centre=middle(mask)
    )


def separate(frames: Tensor) -> tuple[Tensor, Tensor]:
    """The background, which is the middle colour of the border, and how far the pixels are from it.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.

    Returns:
        `(3,)` from 0 to 255, and `(F, 3, H, W)` from -255 to 255, means of 3x3 pixels, which keep noise away.
    """
    pixels = torch.nn.functional.avg_pool2d(frames.float(), 3, stride=1, padding=1, count_include_pad=False)
    width = max(1, round(_BORDER * min(frames.shape[2:])))
    sides = (pixels[:, :, :width], pixels[:, :, -width:], pixels[..., :width], pixels[..., -width:])
    border = torch.cat([side.transpose(0, 1).flatten(1) for side in sides], dim=1)
    background = border.median(1).values
    return background, pixels - background[:, None, None]


def middle(mask: Tensor) -> Tensor:
    """Middle of mass x, y of masks `(F, H, W)`, in pixels: `(F, 2)`."""
    rows, columns = (torch.arange(side) + 0.5 for side in mask.shape[1:])
    moments = torch.stack([(mask.sum(1) * columns).sum(1), (mask.sum(2) * rows).sum(1)], dim=1)
    return moments / mask.sum((1, 2)).clamp(min=1)[:, None]


def normalise(picture: Tensor, centre: Tensor, area: Tensor) -> Tensor:
    """Bring shapes to the middle and to one size.

    Args:
        picture: `(F, C, H, W)`: masks or frames.
        centre: x, y in pixels, `(F, 2)`.
        area: Pixels, `(F,)`.

    Returns:
        `(F, C, 32, 32)`.
    """
    u, v = _grid()
    places = torch.stack([u, v], dim=-1) * area.sqrt()[:, None, None, None] + centre[:, None, None]
    sides = torch.tensor([picture.shape[3], picture.shape[2]])
    return torch.nn.functional.grid_sample(
        picture.float(), 2 * places / sides - 1, padding_mode="border", align_corners=False
    )


def overlaps(silhouette: Silhouette, frames: Tensor) -> Tensor:
    """How well each shape at each angle covers the silhouette: intersection over union, `(F, shapes, angles)`.

    Args:
        silhouette: The clip's.
        frames: Numbers of the frames to compare.
    """
    mask, centre, area = (part[frames] for part in (silhouette.mask, silhouette.centre, silhouette.area))
    seen = normalise(mask[:, None], centre, area).flatten(1)[:, None]
    known = torch.stack([template(shape) for shape in SHAPES]).flatten(2)
    return torch.stack([torch.minimum(seen, form).sum(2) / torch.maximum(seen, form).sum(2) for form in known], dim=1)


@cache
def template(shape: Shape) -> Tensor:
    """The normalised silhouette of a shape at 48 angles over a full turn, clockwise: `(48, 32, 32)`."""
    fine = torch.linspace(-1, 1, 201)
    inside = (shape_distance(shape, fine, fine[:, None]) < 0).float()
    area = inside.sum() * (fine[1] - fine[0]) ** 2
    y = (inside.sum(1) * fine).sum() / inside.sum()
    u, v = _grid()
    angle = (torch.arange(NUM_ANGLES) * 2 * math.pi / NUM_ANGLES)[:, None, None]
    own_x, own_y = angle.cos() * u + angle.sin() * v, angle.cos() * v - angle.sin() * u
    distance = shape_distance(shape, own_x * area.sqrt(), own_y * area.sqrt() + y)
    cell = 2 * _REACH / _GRID * area.sqrt()
    return (0.5 - distance / cell).clamp(0, 1)


def _grid() -> tuple[Tensor, Tensor]:
    """Places of the normalised grid, `(32, 32)` each, in square roots of the area."""
    steps = ((torch.arange(_GRID) + 0.5) / _GRID * 2 - 1) * _REACH
    return steps.expand(_GRID, _GRID), steps[:, None].expand(_GRID, _GRID)
