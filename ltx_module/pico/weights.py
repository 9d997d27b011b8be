"""Random weights of pico's single file, under the published names and at scales that make its outputs usable.

Names and shapes come from the very modules that load the file. Values come from numpy's generator, seeded by the
seed and the name, so that no tensor depends on another and every machine draws the same.
"""

import hashlib
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from ltx_module.checkpoint.audio_vae import AudioVAE
from ltx_module.checkpoint.log_mel import MelConfig, mel_filters
from ltx_module.checkpoint.video_vae import VideoVAE
from ltx_module.checkpoint.vocoder import vocoder_arguments
from ltx_module.pico import parts
from ltx_module.pico.config import TEXT_LAYERS
from ltx_module.pico.parts import Part

Tensors = dict[str, torch.Tensor]
NoiseOf = Callable[[str, tuple[int, ...]], torch.Tensor]
"""Standard normal values for a name and a shape."""

# Gain over 1 / sqrt(fan in), by the first pattern that matches a published name.
_GAINS = tuple(
    (re.compile(pattern), gain)
    for pattern, gain in (
        (r"to_gate_logits", 0.1),
        (r"adaln_single\.linear", 0.3),
        (r"proj_out", 0.5),
        (r"^vae\.encoder\.conv_in", 2.0),
        (r"^vae\.decoder\.conv_out", 0.6),
        (r"^audio_vae\.decoder\.conv_out", 1.5),
        (r"^vocoder\.vocoder\.conv_post", 0.04),
        (r"^vocoder\.bwe_generator\.conv_post", 0.01),
        (r"(conv2\.conv|convs2\.\d+)\.weight", 0.5),  # ends of residual branches
        (r"^(vae|audio_vae)\.", 1.5),  # a SiLU before it lets about a third of the variance through
    )
)
_MEL_LEVEL = -5.0  # of log-mels: what the audio decoder gives, and what the layers that take them subtract
_TAKES_MEL = re.compile(r"^(vocoder\.\w+\.conv_pre|audio_vae\.encoder\.conv_in\.conv)\.bias$")
_STATISTICS_STEPS = 8  # statistics are rounded to eighths, so that the machine's arithmetic does not show


def pico_tensors(config: dict[str, Any], seed: int) -> Tensors:
    """All tensors of the single file in bf16, by published name."""
    tensors = _fill(parts.transformer(config), seed)
    tensors |= _fill(parts.text_connectors(config, TEXT_LAYERS + 1), seed)
    tensors |= _vocoder_tensors(parts.vocoder(config), config["vocoder"], seed)
    tensors |= _video_vae_tensors(parts.video_vae(config), seed)
    tensors |= _audio_vae_tensors(parts.audio_vae(config), config["audio_vae"], seed)
    return {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}


