"""The vocoder: fitted in closed form to the world's sounds, as a linear map from log-mels to waveforms.

A tone of a multiple of 100 Hz repeats with every frame of the spectrogram, so 10 ms of it are a function of the
spectrum around them; a reduced-rank regression gives that function:

    waveform of a frame (2 x 80 samples at 8 kHz) = V (W x + b)      x: seven frames of both ears' log-mels

W, b are the first convolution and V the first upsampler. The later upsamplers lay out the samples and double their
rate, the residual branches add nothing, and neither does the bandwidth extension: the world has nothing above 4 kHz.

B batch, L mel frames, M mel bins, N samples.
"""

import logging
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ltx_module.checkpoint.log_mel import MelConfig, log_mel
from ltx_module.pico import parts
from ltx_module.pico.config import pico_config
from ltx_module.pico.training.sounds import Sounds
from ltx_module.pico.training.stages import load_part, save_part
from ltx_module.pico.weights import spectrogram_bases

logger = logging.getLogger(__name__)

_EARS, _FRAME, _CONTEXT = 2, 80, 7  # 80 samples at 8 kHz are the 10 ms of a mel frame
_CLIPS = 192
_HIGHEST = 15  # hundreds of Hz
_SEGMENT = 0.125  # seconds that a pitch lasts at least
_RIDGE = 1e-3
_LINEAR = -6.0  # logarithm of a snake's frequency at which it bends nothing
_DOUBLING = (0.25, 0.75, 0.75, 0.25)


@torch.no_grad()
def fit_vocoder(directory: Path, *, seed: int = 0) -> None:
    """Fits the vocoder to the world's tones and to sequences of pitches, half of them through the audio autoencoder."""
    config = pico_config()
    mel = MelConfig.from_metadata(config["audio_vae"]["preprocessing"])
    vae_part, part = parts.audio_vae(config), parts.vocoder(config)
    if not load_part(directory, "audio_vae", vae_part):
        raise FileNotFoundError(f"{directory} has no audio_vae yet: train that stage first.")
    vae: Any = vae_part.module.eval()
    waveform = torch.cat([Sounds(seed, clips=_CLIPS, variety=0).draw(), _sequences(_CLIPS, seed)])
    spectrum = log_mel(waveform, mel)
    restored = torch.cat([vae.decode(vae.encode(some).latent_dist.mode()).sample for some in torch.split(spectrum, 32)])
    inputs = torch.cat([_context(spectrum), _context(restored)])
    wanted = _samples(waveform, spectrum.shape[2]).repeat(2, 1)
    rank = config["vocoder"]["vocoder"]["upsample_initial_channel"]
    weights, basis = reduced_rank_regression(inputs, wanted, rank)
    _install(part, config, weights, basis)
    save_part(directory, "vocoder", part)
    error = ((inputs @ weights) @ basis - wanted).norm() / wanted.norm()
    logger.info("vocoder: %d frames, relative error %.3f", len(inputs), error)


