"""One transformer block: two streams that attend to themselves, to text and to each other.

    1. each stream:  x += gate * self_attention(norm(x));  x += gate * text_attention(norm(x), modulated text)
    2. both at once: video += gate * attention(video, audio);  audio += gate * attention(audio, video)
    3. each stream:  x += gate * feed_forward(norm(x))

where norm(x) = rms(x) * (1 + scale) + shift. Scale and shift come from the token's own noise level, the gates of
step 2 from the sigma of the other modality. A block is a pure function of tensors, so it compiles as one graph.

B batch, T tokens, S prompt tokens, K distinct noise levels, D features.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ltx_module.model.adaln import gated_residual, modulate, modulation_rows, per_token, rms_norm
from ltx_module.model.attention import Attention
from ltx_module.model.config import LTXConfig, Streams
from ltx_module.model.feed_forward import FeedForward
from ltx_module.model.rope import RopeTable

Stream = Literal["video", "audio"]

NUM_STREAM_ROWS = 9  # shift, scale, gate of self-attention, of the feed-forward layer, and of text attention
NUM_PROMPT_ROWS = 2  # shift and scale of the text
NUM_CROSS_ROWS = 4  # scale, shift for audio to video; scale, shift for video to audio; a fifth, the gate, is apart


class CrossConditions(NamedTuple):
    """What audio-video cross attention needs of one stream, the same in every block."""

    modulation: Tensor
    """Scales and shifts for the stream's own noise levels, `(B, K, 4, D)`."""
    gate: Tensor
    """Gate for the other modality's sigma, `(B, 1, 1, D)`."""
    rope: RopeTable
    """Table of the time axis alone."""


class StreamConditions(NamedTuple):
    """What a block needs of one stream besides its hidden states, the same in every block."""

    context: Tensor
    """Text, `(B, S, D)`."""
    modulation: Tensor
    """AdaLN rows of the stream's noise levels, `(B, K, 9, D)`."""
    prompt_modulation: Tensor
    """AdaLN rows of the text, `(B, 1, 2, D)`."""
    level_index: Tensor | None
    """Noise level of each token; see `NoiseLevels.index`."""
    rope: RopeTable
    bias: Tensor | None
    """Bias of self-attention, `(B, 1, T, T)`."""
    cross: CrossConditions | None
    """None where the other modality is absent or isolated."""


class StreamLayers(NamedTuple):
    """The layers and tables of one stream in a block."""

    self_attention: Attention
    text_attention: Attention
    feed_forward: FeedForward
    table: Tensor
    prompt_table: Tensor


