"""Text projection and connectors: the hidden states of Gemma to what the transformer attends to.

Each layer's state is RMS-normalised per token, all layers are projected together once for video and once
for audio, padding is replaced by learned registers, and a small transformer per modality mixes the result.
The output has no padding, so the transformer needs no text mask.
"""

from typing import Any

import torch
from torch import nn

from ltx_module.checkpoint.assemble import assemble
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.checkpoint.key_maps import component_sources

REGISTERS = 128
"""Learned registers fill the padding in whole tiles, so a text window is a multiple of this."""
VIDEO_PROJECTION = "text_embedding_projection.video_aggregate_embed.weight"


class TextConnectors(nn.Module):
    """Projection and connectors of both modalities.

    Args:
        model: The loaded diffusers connectors.
        layers: Hidden states per token: the embedding and each layer of Gemma.
        width: Width of Gemma.
    """

    def __init__(self, model: nn.Module, layers: int, width: int) -> None:
        super().__init__()
        self.model: Any = model
        self.layers = layers
        self.width = width

    @torch.no_grad()
    def forward(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Computes the contexts of a batch of captions.

        Args:
            hidden_states: `(B, layers, S, D)`, S a multiple of 128.
            attention_mask: `(B, S)`, 1 for tokens, 0 for padding on the left.

        Returns:
            Video context `(B, S, Dv)` and audio context `(B, S, Da)`, all of it valid.

        Raises:
            ValueError: If the states are not those of the Gemma this file was trained with, or S does not fit.
        """
        _, layers, window, width = hidden_states.shape
        check_text_window(window)
        if (layers, width) != (self.layers, self.width):
            raise ValueError(
                f"The text encoder gave {layers} states of width {width}, but this checkpoint was trained with "
                f"{self.layers} of width {self.width}: `model.text_encoder` points to another Gemma."
            )
        stacked = hidden_states.to(self.model.dtype).permute(0, 2, 3, 1)  # (B, layers, S, D) -> (B, S, D, layers)
        video, audio, _ = self.model(stacked, attention_mask)
        return video, audio


def check_text_window(window: int) -> None:
    """Raises ValueError unless a text window is a positive multiple of 128."""
    if window <= 0 or window % REGISTERS:
        nearest = max(REGISTERS, round(window / REGISTERS) * REGISTERS)
        raise ValueError(
            f"`data.text_window` is {window}, but the text connectors fill it with {REGISTERS} registers at a time, "
            f"so it must be a multiple of {REGISTERS}: use {nearest}."
        )


def load_text_connectors(
    file: SafetensorsFile, config: dict[str, Any], dtype: torch.dtype, device: torch.device | str
) -> TextConnectors:
    """Builds the connectors that the `transformer` section describes and loads them with the projection."""
    from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors

    layers, width = projection_inputs(file, config)
    with torch.device("meta"):
        model = LTX2TextConnectors(**connector_arguments(config, layers))
    sources = component_sources("text_connectors", file.tensors)
    assemble(model, file, sources, component="text connectors", dtype=dtype, device=device)
    return TextConnectors(model, layers, width)


def projection_inputs(file: SafetensorsFile, config: dict[str, Any]) -> tuple[int, int]:
    """Number and width of the Gemma states that the projection takes; the number is in its shape alone."""
    width = int(config["caption_channels"])
    return file.tensors[VIDEO_PROJECTION].shape[1] // width, width


def connector_arguments(config: dict[str, Any], layers: int) -> dict[str, Any]:
    """Constructor arguments of diffusers from the `transformer` section of the metadata."""
    gated = config["connector_apply_gated_attention"]
    return {
        "caption_channels": config["caption_channels"],
        "text_proj_in_factor": layers,
        "video_connector_num_attention_heads": config["connector_num_attention_heads"],
        "video_connector_attention_head_dim": config["connector_attention_head_dim"],
        "video_connector_num_layers": config["connector_num_layers"],
        "video_connector_num_learnable_registers": REGISTERS,
        "video_gated_attn": gated,
        "audio_connector_num_attention_heads": config["audio_connector_num_attention_heads"],
        "audio_connector_attention_head_dim": config["audio_connector_attention_head_dim"],
        "audio_connector_num_layers": config["audio_connector_num_layers"],
        "audio_connector_num_learnable_registers": REGISTERS,
        "audio_gated_attn": gated,
        "connector_rope_base_seq_len": config["connector_positional_embedding_max_pos"][0],
        "rope_theta": config.get("positional_embedding_theta", 10000.0),
        "rope_double_precision": config.get("frequencies_precision") == "float64",
        "causal_temporal_positioning": False,
        "rope_type": config["rope_type"],
        "per_modality_projections": True,
        "video_hidden_dim": config["cross_attention_dim"],
        "audio_hidden_dim": config["audio_cross_attention_dim"],
        "proj_bias": True,
    }
