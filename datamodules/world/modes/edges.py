"""Edges of clips, and how well those of two clips agree.

An edge is where the colour changes faster than on both sides of it, across the direction in which it changes most.
Agreement is the harmonic mean of precision and recall, with a pixel of tolerance:
`F = 2 P R / (P + R)`, P the share of the found edges that lie by a true one, R the share of the true ones found.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

_LEAST_CONTRAST = 0.25  # of the clip's strongest edge
_FAINTEST = 20.0  # RGB distance over two pixels


def edges(frames: Tensor) -> Tensor:
    """Edges one or two pixels wide.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.

    Returns:
        True on edges, bool, `(F, H, W)`.
    """
    soft = avg_pool2d(pad(frames.float(), (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    wide = pad(soft, (1, 1, 1, 1), mode="replicate")
    across = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]).norm(dim=1)
    down = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]).norm(dim=1)
    contrast = torch.hypot(across, down)
    around = pad(contrast, (1, 1, 1, 1))
    crest_across = (contrast >= around[:, 1:-1, :-2]) & (contrast > around[:, 1:-1, 2:]) & (across >= down)
    crest_down = (contrast >= around[:, :-2, 1:-1]) & (contrast > around[:, 2:, 1:-1]) & (down > across)
    seen = contrast > max(_FAINTEST, _LEAST_CONTRAST * float(contrast.max()))
    return torch.logical_and(crest_across | crest_down, seen)


def edge_agreement(frames: Tensor, true_frames: Tensor) -> float:
    """F-measure of the edges of a clip against the true ones, in [0, 1].

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB.
        true_frames: The same shape.
    """
    found, true = edges(frames), edges(true_frames)
    if not found.any() or not true.any():
        return float(not found.any() and not true.any())
    precision = (found & _widened(true)).sum() / found.sum()
    recall = (true & _widened(found)).sum() / true.sum()
    return float(2 * precision * recall / (precision + recall).clamp(min=1e-9))


def relative_edge_agreement(frames: Tensor, kept: Tensor, true_frames: Tensor) -> float:
    """The agreement as a share of that of the clip which an autoencoder kept, in [0, 1]."""
    return min(1.0, edge_agreement(frames, true_frames) / max(edge_agreement(kept, true_frames), 1e-3))


def _widened(mask: Tensor) -> Tensor:
    return max_pool2d(mask.float(), 3, stride=1, padding=1) > 0