class TransformerBlock(nn.Module):
    """A block of LTX-2.3 under its published names.

    Args:
        config: Sizes.
        streams: Which streams to build; audio-video cross attention needs both.
    """

    def __init__(self, config: LTXConfig, streams: Streams) -> None:
        super().__init__()
        eps, video_dim, audio_dim = config.norm_eps, config.video_dim, config.audio_dim
        video_heads = (config.num_attention_heads, config.attention_head_dim)
        audio_heads = (config.audio_num_attention_heads, config.audio_attention_head_dim)
        self.eps = eps
        if streams != "audio":
            self.attn1 = Attention(video_dim, video_dim, *video_heads, eps)
            self.attn2 = Attention(video_dim, config.cross_attention_dim, *video_heads, eps)
            self.ff = FeedForward(video_dim)
            self.scale_shift_table = nn.Parameter(torch.zeros(NUM_STREAM_ROWS, video_dim))
            self.prompt_scale_shift_table = nn.Parameter(torch.zeros(NUM_PROMPT_ROWS, video_dim))
        if streams != "video":
            self.audio_attn1 = Attention(audio_dim, audio_dim, *audio_heads, eps)
            self.audio_attn2 = Attention(audio_dim, config.audio_cross_attention_dim, *audio_heads, eps)
            self.audio_ff = FeedForward(audio_dim)
            self.audio_scale_shift_table = nn.Parameter(torch.zeros(NUM_STREAM_ROWS, audio_dim))
            self.audio_prompt_scale_shift_table = nn.Parameter(torch.zeros(NUM_PROMPT_ROWS, audio_dim))
        if streams == "av":
            self.audio_to_video_attn = Attention(video_dim, audio_dim, *audio_heads, eps)
            self.video_to_audio_attn = Attention(audio_dim, video_dim, *audio_heads, eps)
            self.scale_shift_table_a2v_ca_video = nn.Parameter(torch.zeros(NUM_CROSS_ROWS + 1, video_dim))
            self.scale_shift_table_a2v_ca_audio = nn.Parameter(torch.zeros(NUM_CROSS_ROWS + 1, audio_dim))

    def forward(
        self,
        video: Tensor | None,
        audio: Tensor | None,
        conditions: tuple[StreamConditions | None, StreamConditions | None],
        skip_self_attention: bool | Tensor = False,
        isolate: Tensor | None = None,
    ) -> tuple[Tensor | None, Tensor | None]:
        """Update both streams.

        Args:
            video: Hidden states of the video stream, `(B, T, D)`; None where it is absent.
            audio: The same of the audio stream.
            conditions: Of the video and of the audio stream.
            skip_self_attention: Pass the values in place of self-attention: for all items, or `(B,)`.
            isolate: Items without audio-video cross attention, bool, `(B,)`.

        Returns:
            The new hidden states.
        """
        of_video, of_audio = conditions
        if video is not None and of_video is not None:
            video = self.attend("video", video, of_video, skip_self_attention)
        if audio is not None and of_audio is not None:
            audio = self.attend("audio", audio, of_audio, skip_self_attention)
        if video is not None and audio is not None and of_video is not None and of_audio is not None:
            video, audio = self.cross(video, audio, of_video, of_audio, isolate)
        if video is not None and of_video is not None:
            video = self.feed_forward("video", video, of_video)
        if audio is not None and of_audio is not None:
            audio = self.feed_forward("audio", audio, of_audio)
        return video, audio

    def attend(self, stream: Stream, x: Tensor, of: StreamConditions, skip: bool | Tensor = False) -> Tensor:
        """One stream's attention to itself and to its text."""
        layers = self._layers(stream)
        rows = modulation_rows(layers.table, of.modulation)
        shift, scale, gate = (per_token(row, of.level_index) for row in rows[:3])
        hidden = modulate(rms_norm(x, self.eps), scale, shift)
        x = gated_residual(x, layers.self_attention(hidden, hidden, (of.rope, of.rope), of.bias, skip), gate)
        shift, scale, gate = (per_token(row, of.level_index) for row in rows[6:])
        hidden = modulate(rms_norm(x, self.eps), scale, shift)
        context_shift, context_scale = modulation_rows(layers.prompt_table, of.prompt_modulation)
        context = modulate(of.context, context_scale, context_shift)
        return gated_residual(x, layers.text_attention(hidden, context), gate)

    def feed_forward(self, stream: Stream, x: Tensor, of: StreamConditions) -> Tensor:
        """One stream's feed-forward layer."""
        layers = self._layers(stream)
        rows = modulation_rows(layers.table, of.modulation)
        shift, scale, gate = (per_token(row, of.level_index) for row in rows[3:6])
        return gated_residual(x, layers.feed_forward(modulate(rms_norm(x, self.eps), scale, shift)), gate)

    def cross(
        self,
        video: Tensor,
        audio: Tensor,
        of_video: StreamConditions,
        of_audio: StreamConditions,
        isolate: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Both streams' attention to each other, from what they were before."""
        if of_video.cross is None or of_audio.cross is None:
            return video, audio
        video_table, audio_table = self.scale_shift_table_a2v_ca_video, self.scale_shift_table_a2v_ca_audio
        video_for_a2v, video_for_v2a = self._cross_inputs(video, of_video.cross, of_video.level_index, video_table)
        audio_for_a2v, audio_for_v2a = self._cross_inputs(audio, of_audio.cross, of_audio.level_index, audio_table)
        video_rope, audio_rope = of_video.cross.rope, of_audio.cross.rope
        to_video = self.audio_to_video_attn(video_for_a2v, audio_for_a2v, (video_rope, audio_rope))
        to_audio = self.video_to_audio_attn(audio_for_v2a, video_for_v2a, (audio_rope, video_rope))
        video_gate = _cross_gate(video_table, of_video.cross, isolate)
        audio_gate = _cross_gate(audio_table, of_audio.cross, isolate)
        return gated_residual(video, to_video, video_gate), gated_residual(audio, to_audio, audio_gate)

    def _layers(self, stream: Stream) -> StreamLayers:
        if stream == "video":
            tables = self.scale_shift_table, self.prompt_scale_shift_table
            return StreamLayers(self.attn1, self.attn2, self.ff, *tables)
        tables = self.audio_scale_shift_table, self.audio_prompt_scale_shift_table
        return StreamLayers(self.audio_attn1, self.audio_attn2, self.audio_ff, *tables)

    def _cross_inputs(
        self, x: Tensor, cross: CrossConditions, index: Tensor | None, table: Tensor
    ) -> tuple[Tensor, Tensor]:
        rows = modulation_rows(table[:NUM_CROSS_ROWS], cross.modulation)
        a2v_scale, a2v_shift, v2a_scale, v2a_shift = (per_token(row, index) for row in rows)
        normed = rms_norm(x, self.eps)
        return modulate(normed, a2v_scale, a2v_shift), modulate(normed, v2a_scale, v2a_shift)


def _cross_gate(table: Tensor, cross: CrossConditions, isolate: Tensor | None) -> Tensor:
    (gate,) = modulation_rows(table[NUM_CROSS_ROWS:], cross.gate)  # (B, 1, D)
    return gate if isolate is None else gate.masked_fill(isolate[:, None, None], 0)
