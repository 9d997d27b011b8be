"""Masks at the size of latents: which latent pixels and which audio latents are given, and which are made anew.

The VAEs are causal, and so are the groups: latent frame 0 stands for frame 0 alone and latent frame k for the frames
8k-7 to 8k; audio latent 0 for the first spectrum alone and latent k for the spectra 4k-3 to 4k, 100 of them a second.
A latent is made anew if anything of what it stands for is.
"""

import torch
from torch import Tensor

from datamodules.geometry import AudioLatentSpec, LatentSpec
from datamodules.manifest.clip import Spans
from datamodules.media.audio import SAMPLE_RATE

MASK_RULE = "any, causal"
"""Name of how pixels become latents; renamed when that changes."""

_HALF = 0.5
_SPECTRA_PER_LATENT = 4
_SAMPLES_PER_SPECTRUM = SAMPLE_RATE // 100


def given_pixels(frames: Tensor, *, white_is_given: bool) -> Tensor:
    """The mask of a picture.

    Args:
        frames: Mask as it is drawn, `(F, 3, H, W)`, uint8, F = 8k + 1.
        white_is_given: Whether white is what is kept; else it is what is made anew.

    Returns:
        `(F', H', W')`, bool, True is given.
    """
    spec = LatentSpec()
    anew = torch.stack([_tiles_anew(frame, white_is_given) for frame in frames])
    # The first frame stands for itself: seven more of it fill its group and change nothing.
    filled = torch.cat([anew[:1].expand(spec.frame_stride - 1, -1, -1), anew])
    return ~filled.view(-1, spec.frame_stride, *filled.shape[1:]).any(1)  # (F + 7, H', W') -> (F', H', W')


def given_sound(waveform: Tensor, duration: float, *, loud_is_given: bool) -> Tensor:
    """The mask of a sound that is a sound itself.

    Args:
        waveform: Mask, `(2, N)` at 16 kHz in [-1, 1].
        duration: Seconds of the clip.
        loud_is_given: Whether what is loud is kept; else it is what is made anew.

    Returns:
        `(L,)`, bool, True is given.
    """
    loud = waveform.abs().amax(0) > _HALF
    return torch.stack([~_any_anew(loud[begin:end], loud_is_given) for begin, end in _samples(duration)])


def given_spans(spans: Spans, start: float, duration: float) -> Tensor:
    """The mask of a sound that is written in seconds.

    Args:
        spans: What is made anew, seconds of the clip.
        start: Where the window begins, seconds of the clip.
        duration: Seconds of the window.

    Returns:
        `(L,)`, bool, True is given.
    """
    samples = torch.tensor(_samples(duration)) / SAMPLE_RATE + start  # (L, 2)
    anew = torch.zeros(len(samples), dtype=torch.bool)
    for begin, end in spans:
        anew |= (samples[:, 0] < end) & (samples[:, 1] > begin)
    return ~anew


def _tiles_anew(frame: Tensor, white_is_given: bool) -> Tensor:
    """Which latent pixels of one frame are made anew, frame by frame since the pixels of all of them fill gigabytes."""
    stride = LatentSpec().pixel_stride
    white = frame.float().mean(0) / 255 > _HALF  # (3, H, W) -> (H, W)
    anew = white != white_is_given
    height, width = anew.shape
    return anew.view(height // stride, stride, width // stride, stride).any(3).any(1)  # (H, W) -> (H', W')


def _any_anew(loud: Tensor, loud_is_given: bool) -> Tensor:
    """Whether anything of a latent's sound is made anew; an oscillation passes zero, so silence has to last."""
    return loud.any() != loud_is_given


def _samples(duration: float) -> list[tuple[int, int]]:
    """First sample and end of what each audio latent stands for."""
    lasts = [_SPECTRA_PER_LATENT * number for number in range(AudioLatentSpec().length(duration))]
    firsts = [max(last - _SPECTRA_PER_LATENT + 1, 0) for last in lasts]
    return [
        (first * _SAMPLES_PER_SPECTRUM, (last + 1) * _SAMPLES_PER_SPECTRUM)
        for first, last in zip(firsts, lasts, strict=True)
    ]
