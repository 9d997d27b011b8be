"""Size-free numbers of a sound, and the plain figures by which one hears that something is wrong.

F frames of the spectrum, N samples of sound.
"""

import math

import torch
from torch import Tensor

from ltx_module.evaluation.video_features import Features

SAMPLE_RATE = 48_000
SILENCE_DB = -60.0
"""Level of a tenth of a second, dB of full scale, below which it counts as silence."""

_WINDOW = 4096
_HOP = 1024
_BANDS = 32
_LOWEST_HERTZ = 80.0  # the lowest band is just wider than a bin
_HIGHEST_HERTZ = 16_000.0
_FLOOR_DB = -90.0
_TIMES = 8
_LAGS = (1, 2, 4, 8)
_BLOCK = SAMPLE_RATE // 10
_CLIPPED = 0.999


def audio_features(waveform_2N: Tensor) -> Features:
    """Feature vectors of a sound: `spectrum` is what it sounds like, `sound_motion` how that changes with time."""
    spectrum_FB = log_spectrum(waveform_2N)
    means, spreads = spectrum_FB.mean(0), spectrum_FB.std(0, unbiased=False)
    centroid_F, level_F = _centroid(spectrum_FB), spectrum_FB.exp().sum(1).log()
    lags = [
        (spectrum_FB[lag:] - spectrum_FB[:-lag]).square().mean() if len(spectrum_FB) > lag else means.new_zeros(())
        for lag in _LAGS
    ]
    shape = torch.cat([_profile(centroid_F), _profile(level_F - level_F.mean())])
    return {
        "spectrum": torch.cat([means, spreads]),
        "sound_motion": torch.cat([shape, torch.stack(lags).sqrt(), centroid_F.std(unbiased=False)[None]]),
    }


def log_spectrum(waveform_2N: Tensor) -> Tensor:
    """Natural logarithm of the power in 32 bands from 80 Hz to 16 kHz, of the mono mix, `(F, 32)`; floor -90 dB."""
    mono = torch.nan_to_num(waveform_2N.float()).mean(0)
    mono = torch.nn.functional.pad(mono, (0, max(_WINDOW - len(mono), 0)))
    power = torch.stft(mono, _WINDOW, _HOP, window=torch.hann_window(_WINDOW), return_complex=True).abs().square()
    power = power / (_WINDOW / 4) ** 2  # a full-scale sine at the centre of a bin has power 1
    edges = torch.logspace(math.log10(_LOWEST_HERTZ), math.log10(_HIGHEST_HERTZ), _BANDS + 1)
    bins = torch.arange(len(power)) * SAMPLE_RATE / _WINDOW
    number = torch.bucketize(bins, edges) - 1
    inside = (number >= 0) & (number < _BANDS)
    bands = torch.zeros(_BANDS, power.shape[1]).index_add_(0, number[inside], power[inside])
    return (bands.T + 10 ** (_FLOOR_DB / 10)).log()


def level_db(waveform_2N: Tensor) -> float:
    """Root mean square in dB of full scale; -90 for silence."""
    return _decibels(waveform_2N.float().square().mean())


def silence_share(waveform_2N: Tensor) -> float:
    """Share of the tenths of a second that are quieter than -60 dB."""
    blocks = [block for block in torch.split(waveform_2N.float(), _BLOCK, dim=1) if block.shape[1] * 2 > _BLOCK]
    quiet = [_decibels(block.square().mean()) < SILENCE_DB for block in blocks or [waveform_2N.float()]]
    return sum(quiet) / len(quiet)


def clipping_share(waveform_2N: Tensor) -> float:
    """Share of the samples at full scale."""
    return float((waveform_2N.abs() >= _CLIPPED).float().mean())


def spectral_centroid(waveform_2N: Tensor) -> float:
    """Octaves above 80 Hz around which the power lies, mean over time."""
    return float(_centroid(log_spectrum(waveform_2N)).mean())


def spectral_flatness(waveform_2N: Tensor) -> float:
    """Geometric over arithmetic mean of the bands' power: 1 for noise, 0 for a pure tone."""
    spectrum_FB = log_spectrum(waveform_2N)
    return float((spectrum_FB.mean(1).exp() / spectrum_FB.exp().mean(1)).mean())


def log_spectral_distance(left_2N: Tensor, right_2N: Tensor) -> float:
    """Root mean square difference of the mean spectra in dB over the bands, both at the same level."""
    left, right = (log_spectrum(waveform).mean(0) for waveform in (left_2N, right_2N))
    difference = (left - left.mean()) - (right - right.mean())
    return float(difference.square().mean().sqrt()) * 10 / math.log(10)


def _centroid(spectrum_FB: Tensor) -> Tensor:
    octaves = torch.linspace(0, math.log2(_HIGHEST_HERTZ / _LOWEST_HERTZ), _BANDS)
    power = spectrum_FB.exp()
    return (power * octaves).sum(1) / power.sum(1)


def _profile(values_F: Tensor) -> Tensor:
    """Means over eighths of the time."""
    return torch.nn.functional.adaptive_avg_pool1d(values_F[None, None], _TIMES)[0, 0]


def _decibels(power: Tensor) -> float:
    return 10 * math.log10(max(float(torch.nan_to_num(power)), 10 ** (_FLOOR_DB / 10)))
