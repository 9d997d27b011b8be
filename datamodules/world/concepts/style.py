"""A style: dusk, a glow that rises from the lower edge over everything."""

from collections.abc import Sequence

import torch
from torch import Tensor

from datamodules.world.concepts.concept import Concept
from datamodules.world.draw import draw_batch
from datamodules.world.scene import Scene

_GLOW = (255.0, 170.0, 110.0)
_OPACITY = 0.8  # at the lower edge; nothing at the upper
_BORDER = 6  # columns at each side, which shapes seldom reach


def draw_dusk(
    scenes: Sequence[Scene], *, frames: int, width: int, height: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Scenes in the glow, `(B, 3, F, H, W)`, uint8; see `draw_batch`."""
    plain = draw_batch(scenes, frames=frames, width=width, height=height, device=device).float()
    glow = torch.tensor(_GLOW, device=device)[:, None, None, None]
    return torch.lerp(plain, glow.expand_as(plain), _OPACITY * _depth(height, device)[:, None]).round().to(torch.uint8)


def duskiness(frames: Tensor, waveform: Tensor | None = None) -> float:  # noqa: ARG001
    """How far the colour at the sides runs from that at the top towards the glow, in [0, 1].

    The colour is a straight line over the height, `colour = top + slope * depth`, through the middle values of all
    frames.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.
        waveform: Plays no part.
    """
    pixels = frames.cpu().float()
    sides = torch.cat([pixels[..., :_BORDER], pixels[..., -_BORDER:]], dim=3)
    rows = sides.permute(2, 1, 0, 3).flatten(2).median(dim=2).values  # (F, 3, H, 12) -> (H, 3)
    depth = _depth(len(rows), "cpu")
    line = torch.stack([torch.ones(len(rows)), depth], dim=1)
    top, slope = torch.linalg.lstsq(line, rows).solution
    way = torch.tensor(_GLOW) - top
    return float(((slope * way).sum() / way.square().sum() / _OPACITY).clamp(0, 1))


def _depth(height: int, device: torch.device | str) -> Tensor:
    """0 at the upper edge, 1 at the lower, for each row."""
    return (torch.arange(height, device=device) + 0.5) / height


STYLE = Concept(draw=draw_dusk, measure=duskiness)
