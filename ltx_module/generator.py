"""From a request to a video with sound: contexts, start noise, sampler, VAE, vocoder.

The decoders are loaded when latents are ready and freed after, so they never stand beside a training step, unless they
are given.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from datamodules.geometry import AudioLatentSpec, LatentSpec
from ltx_module.adapters import (
    DEFAULT_ADAPTER,
    active_adapters,
    adapter_names,
    load_lora,
    only_adapters,
    scaled_strengths,
)
from ltx_module.checkpoint import Checkpoint
from ltx_module.decoders import Decoders
from ltx_module.diffusion.denoiser import Target
from ltx_module.diffusion.guidance import JointGuidance, default_stg_blocks
from ltx_module.diffusion.presets import Preset, find_preset
from ltx_module.diffusion.sampling import SamplingPlan, sample_latents, start_noise
from ltx_module.diffusion.tokens import audio_positions, unpack_audio, unpack_video, video_positions
from ltx_module.model import LTXTransformer
from ltx_module.sample_config import SampleRequest, VideoSample

Contexts = Callable[[str], tuple[Tensor, Tensor]]
"""Cached video and audio context of a prompt, `(S, Dv)` and `(S, Da)`."""

SAMPLE_RATE = 48_000
_DISTILLED = "distilled"


@dataclass(frozen=True, kw_only=True)
class Generator:
    """Generates videos with a transformer as it stands, adapters included."""

    transformer: LTXTransformer
    checkpoint: Checkpoint
    """Where the decoders come from."""
    contexts: Contexts
    distilled_lora: Path | None = None
    """The published distilled LoRA, for presets that need it."""
    batch_guidance: bool = False
    decoders: Decoders | None = None
    """Decoders that stay loaded; null loads each when latents are ready and frees it after."""

    def sample(self, request: SampleRequest) -> VideoSample:
        """Generate one video, with sound where the audio stream was built."""
        preset = find_preset(request.preset)
        self._prepare_distilled(preset)
        plan = self._plan(preset, request)
        video, audio = self._targets(request)
        tested = [name for name in adapter_names(self.transformer) if name != _DISTILLED]
        with (
            scaled_strengths(self.transformer, tested, request.strength),
            only_adapters(self.transformer, *self._adapters(preset, request)),
        ):
            noise = torch.Generator().manual_seed(request.seed + 1)
            video_latents, audio_latents = sample_latents(self.transformer, video, audio, plan, generator=noise)
        assert video is not None
        assert video_latents is not None
        picture = unpack_video(video_latents, video.shape)
        sound = None if audio is None or audio_latents is None else unpack_audio(audio_latents, audio.shape[-1])
        decoders = self.decoders or Decoders(checkpoint=self.checkpoint, device=picture.device)
        frames, waveform = decoders.frames(picture), None
        if sound is not None:
            waveform = decoders.sound(sound)[:, : round(request.bucket.frames / request.fps * SAMPLE_RATE)]
        return VideoSample(
            request=request,
            frames=frames,
            waveform=waveform,
            record=self._record(request, plan),
            video_latents=picture[0].float().cpu(),
            audio_latents=None if sound is None else sound[0].float().cpu(),
        )

    def _prepare_distilled(self, preset: Preset) -> None:
        """Attach the distilled LoRA once, inactive until a preset asks for it."""
        if not preset.needs_distilled or self.checkpoint.distilled or _DISTILLED in adapter_names(self.transformer):
            return
        assert self.distilled_lora is not None  # `model_files.require_preset` has looked
        with only_adapters(self.transformer, *active_adapters(self.transformer)):
            load_lora(
                self.transformer,
                self.distilled_lora,
                preset.distilled_lora_strength,
                adapter=_DISTILLED,
                allow_connectors=True,
            )

    def _adapters(self, preset: Preset, request: SampleRequest) -> list[str]:
        """Adapters that take part: those under test unless their strength is 0, and the distilled one if needed."""
        names = adapter_names(self.transformer)
        tested = [name for name in names if name != _DISTILLED and request.strength != 0]
        return tested + ([_DISTILLED] if preset.needs_distilled and _DISTILLED in names else [])

    def _plan(self, preset: Preset, request: SampleRequest) -> SamplingPlan:
        """Schedule and guidance of a request."""
        blocks = request.stg_blocks or default_stg_blocks(self.transformer.num_blocks)
        return SamplingPlan(
            sigmas=preset.schedule(request.steps),
            guidance=JointGuidance(video=preset.video, audio=preset.audio, stg_blocks=blocks),
            sampler=preset.sampler,
            batch_passes=self.batch_guidance,
        )

    def _targets(self, request: SampleRequest) -> tuple[Target | None, Target | None]:
        """What to generate: start noise, positions and contexts of each stream that was built."""
        bucket, device = request.bucket, next(self.transformer.parameters()).device
        video_shape = LatentSpec(channels=self.checkpoint.latent_channels).shape(bucket)
        audio_shape = None
        if self.transformer.streams == "av":
            channels, mel_bins = self.checkpoint.audio_latent
            audio_shape = AudioLatentSpec(channels=channels, mel_bins=mel_bins).shape(bucket.frames, request.fps)
        noise = start_noise(video_shape, audio_shape, request.seed)
        positive, negative = self.contexts(request.prompt), self.contexts(request.negative_prompt)
        positions = (
            video_positions(video_shape, request.fps, device),
            None if audio_shape is None else audio_positions(audio_shape[1], device),
        )
        video, audio = (
            None
            if shape is None or start is None or position is None
            else Target(
                noise=start.to(device),
                shape=tuple(shape),
                positions=position,
                context=context[None].to(device),
                negative_context=against[None].to(device),
            )
            for shape, start, position, context, against in zip(
                (video_shape, audio_shape), noise, positions, positive, negative, strict=True
            )
        )
        return video, audio

    def _record(self, request: SampleRequest, plan: SamplingPlan) -> dict[str, object]:
        """Everything needed to make this video again."""
        return {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "seed": request.seed,
            "size": str(request.bucket),
            "fps": request.fps,
            "preset": request.preset,
            "sampler": plan.sampler,
            "sigmas": list(plan.sigmas),
            "guidance": asdict(plan.guidance),
            "strength": request.strength,
            "adapters": [name for name in adapter_names(self.transformer) if name != DEFAULT_ADAPTER],
            "distilled_lora": None if self.distilled_lora is None else str(self.distilled_lora),
            "base_model": self.checkpoint.path.name,
            "base_fingerprint": self.checkpoint.fingerprint("transformer"),
            "streams": self.transformer.streams,
        }
