"""The recipe's `model.lora:` block: size of the adapters, and the layers that get one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

TargetPreset = Literal[
    "all_attention", "video", "audio", "all_attention_ff", "video_ff", "audio_ff", "audio_to_video", "video_to_audio"
]

_PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
_VIDEO = tuple(f"{attention}.{projection}" for attention in ("attn1", "attn2") for projection in _PROJECTIONS)
_AUDIO = tuple(f"audio_{suffix}" for suffix in _VIDEO)
_VIDEO_FF = ("ff.net.0.proj", "ff.net.2")
_AUDIO_FF = tuple(f"audio_{suffix}" for suffix in _VIDEO_FF)
_AUDIO_TO_VIDEO = tuple(f"audio_to_video_attn.{projection}" for projection in _PROJECTIONS)
_VIDEO_TO_AUDIO = tuple(f"video_to_audio_attn.{projection}" for projection in _PROJECTIONS)

TARGET_PRESETS: dict[str, tuple[str, ...]] = {
    "all_attention": _PROJECTIONS,
    "video": _VIDEO,
    "audio": _AUDIO,
    "all_attention_ff": (*_PROJECTIONS, *_VIDEO_FF, *_AUDIO_FF),
    "video_ff": (*_VIDEO, *_VIDEO_FF),
    "audio_ff": (*_AUDIO, *_AUDIO_FF),
    "audio_to_video": (*_VIDEO, *_AUDIO_TO_VIDEO),
    "video_to_audio": (*_AUDIO, *_AUDIO_FF, *_VIDEO_TO_AUDIO),
}
"""Suffixes of module names, matched at a dot: `attn1.to_q` is video self-attention and not `audio_attn1.to_q`.

The published trainer's choice by kind of training: `all_attention` for text, image or sound to video, extension, and
references of both modalities; `video_ff` for a video reference (IC-LoRA); `video` for in- and outpainting; `audio_ff`
for sound alone; `video_to_audio` for the sound of a given video. `audio_to_video` is ours: a given sound stays as it
is, so the layers of its own stream are left alone."""


@dataclass(frozen=True, kw_only=True)
class LoRAConfig:
    """Low-rank adapters beside frozen linear layers: `y = W x + (alpha / rank) * B A x`."""

    rank: PositiveInt = 32
    """Rank of the adapters: 8 to 16 for motion, 32 to 64 for a style or character; file size grows with it."""
    alpha: PositiveFloat = 32.0
    """Scale times rank. Saved files have it folded in, so any value works everywhere at strength 1."""
    dropout: ClosedUnitInterval = 0.0
    """Probability of dropping an input of an adapter while training."""
    targets: TargetPreset | list[str] = "all_attention"
    """A preset, or a list of module name endings such as `attn1.to_q`. `all_attention` takes every attention that was
    built, `video` and `audio` one stream's self and text attention; `_ff` adds the feed-forward layers;
    `audio_to_video` is `video` with the attention of picture to sound, `video_to_audio` is `audio_ff` with that of
    sound to picture."""
    init_from: Path | None = None
    """LoRA file to start from, of the same or a lower rank; null starts from nothing."""

    def __post_init__(self) -> None:
        """Check what the single values cannot tell."""
        if not self.targets:
            raise ValueError(
                "`model.lora.targets` is empty, but an adapter needs layers: "
                f"name a preset ({', '.join(TARGET_PRESETS)}) or endings such as `attn1.to_q`."
            )
        if isinstance(self.targets, str) and self.targets not in TARGET_PRESETS:
            raise ValueError(
                f"`model.lora.targets` is {self.targets!r}, which is no preset: use {', '.join(TARGET_PRESETS)}, "
                f"or write a list, [{self.targets}]."
            )
        if self.dropout >= 1.0:
            raise ValueError(
                f"`model.lora.dropout` is {self.dropout}, which drops every input, so nothing would be learnt: "
                "use 0 to 0.5."
            )

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Endings of the module names that get an adapter."""
        return TARGET_PRESETS[self.targets] if isinstance(self.targets, str) else tuple(self.targets)
