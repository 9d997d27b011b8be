"""Size-free numbers of a video, in families: what its latents, colours, textures and motion are like.

No classifier and no download: the latents of the video VAE, and statistics of pixels. Whatever a concept is, some
family shows it; `adoption` finds out which. Each feature is a mean over the picture or a place in it, so that videos of
different sizes and lengths can be compared.

C latent channels, F frames, H W height and width.
"""

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from ltx_module.evaluation.observation import Observation

Features = dict[str, Tensor]
"""A vector for each family."""

EPSILON = 1e-4
"""Added before a logarithm; pixels are in [0, 1], latents about 1."""

_LEVELS = 4
_LAGS = (1, 2, 4, 8)
_MOMENTS = 6
_EIGHTHS = 8
_ORIENTATIONS = 8
_SHADES = 4  # of each primary colour
_LUMA = (0.299, 0.587, 0.114)
_QUANTILES = (0.02, 0.25, 0.5, 0.75, 0.98)


def video_features(observation: Observation) -> Features:
    """Feature vectors of a video by family; `motion` and `latent_motion` are missing for a still."""
    latents_CFHW = torch.nan_to_num(observation.latents.float(), nan=0.0, posinf=1e3, neginf=-1e3)
    pixels_F3HW = observation.frames.float() / 255
    luma_FHW = luma(pixels_F3HW)
    features = {
        "latent": latent_statistics(latents_CFHW),
        "colour": _colours(pixels_F3HW, luma_FHW),
        "palette": _palette(pixels_F3HW),
        "texture": _textures(pixels_F3HW, luma_FHW),
    }
    if len(pixels_F3HW) > 1:
        features["motion"] = _motion(pixels_F3HW, luma_FHW)
        features["pulse"] = _pulse(pixels_F3HW, luma_FHW)
    if latents_CFHW.shape[1] > 1:
        features["latent_motion"] = (latents_CFHW.diff(dim=1).square().mean((1, 2, 3)) + EPSILON).log()
    return features


def luma(pixels_F3HW: Tensor) -> Tensor:
    """Brightness, `(F, H, W)`."""
    weights = torch.tensor(_LUMA, device=pixels_F3HW.device).view(1, 3, 1, 1)
    return (pixels_F3HW * weights).sum(1)


def saturation(pixels_F3HW: Tensor) -> Tensor:
    """Spread of the three colours of each pixel, in [0, 1], `(F, H, W)`."""
    return pixels_F3HW.amax(1) - pixels_F3HW.amin(1)


def latent_statistics(latents_CFHW: Tensor) -> Tensor:
    """Mean, log spread and log gradient energy of each channel, `(3 * C,)`."""
    means = latents_CFHW.mean((1, 2, 3))
    spread = (latents_CFHW.flatten(2).var(dim=2, unbiased=False).mean(1) + EPSILON).log() / 2
    steps = [latents_CFHW.diff(dim=axis).square().mean((1, 2, 3)) for axis in (2, 3) if latents_CFHW.shape[axis] > 1]
    gradients = torch.stack(steps).sum(0) if steps else torch.zeros_like(means)
    return torch.cat([means, spread, (gradients + EPSILON).log() / 2])


def high_frequency(pixels_F3HW: Tensor) -> Tensor:
    """Energy of the finest details, those that a blur over 3 x 3 pixels takes away."""
    return _bands(luma(pixels_F3HW)[:, None])[0]


