"""Random weights of pico's single file, under the published names and at scales that make its outputs usable.

Names and shapes come from the very modules that load the file. Values come from numpy's generator, seeded by the
seed and the name, so that no tensor depends on another and every machine draws the same.
"""

import hashlib
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ltx_module.checkpoint.audio_vae import AudioVAE, audio_vae_arguments
from ltx_module.checkpoint.log_mel import MelConfig, mel_filters
from ltx_module.checkpoint.text import connector_arguments
from ltx_module.checkpoint.video_vae import VideoVAE, video_vae_arguments
from ltx_module.checkpoint.vocoder import vocoder_arguments
from ltx_module.model import LTXConfig, LTXTransformer
from ltx_module.pico_config import TEXT_LAYERS

Tensors = dict[str, torch.Tensor]

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
    transformer = config["transformer"]
    tensors = _transformer_tensors(transformer, seed)
    tensors |= _connector_tensors(transformer, seed)
    tensors |= _vocoder_tensors(config["vocoder"], seed)
    tensors |= _video_vae_tensors(config["vae"], seed)
    tensors |= _audio_vae_tensors(config["audio_vae"], seed)
    return {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}


def draw(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Standard normal values that depend on the seed and the name alone, fp32."""
    entropy = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16], "little")
    values = np.random.Generator(np.random.PCG64(entropy)).standard_normal(shape, dtype=np.float64)
    return torch.from_numpy(np.asarray(values)).float()


def initial(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """The first value of a weight, chosen by its published name and shape."""
    if name.endswith(("q_norm.weight", "k_norm.weight")):
        return torch.ones(shape)
    if name.endswith((".act.alpha", ".act.beta")):
        return torch.zeros(shape)  # logarithms
    noise = draw(name, shape, seed)
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


def _fill(module: nn.Module, published: Callable[[str], str], seed: int, keep: str = "") -> Tensors:
    """Draws every tensor of a module's state except those whose name matches `keep`, by published name."""
    state = module.state_dict()
    for name, tensor in state.items():
        if not (keep and re.search(keep, name)):
            tensor.copy_(initial(published(name), tuple(tensor.shape), seed).to(torch.bfloat16))
        if _TAKES_MEL.match(published(name)):
            weight = state[name.removesuffix("bias") + "weight"]
            tensor.copy_((-_MEL_LEVEL * weight.flatten(1).sum(dim=1)).to(torch.bfloat16))
    return {published(name): tensor for name, tensor in state.items()}


def _transformer_tensors(config: dict[str, Any], seed: int) -> Tensors:
    module = LTXTransformer(LTXConfig.from_metadata(config), "av")
    return _fill(module, lambda name: f"model.diffusion_model.{name}", seed)


def _connector_tensors(config: dict[str, Any], seed: int) -> Tensors:
    from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors

    def published(name: str) -> str:
        name = re.sub(r"^(\w+)_text_proj_in", r"text_embedding_projection.\1_aggregate_embed", name)
        name = re.sub(r"^(\w+)_connector\.", r"model.diffusion_model.\1_embeddings_connector.", name)
        name = name.replace(".transformer_blocks.", ".transformer_1d_blocks.")
        return name.replace("norm_q", "q_norm").replace("norm_k", "k_norm")

    return _fill(LTX2TextConnectors(**connector_arguments(config, TEXT_LAYERS + 1)), published, seed)


def _statistics_name(name: str) -> str:
    name = name.replace("latents_mean", "per_channel_statistics.mean-of-means")
    return name.replace("latents_std", "per_channel_statistics.std-of-means")


def _video_vae_tensors(config: dict[str, Any], seed: int) -> Tensors:
    from diffusers.models.autoencoders.autoencoder_kl_ltx2 import AutoencoderKLLTX2Video

    model = AutoencoderKLLTX2Video(**video_vae_arguments(config)).eval()
    stages = len(config["encoder_blocks"]) // 2

    def published(name: str) -> str:
        name = _statistics_name(name).replace("resnets", "res_blocks")
        name = name.replace("encoder.mid_block", f"encoder.down_blocks.{2 * stages}")
        name = (
            name.replace("decoder.mid_block", "decoder.up_blocks.0") if "decoder.mid_block" in name else _unnest(name)
        )
        return f"vae.{name}"

    tensors = _fill(model, published, seed, keep="^latents_")
    clip = _sample_clip(seed)
    measured = VideoVAE(model).encode(clip).transpose(0, 1).flatten(1)  # (B, C, F, H, W) -> (C, B*F*H*W)
    _set_statistics(tensors, "vae", measured)
    return tensors


def _unnest(name: str) -> str:
    """Diffusers' stages with their resamplers, back to the single list of the file."""
    match = re.match(r"^(encoder\.down|decoder\.up)_blocks\.(\d+)\.((?:down|up)samplers\.0\.)?(.*)$", name)
    if match is None:
        return name
    side, stage, resampler, rest = match[1], int(match[2]), match[3], match[4]
    # encoder: stage, down, stage, ...; decoder: middle, up, stage, up, stage, ...
    index = 2 * stage + (1 if resampler else 0) if side.startswith("encoder") else 2 * stage + (1 if resampler else 2)
    return f"{side}_blocks.{index}.{rest}"


def _audio_vae_tensors(config: dict[str, Any], seed: int) -> Tensors:
    from diffusers.models.autoencoders.autoencoder_kl_ltx2_audio import AutoencoderKLLTX2Audio

    mel = MelConfig.from_metadata(config["preprocessing"])
    model = AutoencoderKLLTX2Audio(**audio_vae_arguments(config, mel)).eval()
    tensors = _fill(model, lambda name: f"audio_vae.{_statistics_name(name)}", seed, keep="^latents_")
    latents = AudioVAE(model, mel).encode(_sample_sound(seed, mel))
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


def _vocoder_tensors(config: dict[str, Any], seed: int) -> Tensors:
    from diffusers.pipelines.ltx2.vocoder import LTX2VocoderWithBWE

    def published(name: str) -> str:
        name = re.sub(r"(^|\.)upsamplers\.", r"\1ups.", name).replace("resnets", "resblocks")
        name = name.replace("conv_in", "conv_pre").replace("conv_out", "conv_post").replace("act_out", "act_post")
        return "vocoder." + re.sub(r"downsample\.filter", "downsample.lowpass.filter", name)

    arguments = vocoder_arguments(config)
    # resampling filters are computed by the module, the spectrogram's bases here
    tensors = _fill(LTX2VocoderWithBWE(**arguments), published, seed, keep=r"filter$|^mel_stft")
    window = int(arguments["filter_length"])
    mel = MelConfig(sample_rate=arguments["input_sampling_rate"], fft=window, bands=arguments["num_mel_channels"])
    basis = _fourier_basis(window)
    tensors["vocoder.mel_stft.mel_basis"] = mel_filters(mel)
    tensors["vocoder.mel_stft.stft_fn.forward_basis"] = basis
    tensors["vocoder.mel_stft.stft_fn.inverse_basis"] = basis * (2.0 / window)  # stored by the reference, never used
    return tensors


def _fourier_basis(window: int) -> torch.Tensor:
    """Rows of cosines, then of negative sines, under a Hann window: `(window + 2, 1, window)`."""
    time = torch.arange(window, dtype=torch.float64)
    frequency = torch.arange(window // 2 + 1, dtype=torch.float64)
    angle = 2 * math.pi * frequency[:, None] * time / window
    rows = torch.cat([angle.cos(), -angle.sin()]) * torch.hann_window(window, dtype=torch.float64)
    return rows[:, None].float()
