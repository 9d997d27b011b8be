"""Patterns that fill a shape or lie over a whole picture, as shares in [0, 1] of a second colour.

Each takes places `x`, `y` in pixels and a `period` in pixels, and has smooth edges about a pixel wide.
"""

import math

import torch
from torch import Tensor


def stripes(x: Tensor, y: Tensor, period: Tensor | float) -> Tensor:
    """Bands along y, half a period wide, in the middle of each period."""
    return (0.5 - (_offset(x, period).abs() - period / 4)).clamp(0, 1) + 0 * y


def dots(x: Tensor, y: Tensor, period: Tensor | float) -> Tensor:
    """Discs of radius 0.3 period on a square lattice, in the middle of each period."""
    return (0.5 - (lattice_distance(x, y, period) - 0.3 * period)).clamp(0, 1)


def checks(x: Tensor, y: Tensor, period: Tensor | float) -> Tensor:
    """A chessboard whose fields are half a period wide."""
    across = stripes(x, y, period)
    along = stripes(y, x, period)
    return across + along - 2 * across * along


def halves(x: Tensor, y: Tensor, period: Tensor | float) -> Tensor:
    """Everything right of 0."""
    return (0.5 + x).clamp(0, 1) + 0 * y * period


def ramp(x: Tensor, y: Tensor, period: Tensor | float) -> Tensor:
    """A smooth change from 0 to 1 over two periods around 0."""
    return 0.5 + 0.5 * torch.sin((x / (2 * period)).clamp(-0.5, 0.5) * math.pi) + 0 * y


def lattice_distance(x: Tensor, y: Tensor, period: Tensor | float) -> Tensor:
    """Distance to the nearest point of a square lattice, each in the middle of its period."""
    return torch.hypot(_offset(x, period), _offset(y, period))


def _offset(x: Tensor, period: Tensor | float) -> Tensor:
    """Distance from the middle of the period that x lies in, signed."""
    return torch.remainder(x, period) - period / 2