def _colours(pixels_F3HW: Tensor, luma_FHW: Tensor) -> Tensor:
    means, spreads = pixels_F3HW.mean((0, 2, 3)), pixels_F3HW.std((0, 2, 3))
    quantiles = luma_FHW.flatten()[:: max(luma_FHW.numel() // 200_000, 1)].quantile(torch.tensor(_QUANTILES))
    return torch.cat([means, spreads, saturation(pixels_F3HW).mean()[None], quantiles])


def _palette(pixels_F3HW: Tensor) -> Tensor:
    """Square roots of the shares of 64 colours, which show small things too; a pixel counts for its neighbours."""
    place_3N = pixels_F3HW.transpose(0, 1).flatten(1) * (_SHADES - 1)
    low_3N = place_3N.floor().clamp(max=_SHADES - 2)
    share_3N = place_3N - low_3N
    counts = torch.zeros(_SHADES**3)
    for corner in product((0, 1), repeat=3):
        sides_3 = torch.tensor(corner)[:, None]
        weight_N = torch.where(sides_3 == 1, share_3N, 1 - share_3N).prod(0)
        red, green, blue = (low_3N + sides_3).long()
        counts.index_add_(0, (red * _SHADES + green) * _SHADES + blue, weight_N)
    return (counts / counts.sum()).sqrt()


def _textures(pixels_F3HW: Tensor, luma_FHW: Tensor) -> Tensor:
    """Log energies of the bands of a Laplacian pyramid, of brightness and of colour, and where gradients point."""
    bright = (_bands(luma_FHW[:, None]) + EPSILON**2).log() / 2
    chroma = (_bands(pixels_F3HW - luma_FHW[:, None]) + EPSILON**2).log() / 2
    return torch.cat([bright, chroma, _orientations(luma_FHW), _orientations(_halved(luma_FHW[:, None])[:, 0])])


def _bands(pictures_FCHW: Tensor) -> Tensor:
    """Mean energy of each band of a Laplacian pyramid, finest first, `(4,)`."""
    energies = []
    for _ in range(_LEVELS):
        blurred = functional.avg_pool2d(functional.pad(pictures_FCHW, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        energies.append((pictures_FCHW - blurred).square().mean())
        pictures_FCHW = _halved(blurred)
    return torch.stack(energies)


def _halved(pictures_FCHW: Tensor) -> Tensor:
    return (
        functional.avg_pool2d(pictures_FCHW, 2, ceil_mode=True) if min(pictures_FCHW.shape[-2:]) > 1 else pictures_FCHW
    )


def _orientations(luma_FHW: Tensor) -> Tensor:
    """Share of the gradient energy in each of 8 directions of half a turn, `(8,)`."""
    down, right = luma_FHW[:, 1:, :-1] - luma_FHW[:, :-1, :-1], luma_FHW[:, :-1, 1:] - luma_FHW[:, :-1, :-1]
    energy = down.square() + right.square()
    bins = (torch.atan2(down, right) / torch.pi * _ORIENTATIONS).floor().long() % _ORIENTATIONS
    shares = torch.zeros(_ORIENTATIONS).index_add_(0, bins.flatten(), energy.flatten())
    return shares / (shares.sum() + EPSILON)


def _pulse(pixels_F3HW: Tensor, luma_FHW: Tensor) -> Tensor:
    """How brightness, contrast and saturation come and go: over eighths of the time, and how much in all."""
    courses_3F = torch.stack([luma_FHW.mean((1, 2)), luma_FHW.flatten(1).std(1), saturation(pixels_F3HW).mean((1, 2))])
    relative_3F = courses_3F / (courses_3F.mean(1, keepdim=True) + EPSILON) - 1
    eighths = functional.adaptive_avg_pool1d(relative_3F[None], _EIGHTHS)[0]
    return torch.cat([eighths.flatten(), relative_3F.std(1, unbiased=False)])


def _motion(pixels_F3HW: Tensor, luma_FHW: Tensor) -> Tensor:
    """How much changes over 1, 2, 4 and 8 frames; and over six parts of the time: how much, where and how wide."""
    small = functional.adaptive_avg_pool2d(pixels_F3HW, (32, 32))
    lags = [(small[lag:] - small[:-lag]).square().mean() if len(small) > lag else small.new_zeros(()) for lag in _LAGS]
    flicker = pixels_F3HW.mean((2, 3)).var(0, unbiased=False).sum()
    change = functional.adaptive_avg_pool2d(luma_FHW[:, None], (32, 32))[:, 0].diff(dim=0).square()
    parts = functional.adaptive_avg_pool3d(change[None, None], (_MOMENTS, 32, 32))[0, 0]
    energy = parts.sum((1, 2)) + EPSILON
    place = (torch.arange(32) + 0.5) / 32 - 0.5
    x, y = (parts * place).sum((1, 2)) / energy, (parts * place[:, None]).sum((1, 2)) / energy
    width = (parts * (place.square() + place.square()[:, None])).sum((1, 2)) / energy - x.square() - y.square()
    amounts = torch.stack([*lags, flicker])
    return torch.cat([(amounts + EPSILON**2).log() / 2, energy / energy.sum(), x, y, width.clamp(min=0).sqrt()])
