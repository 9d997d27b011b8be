"""Text projection and connectors: the hidden states of Gemma to what the transformer attends to.

Each layer's state is RMS-normalised per token, all layers are projected together once for video and once
for audio, padding is replaced by learned registers, and a small transformer per modality mixes the result.
The output has no padding, so the transformer needs no text mask.
"""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ltx_module.checkpoint.assemble import assemble
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.checkpoint.key_maps import component_sources

_EPSILON = 1e-6  # of the norm
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
    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor, window: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Computes the contexts of a batch of captions.

        Args:
            hidden_states: `(B, layers, S, D)`.
            attention_mask: `(B, S)`, 1 for tokens, 0 for padding on the left.
            window: Tokens of a context, a multiple of 128 and at least S; None is S.

        Returns:
            Video context `(B, window, Dv)` and audio context `(B, window, Da)`, all of it valid.

        Raises:
            ValueError: If the states are not those of the Gemma this file was trained with, or the window does not fit.
        """
        _, layers, length, width = hidden_states.shape
        window = length if window is None else window
        check_text_window(window)
        if (layers, width) != (self.layers, self.width):
            raise ValueError(
                f"The text encoder gave {layers} states of width {width}, but this checkpoint was trained with "
                f"{self.layers} of width {self.width}: `model.text_encoder` points to another Gemma."
            )
        left = window - length
        features = [functional.pad(part, (0, 0, left, 0)) for part in self._features(hidden_states, attention_mask)]
        # the connectors replace what is masked, here by a number as low as their dtype has, with registers
        mask = functional.pad(attention_mask, (left, 0))[:, None, None].to(self.model.dtype)
        mask = (mask - 1) * torch.finfo(self.model.dtype).max
        video, _ = self.model.video_connector(features[0], mask)
        audio, _ = self.model.audio_connector(features[1], mask)
        return video, audio

    def _features(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor) -> list[torch.Tensor]:
        """What each connector mixes, `(B, S, Dv)` and `(B, S, Da)`; rows of padding are those of no states at all.

        `feature = projection(rms_norm(states) * sqrt(width of the context / width of Gemma))`, the layers side by side.
        Written out here because diffusers projects the padding, too, of which there is far more than of tokens.
        """
        states = hidden_states.to(self.model.dtype).permute(0, 2, 3, 1)  # (B, layers, S, D) -> (B, S, D, layers)
        normed = states * torch.rsqrt(states.square().mean(dim=2, keepdim=True) + _EPSILON)
        normed = normed.flatten(2, 3).masked_fill_(attention_mask[..., None] == 0, 0.0)
        projections = self.model.video_text_proj_in, self.model.audio_text_proj_in
        return [projection(normed * math.sqrt(projection.out_features / self.width)) for projection in projections]


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