def draw(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Standard normal values that depend on the seed and the name alone, fp32."""
    entropy = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16], "little")
    values = np.random.Generator(np.random.PCG64(entropy)).standard_normal(shape, dtype=np.float64)
    return torch.from_numpy(np.asarray(values)).float()


def initial(name: str, shape: tuple[int, ...], noise_of: NoiseOf) -> torch.Tensor:
    """The first value of a weight, chosen by its published name and shape.

    Args:
        name: Published name.
        shape: Shape.
        noise_of: Source of its values.
    """
    if name.endswith(("q_norm.weight", "k_norm.weight")):
        return torch.ones(shape)
    if name.endswith((".act.alpha", ".act.beta")):
        return torch.zeros(shape)  # logarithms
    noise = noise_of(name, shape)
    if "scale_shift_table" in name:
        return 0.3 * noise
    if "learnable_registers" in name:
        return 0.5 * noise
    if name.endswith(".bias"):
        level = _MEL_LEVEL if name.startswith("audio_vae.decoder.conv_out") else 0.0
        return level + 0.02 * noise
    # a transposed convolution (in, out, kernel) sums about two taps of each input for one output
    fan_in = 2 * shape[0] if ".ups." in name else math.prod(shape[1:])
    gain = next((gain for pattern, gain in _GAINS if pattern.search(name)), 1.0)
    return gain / math.sqrt(fan_in) * noise


def _fill(part: Part, seed: int, keep: str = "") -> Tensors:
    """Draws every tensor of a part's state except those whose name matches `keep`, by published name."""
    state, published = part.module.state_dict(), part.published
    for name, tensor in state.items():
        if not (keep and re.search(keep, name)):
            value = initial(published(name), tuple(tensor.shape), partial(draw, seed=seed))
            tensor.copy_(value.to(torch.bfloat16))
        if _TAKES_MEL.match(published(name)):
            weight = state[name.removesuffix("bias") + "weight"]
            tensor.copy_((-_MEL_LEVEL * weight.flatten(1).sum(dim=1)).to(torch.bfloat16))
    return {published(name): tensor for name, tensor in state.items()}


def _video_vae_tensors(part: Part, seed: int) -> Tensors:
    tensors = _fill(part, seed, keep="^latents_")
    clip = _sample_clip(seed)
    measured = VideoVAE(part.module).encode(clip).transpose(0, 1).flatten(1)  # (B, C, F, H, W) -> (C, B*F*H*W)
    _set_statistics(tensors, "vae", measured)
    return tensors


def _audio_vae_tensors(part: Part, config: dict[str, Any], seed: int) -> Tensors:
    tensors = _fill(part, seed, keep="^latents_")
    mel = MelConfig.from_metadata(config["preprocessing"])
    latents = AudioVAE(part.module, mel).encode(_sample_sound(seed, mel))
    measured = latents.permute(1, 3, 0, 2).flatten(0, 1).flatten(1)  # (B, C, L, M) -> (C*M, B*L)
    _set_statistics(tensors, "audio_vae", measured)
    return tensors


def _set_statistics(tensors: Tensors, prefix: str, measured: torch.Tensor) -> None:
    """Writes coarse means and deviations of `(channels, values)`."""
    steps = _STATISTICS_STEPS
    deviation = torch.exp2((measured.std(dim=1).clamp(min=1e-3).log2() * steps).round() / steps)
    mean = (measured.mean(dim=1) / deviation * steps).round() / steps * deviation
    tensors[f"{prefix}.per_channel_statistics.mean-of-means"] = mean
    tensors[f"{prefix}.per_channel_statistics.std-of-means"] = deviation


def _sample_clip(seed: int) -> torch.Tensor:
    """A few moving patterns of strong colours, `(4, 3, 17, 96, 96)` in [-1, 1]."""
    coarse = draw("sample clip", (4, 3, 6, 6, 6), seed)
    smooth = torch.nn.functional.interpolate(coarse, size=(17, 96, 96), mode="trilinear")
    return (2 * smooth).clamp(-1, 1)


def _sample_sound(seed: int, mel: MelConfig) -> torch.Tensor:
    """Noise and tones at several levels, `(4, 2, 1 s)`."""
    time = torch.arange(mel.sample_rate) / mel.sample_rate
    tones = torch.stack([torch.sin(2 * math.pi * hertz * time) for hertz in (220.0, 440.0, 880.0, 1760.0)])
    levels = torch.tensor([0.5, 0.2, 0.1, 0.02]).view(4, 1, 1)
    return levels * (tones[:, None] + 0.1 * draw("sample sound", (4, 2, mel.sample_rate), seed))


def _vocoder_tensors(part: Part, config: dict[str, Any], seed: int) -> Tensors:
    # resampling filters are computed by the module, the spectrogram's bases here
    return _fill(part, seed, keep=r"filter$|^mel_stft") | spectrogram_bases(config)


def spectrogram_bases(config: dict[str, Any]) -> Tensors:
    """The stored Fourier and mel bases of the vocoder, by published name, fp32."""
    arguments = vocoder_arguments(config)
    window = int(arguments["filter_length"])
    mel = MelConfig(sample_rate=arguments["input_sampling_rate"], fft=window, bands=arguments["num_mel_channels"])
    basis = _fourier_basis(window)
    return {
        "vocoder.mel_stft.mel_basis": mel_filters(mel),
        "vocoder.mel_stft.stft_fn.forward_basis": basis,
        "vocoder.mel_stft.stft_fn.inverse_basis": basis * (2.0 / window),  # stored by the reference, never used
    }


def _fourier_basis(window: int) -> torch.Tensor:
    """Rows of cosines, then of negative sines, under a Hann window: `(window + 2, 1, window)`."""
    time = torch.arange(window, dtype=torch.float64)
    frequency = torch.arange(window // 2 + 1, dtype=torch.float64)
    angle = 2 * math.pi * frequency[:, None] * time / window
    rows = torch.cat([angle.cos(), -angle.sin()]) * torch.hann_window(window, dtype=torch.float64)
    return rows[:, None].float()
