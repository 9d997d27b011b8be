"""From a request to a video with sound: contexts, start noise, sampler, VAE, vocoder.

The decoders are loaded when latents are ready and freed after, so they never stand beside a training step, unless they
are given.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch

from datamodules.given import Given
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
from ltx_module.diffusion.guidance import JointGuidance, default_stg_blocks
from ltx_module.diffusion.presets import Preset, find_preset
from ltx_module.diffusion.sampling import SamplingPlan, sample_latents
from ltx_module.diffusion.tokens import unpack_audio, unpack_video
from ltx_module.model import LTXTransformer
from ltx_module.sample_config import SampleRequest, VideoSample
from ltx_module.sample_output import SampleOutput
from ltx_module.sample_targets import Contexts, GivenMedia, TargetBuilder, nothing_given
from ltx_module.training import Conditions

if TYPE_CHECKING:
    from ltx_module.module import LTXModule

_DISTILLED = "distilled"


@dataclass(frozen=True, kw_only=True)
class Generator:
    """Generates videos with a transformer as it stands, adapters included."""

    transformer: LTXTransformer
    checkpoint: Checkpoint
    """Where the decoders come from."""
    contexts: Contexts
    given: GivenMedia = nothing_given
    """Latents of a request's media."""
    conditions: Conditions = field(default_factory=Conditions)
    """The recipe's; a request's media decide which of them apply."""
    distilled_lora: Path | None = None
    """The published distilled LoRA, for presets that need it."""
    batch_guidance: bool = False
    decoders: Decoders | None = None
    """Decoders that stay loaded; null loads each when latents are ready and frees it after."""

    @classmethod
    def of(cls, model: "LTXModule", given: Given | None = None) -> Self:
        """The generator of a recipe's model.

        Args:
            model: Placed, with its text contexts.
            given: What the conditions that always apply take, in place of the requests' media.
        """
        assert model.transformer is not None
        assert model.contexts is not None
        conditions, config = model.objective.conditions, model.sample_config
        return cls(
            transformer=model.transformer,
            checkpoint=Checkpoint(model.base_model),
            contexts=model.contexts,
            given=model.given if given is None else lambda *_: given,
            conditions=conditions if given is None else conditions.certain,
            distilled_lora=config.distilled_lora,
            batch_guidance=config.batch_guidance,
            decoders=model.decoders,
        )

    def sample(self, request: SampleRequest) -> VideoSample:
        """Generate one video, with sound where the audio stream was built, or one sound."""
        preset = find_preset(request.preset)
        self._prepare_distilled(preset)
        plan = self._plan(preset, request)
        device = next(self.transformer.parameters()).device
        builder = TargetBuilder(
            checkpoint=self.checkpoint,
            streams=self.transformer.streams,
            contexts=self.contexts,
            given=self.given,
            conditions=self.conditions,
        )
        video, audio = builder.targets(request, device)
        tested = [name for name in adapter_names(self.transformer) if name != _DISTILLED]
        with (
            scaled_strengths(self.transformer, tested, request.strength),
            only_adapters(self.transformer, *self._adapters(preset, request)),
        ):
            noise = torch.Generator().manual_seed(request.seed + 1)
            video_latents, audio_latents = sample_latents(self.transformer, video, audio, plan, generator=noise)
        picture = None if video is None or video_latents is None else unpack_video(video_latents, video.shape)
        sound = None if audio is None or audio_latents is None else unpack_audio(audio_latents, audio.shape[-1])
        media = SampleOutput(decoders=self.decoders or Decoders(checkpoint=self.checkpoint, device=device))
        return VideoSample(
            request=request,
            frames=media.frames(request, picture, self.conditions.frozen),
            waveform=media.waveform(request, sound, self.conditions.frozen),
            record=self._record(request, plan),
            video_latents=None if picture is None else picture[0].float().cpu(),
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
            "media": {key: str(path) for key, path in request.media.files.items()},
            "attention_strength": request.attention_strength,
            "image_strength": request.image_strength,
            "conditions": [condition.name for condition in self.conditions.conditions],
            "frozen": self.conditions.frozen,
            "adapters": [name for name in adapter_names(self.transformer) if name != DEFAULT_ADAPTER],
            "distilled_lora": None if self.distilled_lora is None else str(self.distilled_lora),
            "base_model": self.checkpoint.path.name,
            "base_fingerprint": self.checkpoint.fingerprint("transformer"),
            "streams": self.transformer.streams,
        }