def reduced_rank_regression(inputs: Tensor, wanted: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Factors of the map of a rank that takes `(N, I)` to `(N, O)` with the least squares: `(I, rank)`, `(rank, O)`.

    Source: Izenman, Reduced-rank regression for the multivariate linear model, 1975, with equal weights.
    """
    gram = inputs.T.double() @ inputs.double()
    gram += _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    full = torch.linalg.solve(gram, inputs.T.double() @ wanted.double())
    fitted = inputs.double() @ full
    _, vectors = torch.linalg.eigh(fitted.T @ fitted)
    basis = vectors[:, -rank:]  # (O, rank)
    return (full @ basis).float(), basis.T.float()


def _sequences(clips: int, seed: int) -> Tensor:
    """Pitches of multiples of 100 Hz that change now and then, `(B, 2, N)` at 16 kHz."""
    generator = torch.Generator().manual_seed(seed)
    segments, length = 8, round(_SEGMENT * 16000)
    hundreds = torch.randint(1, _HIGHEST + 1, (clips, segments), generator=generator)
    held = torch.rand(clips, segments, generator=generator) < 0.5
    for index in range(1, segments):
        hundreds[:, index] = torch.where(held[:, index], hundreds[:, index - 1], hundreds[:, index])
    loudness = torch.rand(clips, 1, generator=generator) * 0.5 + 0.02
    loudness = loudness * (torch.rand(clips, segments, generator=generator) < 0.9)
    time = torch.arange(segments * length) / 16000
    pitch, level = (values.repeat_interleave(length, dim=1) for values in (100 * hundreds, loudness))
    angle = torch.rand(clips, 1, generator=generator) * math.pi / 2
    wave = level * torch.sin(2 * math.pi * pitch * time)
    return _as_long(torch.stack([wave * angle.cos(), wave * angle.sin()], dim=1), 16667)


def _as_long(waveform: Tensor, length: int) -> Tensor:
    return nn.functional.pad(waveform, (0, max(0, length - waveform.shape[-1])))[..., :length]


def _context(spectrum: Tensor) -> Tensor:
    """Each frame with its neighbours and a one, `(B, 2, L, M)` -> `(B*L, 2*M*7 + 1)`."""
    half = _CONTEXT // 2
    channels = spectrum.transpose(2, 3).flatten(1, 2)  # (B, 2*M, L)
    windows = nn.functional.pad(channels, (half, half)).unfold(2, _CONTEXT, 1)  # (B, 2*M, L, 7)
    rows = windows.transpose(1, 2).flatten(2).flatten(0, 1)
    return torch.cat([rows, torch.ones(len(rows), 1)], dim=1)


def _samples(waveform: Tensor, frames: int) -> Tensor:
    """The 80 samples at 8 kHz of each frame and ear, `(B, 2, N)` at 16 kHz -> `(B*L, 2*80)`."""
    half_rate = _as_long(waveform, 2 * _FRAME * frames).reshape(*waveform.shape[:2], frames, _FRAME, 2).mean(dim=4)
    return half_rate.transpose(1, 2).flatten(2).flatten(0, 1)  # (B, 2, L, 80) -> (B*L, 2*80)


def _install(part: parts.Part, config: dict[str, Any], weights: Tensor, basis: Tensor) -> None:
    """Writes the fitted map into the first two layers, and into the rest what lays out its samples."""
    bases = spectrogram_bases(config["vocoder"])
    for name, value in part.module.state_dict().items():
        if part.published(name) in bases:
            value.copy_(bases[part.published(name)])
    vocoder: Any = part.module
    vocoder.bwe_generator.conv_out.weight.zero_()
    first = vocoder.vocoder
    for branch in first.resnets:
        for convolution in branch.convs2:
            convolution.weight.zero_()
            convolution.bias.zero_()
    first.act_out.act.alpha.fill_(_LINEAR)
    for layer in (*first.upsamplers, first.conv_out):
        layer.weight.zero_()
        if layer.bias is not None:
            layer.bias.zero_()
    rank = len(basis)
    first.conv_in.weight.copy_(weights[:-1].T.reshape(rank, -1, _CONTEXT))
    first.conv_in.bias.copy_(weights[-1])
    # samples of a frame: (ear, 5, 4, 4), an upsampler for each factor
    taps = basis.reshape(rank, _EARS, 5, 16)
    spread, lay_out, lay_in_line, double = first.upsamplers
    for step in range(5):
        # (rank, ear, 16) -> channels ear * 16 + sample
        spread.weight[:, : 16 * _EARS, 3 + step] = taps[:, :, step].flatten(1)
    for ear in range(_EARS):
        for step in range(4):
            for sample in range(4):
                lay_out.weight[16 * ear + 4 * step + sample, 4 * ear + sample, 2 + step] = 1
            lay_in_line.weight[4 * ear + step, ear, 2 + step] = 1
        double.weight[ear, ear] = torch.tensor(_DOUBLING)
        first.conv_out.weight[ear, ear, _CONTEXT // 2] = 1
