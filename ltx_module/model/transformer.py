"""The LTX-2.3 audio-video diffusion transformer, in the published parameter names.

    tokens -> patchify_proj -> 48 blocks -> norm, modulation, proj_out -> velocity = noise - x0

A modality that is absent costs nothing, and a stream that was not asked for is not built. What is the same in every
block is computed once for a forward: modulation rows of the distinct noise levels, RoPE tables (cached per geometry)
and the bias of an attention mask.

B batch, T tokens, D features.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ltx_module.model.adaln import AdaLN, modulate, modulation_rows, per_token
from ltx_module.model.attention import attention_bias
from ltx_module.model.block import (
    NUM_CROSS_ROWS,
    NUM_PROMPT_ROWS,
    NUM_STREAM_ROWS,
    CrossConditions,
    StreamConditions,
    TransformerBlock,
)
from ltx_module.model.block_stack import BlockStack
from ltx_module.model.config import LTXConfig, Streams
from ltx_module.model.modality import Modality, NoiseLevels
from ltx_module.model.rope import RopeCache, RopeSpec


class _Prepared(NamedTuple):
    """A modality on its way into the blocks."""

    hidden: Tensor
    embedded: Tensor
    """Embedding of the noise levels, `(B, K, D)`, for the output layer."""
    conditions: StreamConditions


class _Stem(NamedTuple):
    """The layers of one stream outside the blocks."""

    patchify_proj: nn.Linear
    adaln: AdaLN
    prompt_adaln: AdaLN
    rope: RopeSpec
    cross_adaln: tuple[AdaLN, AdaLN] | None
    """Scale and shift of audio-video cross attention, and its gate."""


class LTXTransformer(nn.Module):
    """LTX-2.3 for video, audio or both.

    Args:
        config: Sizes.
        streams: Which streams to build.
    """

    def __init__(self, config: LTXConfig, streams: Streams = "av") -> None:
        super().__init__()
        self.config = config
        self.streams = streams
        self._ropes = RopeCache()
        if streams != "audio":
            dim = config.video_dim
            self.patchify_proj = nn.Linear(config.in_channels, dim)
            self.adaln_single = AdaLN(dim, NUM_STREAM_ROWS)
            self.prompt_adaln_single = AdaLN(dim, NUM_PROMPT_ROWS)
            self.scale_shift_table = nn.Parameter(torch.zeros(2, dim))
            self.proj_out = nn.Linear(dim, config.out_channels)
        if streams != "video":
            dim = config.audio_dim
            self.audio_patchify_proj = nn.Linear(config.audio_in_channels, dim)
            self.audio_adaln_single = AdaLN(dim, NUM_STREAM_ROWS)
            self.audio_prompt_adaln_single = AdaLN(dim, NUM_PROMPT_ROWS)
            self.audio_scale_shift_table = nn.Parameter(torch.zeros(2, dim))
            self.audio_proj_out = nn.Linear(dim, config.audio_out_channels)
        if streams == "av":
            self.av_ca_video_scale_shift_adaln_single = AdaLN(config.video_dim, NUM_CROSS_ROWS)
            self.av_ca_audio_scale_shift_adaln_single = AdaLN(config.audio_dim, NUM_CROSS_ROWS)
            self.av_ca_a2v_gate_adaln_single = AdaLN(config.video_dim, 1)
            self.av_ca_v2a_gate_adaln_single = AdaLN(config.audio_dim, 1)
        self.transformer_blocks = BlockStack([TransformerBlock(config, streams) for _ in range(config.num_layers)])

    @property
    def blocks(self) -> BlockStack:
        """The transformer blocks in order."""
        return self.transformer_blocks

    @property
    def num_blocks(self) -> int:
        """Number of blocks."""
        return len(self.transformer_blocks)

    def forward(
        self,
        video: Modality | None,
        audio: Modality | None,
        skip_self_attention_blocks: Collection[int] = (),
        isolate_modalities: bool | Tensor = False,
        *,
        skip_for: bool | Tensor = True,
        twice: bool = False,
    ) -> tuple[Tensor | None, Tensor | None]:
        """Predict the velocity, noise - x0, of each token.

        Args:
            video: Video tokens, or None.
            audio: Audio tokens, or None.
            skip_self_attention_blocks: Blocks in which the values pass in place of self-attention (STG).
            isolate_modalities: Leave out audio-video cross attention: for all items, or bool `(B,)`.
            skip_for: The items that skip self-attention in those blocks: all, or bool `(B,)`.
            twice: Predict without and with skipping; the blocks before the first skipped one run once for both.

        Returns:
            Velocity of the video tokens and of the audio tokens, `(B, T, D)` in the dtype of the hidden states, where
            it is predicted twice `(2 B, T, D)`; None for an absent modality.

        Raises:
            ValueError: Both modalities are absent, one has no stream here, or a block does not exist.
        """
        self._check_request(video, audio, skip_self_attention_blocks)
        crossed = video is not None and audio is not None and isolate_modalities is not True
        of_video = None if video is None else self._prepare(video, audio if crossed else None, self._video_stem())
        of_audio = None if audio is None else self._prepare(audio, video if crossed else None, self._audio_stem())
        hidden = (of_video and of_video.hidden, of_audio and of_audio.hidden)
        conditions = (of_video and of_video.conditions, of_audio and of_audio.conditions)
        isolate = isolate_modalities if isinstance(isolate_modalities, Tensor) else None
        skipped, shared = dict.fromkeys(skip_self_attention_blocks, skip_for), 0
        if twice:
            shared = min(skipped, default=self.num_blocks)
            hidden = self.transformer_blocks(range(shared), hidden, conditions, {}, isolate)
        found = []
        for skips in ({}, skipped) if twice else (skipped,):
            later = range(shared, self.num_blocks)
            x_video, x_audio = self.transformer_blocks(later, hidden, conditions, skips, isolate)
            if x_video is not None and of_video is not None:
                x_video = self._output(x_video, of_video, self.scale_shift_table, self.proj_out)
            if x_audio is not None and of_audio is not None:
                x_audio = self._output(x_audio, of_audio, self.audio_scale_shift_table, self.audio_proj_out)
            found.append((x_video, x_audio))
        return _joined([video for video, _ in found]), _joined([audio for _, audio in found])

    def _check_request(
        self, video: Modality | None, audio: Modality | None, skip_self_attention_blocks: Collection[int]
    ) -> None:
        if video is None and audio is None:
            raise ValueError("the transformer was called without video and without audio tokens: pass at least one.")
        for name, modality, unbuilt in (("video", video, "audio"), ("audio", audio, "video")):
            if modality is not None and self.streams == unbuilt:
                raise ValueError(
                    f"the transformer was called with {name} tokens, but built with streams={self.streams!r}: "
                    f"load it with streams='av', or pass {name}=None."
                )
        if missing := [i for i in skip_self_attention_blocks if not 0 <= i < self.num_blocks]:
            raise ValueError(
                f"self-attention is to be skipped in block {missing[0]} (`stg_blocks`), but the blocks of this model "
                f"are 0 to {self.num_blocks - 1}."
            )

    def _video_stem(self) -> _Stem:
        config, av = self.config, self.streams == "av"
        return _Stem(
            patchify_proj=self.patchify_proj,
            adaln=self.adaln_single,
            prompt_adaln=self.prompt_adaln_single,
            rope=RopeSpec(
                num_heads=config.num_attention_heads,
                head_dim=config.attention_head_dim,
                max_pos=config.positional_embedding_max_pos,
                theta=config.positional_embedding_theta,
            ),
            cross_adaln=(self.av_ca_video_scale_shift_adaln_single, self.av_ca_a2v_gate_adaln_single) if av else None,
        )

    def _audio_stem(self) -> _Stem:
        config, av = self.config, self.streams == "av"
        return _Stem(
            patchify_proj=self.audio_patchify_proj,
            adaln=self.audio_adaln_single,
            prompt_adaln=self.audio_prompt_adaln_single,
            rope=RopeSpec(
                num_heads=config.audio_num_attention_heads,
                head_dim=config.audio_attention_head_dim,
                max_pos=config.audio_positional_embedding_max_pos,
                theta=config.positional_embedding_theta,
            ),
            cross_adaln=(self.av_ca_audio_scale_shift_adaln_single, self.av_ca_v2a_gate_adaln_single) if av else None,
        )

    def _prepare(self, modality: Modality, other: Modality | None, stem: _Stem) -> _Prepared:
        hidden = stem.patchify_proj(modality.latent.to(stem.patchify_proj.weight.dtype))
        dtype, scale = hidden.dtype, self.config.timestep_scale_multiplier
        noise_levels, mask = modality.noise_levels or NoiseLevels.distinct(modality.timesteps), modality.attention_mask
        modulation, embedded = stem.adaln(noise_levels.levels * scale, dtype)
        prompt_modulation, _ = stem.prompt_adaln(modality.sigma[:, None] * scale, dtype)
        cross = None
        if other is not None and stem.cross_adaln is not None:
            cross_adaln, gate_adaln = stem.cross_adaln
            cross = CrossConditions(
                modulation=cross_adaln(noise_levels.levels * scale, dtype)[0],
                gate=gate_adaln(other.sigma[:, None] * self.config.av_ca_timestep_scale_multiplier, dtype)[0],
                rope=self._ropes.table(modality.positions[:, :1], self._cross_rope(), dtype),
            )
        conditions = StreamConditions(
            context=modality.context.to(dtype),
            modulation=modulation,
            prompt_modulation=prompt_modulation,
            level_index=noise_levels.index,
            rope=self._ropes.table(modality.positions, stem.rope, dtype),
            bias=None if mask is None else attention_bias(mask, dtype),
            cross=cross,
        )
        return _Prepared(hidden, embedded, conditions)

    def _cross_rope(self) -> RopeSpec:
        """Time alone, in the heads of the audio stream, for the tokens of both."""
        config = self.config
        seconds = max(config.positional_embedding_max_pos[0], config.audio_positional_embedding_max_pos[0])
        return RopeSpec(
            num_heads=config.audio_num_attention_heads,
            head_dim=config.audio_attention_head_dim,
            max_pos=(seconds,),
            theta=config.positional_embedding_theta,
        )

    def _output(self, x_BTD: Tensor, prepared: _Prepared, table: Tensor, proj_out: nn.Linear) -> Tensor:
        rows = modulation_rows(table, prepared.embedded[:, :, None])
        shift, scale = (per_token(row, prepared.conditions.level_index) for row in rows)
        normed = nn.functional.layer_norm(x_BTD, x_BTD.shape[-1:], eps=self.config.norm_eps).to(x_BTD.dtype)
        velocity: Tensor = proj_out(modulate(normed, scale, shift))
        return velocity


def _joined(predicted: Sequence[Tensor | None]) -> Tensor | None:
    """One prediction as it is, several as a batch; None where the modality is absent."""
    present = [each for each in predicted if each is not None]
    if not present:
        return None
    return present[0] if len(present) == 1 else torch.cat(present)
