"""The modules of a checkpoint, unfilled, with the names that the published file gives their tensors."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch import nn

from ltx_module.checkpoint.audio_vae import audio_vae_arguments
from ltx_module.checkpoint.log_mel import MelConfig
from ltx_module.checkpoint.text import connector_arguments
from ltx_module.checkpoint.video_vae import video_vae_arguments
from ltx_module.checkpoint.vocoder import vocoder_arguments
from ltx_module.model import LTXConfig, LTXTransformer


class Part(NamedTuple):
    """One component of a checkpoint."""

    module: nn.Module
    published: Callable[[str], str]
    """From a name in the module to the name in the file."""


def transformer(config: dict[str, Any]) -> Part:
    """The transformer with both streams."""
    return Part(LTXTransformer(LTXConfig.from_metadata(config["transformer"]), "av"), _transformer_name)


def text_connectors(config: dict[str, Any], text_states: int) -> Part:
    """Text projection and connectors, for a text encoder with so many hidden states."""
    from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors

    return Part(LTX2TextConnectors(**connector_arguments(config["transformer"], text_states)), _connector_name)


def video_vae(config: dict[str, Any]) -> Part:
    """The video autoencoder."""
    from diffusers.models.autoencoders.autoencoder_kl_ltx2 import AutoencoderKLLTX2Video

    stages = len(config["vae"]["encoder_blocks"]) // 2
    module = AutoencoderKLLTX2Video(**video_vae_arguments(config["vae"])).eval()
    return Part(module, lambda name: _video_vae_name(name, stages))


def audio_vae(config: dict[str, Any]) -> Part:
    """The audio autoencoder."""
    from diffusers.models.autoencoders.autoencoder_kl_ltx2_audio import AutoencoderKLLTX2Audio

    mel = MelConfig.from_metadata(config["audio_vae"]["preprocessing"])
    module = AutoencoderKLLTX2Audio(**audio_vae_arguments(config["audio_vae"], mel)).eval()
    return Part(module, lambda name: f"audio_vae.{_statistics_name(name)}")


def vocoder(config: dict[str, Any]) -> Part:
    """The vocoder with its bandwidth extension."""
    from diffusers.pipelines.ltx2.vocoder import LTX2VocoderWithBWE

    return Part(LTX2VocoderWithBWE(**vocoder_arguments(config["vocoder"])), _vocoder_name)


def parts(config: dict[str, Any], text_states: int) -> Iterator[Part]:
    """All components, one at a time."""
    yield transformer(config)
    yield text_connectors(config, text_states)
    yield video_vae(config)
    yield audio_vae(config)
    yield vocoder(config)


def _transformer_name(name: str) -> str:
    return f"model.diffusion_model.{name}"


def _connector_name(name: str) -> str:
    name = re.sub(r"^(\w+)_text_proj_in", r"text_embedding_projection.\1_aggregate_embed", name)
    name = re.sub(r"^(\w+)_connector\.", r"model.diffusion_model.\1_embeddings_connector.", name)
    name = name.replace(".transformer_blocks.", ".transformer_1d_blocks.")
    return name.replace("norm_q", "q_norm").replace("norm_k", "k_norm")


def _statistics_name(name: str) -> str:
    name = name.replace("latents_mean", "per_channel_statistics.mean-of-means")
    return name.replace("latents_std", "per_channel_statistics.std-of-means")


def _video_vae_name(name: str, stages: int) -> str:
    name = _statistics_name(name).replace("resnets", "res_blocks")
    name = name.replace("encoder.mid_block", f"encoder.down_blocks.{2 * stages}")
    if "decoder.mid_block" in name:
        return f"vae.{name.replace('decoder.mid_block', 'decoder.up_blocks.0')}"
    return f"vae.{_unnest(name)}"


def _unnest(name: str) -> str:
    """Diffusers' stages with their resamplers, back to the single list of the file."""
    match = re.match(r"^(encoder\.down|decoder\.up)_blocks\.(\d+)\.((?:down|up)samplers\.0\.)?(.*)$", name)
    if match is None:
        return name
    side, stage, resampler, rest = match[1], int(match[2]), match[3], match[4]
    # encoder: stage, down, stage, ...; decoder: middle, up, stage, up, stage, ...
    index = 2 * stage + (1 if resampler else 0) if side.startswith("encoder") else 2 * stage + (1 if resampler else 2)
    return f"{side}_blocks.{index}.{rest}"


def _vocoder_name(name: str) -> str:
    name = re.sub(r"(^|\.)upsamplers\.", r"\1ups.", name).replace("resnets", "resblocks")
    name = name.replace("conv_in", "conv_pre").replace("conv_out", "conv_post").replace("act_out", "act_post")
    return "vocoder." + re.sub(r"downsample\.filter", "downsample.lowpass.filter", name)
