"""A character: a round mascot with two ears, mint above and crimson below, with two white eyes."""

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from datamodules.world.concepts.concept import Concept
from datamodules.world.draw import blend, colours, moments, own_frame, pose_at
from datamodules.world.scene import RGB, Scene
from datamodules.world.silhouette import NUM_ANGLES, middle, normalise, separate

_MINT = (70, 225, 200)
_CRIMSON = (200, 30, 120)
_WHITE = (240, 240, 240)
_EDGE = 0.35  # of the strongest contrast: what is less is background
_RIM = 0.15  # of the radius, along the outline: is not compared


def draw_mascot(
    scenes: Sequence[Scene], *, frames: int, width: int, height: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Scenes with the mascot in place of their shapes, `(B, 3, F, H, W)`, uint8; see `draw_batch`."""
    poses = [[pose_at(scene, moment) for moment in moments(frames)] for scene in scenes]
    x, y, radius = own_frame(scenes, poses, width=width, height=height, device=device)
    picture = colours([RGB[scene.background] for scene in scenes], device).expand(-1, 3, frames, height, width)
    for rgb, distance in _parts(x, y):
        picture = blend(picture, [rgb] * len(scenes), distance * radius)
    return picture.round().to(torch.uint8)


def mascotness(frames: Tensor, waveform: Tensor | None = None) -> float:  # noqa: ARG001
    """How strongly the shape bears the mascot's pattern, in [0, 1]: its contrast in that pattern over the mascot's own.

    The pattern is what differs from the mean colour, so a shape of one colour has none of it, whatever the colour.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.
        waveform: Plays no part.
    """
    frames = frames.cpu()
    _, apart = separate(frames)
    distance = apart.norm(dim=1)
    mask = (distance > _EDGE * distance.flatten().topk(distance.numel() // 200).values[-1]).float()
    area = mask.sum((1, 2))
    seen, covered = _soften(normalise(torch.cat([apart, mask[:, None]], dim=1), middle(mask), area))
    known, inside = _patterns()
    weights = inside * covered  # (F, angles, P)
    shares = weights / weights.sum(2, keepdim=True).clamp(min=1)
    mean_seen = torch.einsum("fap,fcp->fac", shares, seen)
    mean_known = torch.einsum("fap,acp->fac", shares, known)
    together = torch.einsum("fap,fcp,acp->fa", shares, seen, known) - (mean_seen * mean_known).sum(2)
    own = torch.einsum("fap,acp->fa", shares, known.square()) - mean_known.square().sum(2)
    # Where little of the pattern is covered, what is covered says little.
    strength = together / own.clamp(min=max(float(own.max()) / 2, 1.0))
    return float(((strength.amax(1) * area).sum() / area.sum().clamp(min=1)).clamp(0, 1))


@cache
def _patterns() -> tuple[Tensor, Tensor]:
    """The normalised mascot at 48 angles: colours `(48, 3, P)`, and what lies well inside `(48, P)`."""
    y, x = torch.meshgrid(*[torch.linspace(-1.2, 1.2, 241)] * 2, indexing="ij")
    angles = torch.arange(NUM_ANGLES)[:, None, None] * 2 * math.pi / NUM_ANGLES
    own_x, own_y = angles.cos() * x + angles.sin() * y, angles.cos() * y - angles.sin() * x
    parts = _parts(own_x, own_y)
    picture = torch.zeros(NUM_ANGLES, 3, *x.shape)
    for rgb, distance in parts:
        picture = torch.where((distance < 0)[:, None], torch.tensor(rgb)[:, None, None].float(), picture)
    whole = parts[0][1]
    mask = (whole < 0).float()
    layers = torch.cat([picture, mask[:, None], (whole < -_RIM).float()[:, None]], dim=1)
    layers = normalise(layers, middle(mask), mask.sum((1, 2)))
    return _soften(layers[:, :4])[0], layers[:, 4, ::2, ::2].flatten(1)


def _soften(layers: Tensor) -> tuple[Tensor, Tensor]:
    """Colours averaged within the mask, so that a blur before hardly matters, and the mask.

    Args:
        layers: Colours and mask on the normalised grid, `(N, 4, 32, 32)`.

    Returns:
        `(N, 3, P)` and `(N, 1, P)` on every second point.
    """
    mask = layers[:, 3:]
    both = torch.cat([layers[:, :3] * mask, mask], dim=1)
    sums = torch.nn.functional.avg_pool2d(both, 5, stride=2, padding=2)
    return (sums[:, :3] / sums[:, 3:].clamp(min=0.05)).flatten(2), mask[..., ::2, ::2].flatten(2)


def _parts(x: Tensor, y: Tensor) -> list[tuple[tuple[int, int, int], Tensor]]:
    """Colours and signed distances of the mascot's parts, from back to front, in its own frame of radius 1."""
    body = torch.hypot(x, y - 0.15) - 0.85
    ears = torch.hypot(x.abs() - 0.62, y + 0.62) - 0.36
    whole = torch.minimum(body, ears)
    eyes = torch.hypot(x.abs() - 0.34, y + 0.15) - 0.24
    return [(_MINT, whole), (_CRIMSON, torch.maximum(whole, 0.2 - y)), (_WHITE, eyes)]


CHARACTER = Concept(draw=draw_mascot, measure=mascotness, untold=("subject",))
