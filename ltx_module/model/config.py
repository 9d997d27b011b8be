"""Sizes of an LTX-2.3 transformer, read from the `transformer` section of a checkpoint's `config` metadata.

Everything that is the same in every 2.3 file is code, not configuration; a file that differs in it is another
architecture and is refused by name rather than run wrongly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

Streams = Literal["av", "video", "audio"]
"""Which streams of the transformer are built."""

# What the key must be, if the file has it. Leaving it out means the same value.
_CONSTANTS: dict[str, object] = {
    "dropout": 0.0,
    "attention_bias": True,
    "activation_fn": "gelu-approximate",
    "num_embeds_ada_norm": 1000,
    "cross_attention_norm": True,
    "standardization_norm": "rms_norm",
    "norm_elementwise_affine": False,
    "qk_norm": "rms_norm",
    "positional_embedding_type": "rope",
    "use_audio_video_cross_attention": True,
    "share_ff": False,
    "av_cross_ada_norm": True,
    "use_middle_indices_grid": True,
    "use_prompt_adaln_single": True,
    "ff_bias": True,
    "audio_ff_bias": True,
    "use_keyframes_abs_pos_embedding": False,
    "caption_projection_first_linear": False,
    "caption_projection_second_linear": False,
    "caption_proj_input_norm": False,
}

# What the key must be; LTX-2.0 has another value or leaves it out.
_REQUIRED: dict[str, object] = {
    "apply_gated_attention": True,
    "cross_attention_adaln": True,
    "caption_proj_before_connector": True,
    "rope_type": "split",
    "frequencies_precision": "float64",
}


@dataclass(frozen=True, kw_only=True)
class LTXConfig:
    """Sizes of the transformer; the defaults are those of the 22B file."""

    num_layers: int = 48
    num_attention_heads: int = 32
    attention_head_dim: int = 128
    in_channels: int = 128
    """Channels of a video latent, which is one token."""
    out_channels: int = 128
    cross_attention_dim: int = 4096
    """Width of the video text context, equal to the width of the video stream."""
    audio_num_attention_heads: int = 32
    audio_attention_head_dim: int = 64
    audio_in_channels: int = 128
    """Channels times mel bins of an audio latent, which is one token."""
    audio_out_channels: int = 128
    audio_cross_attention_dim: int = 2048
    norm_eps: float = 1.0e-6
    positional_embedding_theta: float = 10000.0
    positional_embedding_max_pos: tuple[float, ...] = (20, 2048, 2048)
    """Seconds, pixels, pixels that map to the end of the RoPE range."""
    audio_positional_embedding_max_pos: tuple[float, ...] = (20,)
    """Seconds."""
    timestep_scale_multiplier: float = 1000.0
    av_ca_timestep_scale_multiplier: float = 1000.0
    """The same for the gates of audio-video cross attention."""

    def __post_init__(self) -> None:
        """Check what the block's arithmetic relies on."""
        if self.cross_attention_dim != self.video_dim or self.audio_cross_attention_dim != self.audio_dim:
            raise ValueError(
                f"`transformer.cross_attention_dim` is {self.cross_attention_dim} and `audio_cross_attention_dim` "
                f"{self.audio_cross_attention_dim}, but each must equal heads x head dim of its stream "
                f"({self.video_dim} and {self.audio_dim}): this file is not an LTX-2.3 model."
            )

    @property
    def video_dim(self) -> int:
        """Width of the video stream."""
        return self.num_attention_heads * self.attention_head_dim

    @property
    def audio_dim(self) -> int:
        """Width of the audio stream, and of audio-video cross attention."""
        return self.audio_num_attention_heads * self.audio_attention_head_dim

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, object]) -> "LTXConfig":
        """Read the `transformer` section of a checkpoint's `config`.

        Args:
            metadata: Keys as published; keys that do not concern the transformer (the connectors') are left alone.

        Raises:
            ValueError: A key holds a value that this implementation has not, such as those of LTX-2.0 and 2.5,
                or a size is missing.
        """
        for key, expected in (_CONSTANTS | _REQUIRED).items():
            value = metadata.get(key, None if key in _REQUIRED else expected)
            if value != expected:
                raise ValueError(
                    f"`transformer.{key}` in the checkpoint's config is {value!r}, but LTX-2.3 has {expected!r}: "
                    "use an LTX-2.3 file, such as ltx-2.3-22b-dev.safetensors."
                )
        # The published code falls back to 1 here; every published file says 1000.
        values = {"av_ca_timestep_scale_multiplier": 1.0, **metadata}
        sizes = [field.name for field in fields(cls)]
        if missing := [name for name in sizes if name not in values]:
            raise ValueError(
                f"the checkpoint's config lacks `transformer.{'`, `transformer.'.join(missing)}`: "
                "use an LTX-2.3 file, such as ltx-2.3-22b-dev.safetensors."
            )
        frozen = {name: tuple(v) if isinstance(v := values[name], list) else v for name in sizes}
        return cls(**frozen)  # type: ignore[arg-type]
