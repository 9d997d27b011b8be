"""From a request to a video with sound: contexts, start noise, sampler, VAE, vocoder.

Decoders and the distilled LoRA are on the device only while they work, so they never stand beside a training step.
Compiled blocks are asked for few graphs: the passes run one by one at the batch size of one, in the order prompt,
negative prompt, isolated, all without gradients. That makes one graph for the first two, one for the isolated pass, and
one for the preset `fast`, in which a second adapter is active; the one perturbed block runs as it is.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Self

import torch

from datamodules.given import Given
from ltx_module.adapters import DEFAULT_ADAPTER, active_adapters, adapter_names, only_adapters, scaled_strengths
from ltx_module.checkpoint import Checkpoint
from ltx_module.decoders import Decoders
from ltx_module.device_memory import free_bytes
from ltx_module.diffusion.denoiser import Targets
from ltx_module.diffusion.guidance import JointGuidance, default_stg_blocks
from ltx_module.diffusion.presets import Preset, find_preset
from ltx_module.diffusion.sampling import SamplingPlan, sample_latents
from ltx_module.diffusion.tokens import unpack_audio, unpack_video
from ltx_module.distilled import DISTILLED, DistilledLoRA
from ltx_module.largest_job import planned_peak
from ltx_module.model import LTXTransformer
from ltx_module.sample_config import SampleRequest, VideoSample
from ltx_module.sample_output import SampleOutput
from ltx_module.sample_targets import Contexts, GivenMedia, TargetBuilder, nothing_given
from ltx_module.training import Conditions

if TYPE_CHECKING:
    from ltx_module.module import LTXModule

# Of a forward pass without gradients, for each token and unit of width: hidden states, their projections and the
# feed-forward layer's four times as wide ones, in bf16.
BYTES_PER_TOKEN_WIDTH = 40


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
    distilled: DistilledLoRA = field(default_factory=DistilledLoRA)
    """The published distilled LoRA, for presets that need it."""
    batch_guidance: bool | None = False
    """Run the passes of a step as one batch; None where the device is otherwise idle and has room."""
    decoders: Decoders | None = None
    """Decoders that several samples share; None reads them for each sample."""
    peak: int | None = None
    """Bytes of a training step beside which samples are made; None is all that is free."""

    @classmethod
    def of(cls, model: "LTXModule", given: Given | None = None) -> Self:
        """The generator of a recipe's model.

        Args:
            model: Placed, with its text contexts.
            given: What the conditions that always apply take, in place of the requests' media.
        """
        assert model.transformer is not None
        assert model.contexts is not None
        conditions, config, checkpoint = model.objective.conditions, model.sample_config, Checkpoint(model.base_model)
        if model.decoders is None:
            model.decoders = Decoders(checkpoint=checkpoint, device=model.device, peak=planned_peak(model))
        if model.distilled is None:
            model.distilled = DistilledLoRA(config.distilled_lora)
        compiled = model.execution is not None and model.execution.compile
        return cls(
            transformer=model.transformer,
            checkpoint=checkpoint,
            contexts=model.contexts,
            given=model.given if given is None else lambda *_: given,
            conditions=conditions if given is None else conditions.certain,
            distilled=model.distilled,
            batch_guidance=(False if compiled else None) if config.batch_guidance == "auto" else config.batch_guidance,
            decoders=model.decoders,
            peak=model.decoders.peak,
        )

    def sample(self, request: SampleRequest) -> VideoSample:
        """Generate one video, with sound where the audio stream was built, or one sound."""
        preset = find_preset(request.preset)
        device = next(self.transformer.parameters()).device
        video, audio = self.targets(request)
        plan = self._plan(preset, request, (video, audio))
        with self._as_requested(preset, request):
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

    def targets(self, request: SampleRequest) -> Targets:
        """What a request asks to generate, on the device."""
        builder = TargetBuilder(
            checkpoint=self.checkpoint,
            streams=self.transformer.streams,
            contexts=self.contexts,
            given=self.given,
            conditions=self.conditions,
        )
        return builder.targets(request, next(self.transformer.parameters()).device)

    @contextmanager
    def _as_requested(self, preset: Preset, request: SampleRequest) -> Iterator[None]:
        """The adapters that take part, at their strengths, inside the block; what is so already is left alone.

        Touching an adapter would make compiled blocks look for another graph.
        """
        transformer = self.transformer
        with ExitStack() as stack:
            if preset.needs_distilled and not self.checkpoint.distilled:
                stack.enter_context(self.distilled.beside(transformer))
            names = self._adapters(preset)
            tested = [name for name in names if name != DISTILLED]
            if request.strength != 1:
                stack.enter_context(scaled_strengths(transformer, tested, request.strength))
            stack.enter_context(self._only(names if request.strength != 0 else names[len(tested) :]))
            yield

    def _adapters(self, preset: Preset) -> list[str]:
        """Adapters under test, then the distilled one if the preset needs it."""
        names = adapter_names(self.transformer)
        tested = [name for name in names if name != DISTILLED]
        return tested + [name for name in names if name == DISTILLED and preset.needs_distilled]

    def _only(self, adapters: Sequence[str]) -> AbstractContextManager[None]:
        same = list(adapters) == list(active_adapters(self.transformer))
        return nullcontext() if same else only_adapters(self.transformer, *adapters)

    def _plan(self, preset: Preset, request: SampleRequest, targets: Targets) -> SamplingPlan:
        """Schedule and guidance of a request."""
        blocks = request.stg_blocks or default_stg_blocks(self.transformer.num_blocks)
        return SamplingPlan(
            sigmas=preset.schedule(request.steps),
            guidance=JointGuidance(video=preset.video, audio=preset.audio, stg_blocks=blocks),
            sampler=preset.sampler,
            batch_passes=self._has_room(targets) if self.batch_guidance is None else self.batch_guidance,
        )

    def _has_room(self, targets: Targets) -> bool:
        """Whether four passes at once fit on the device; a CPU is busy with one."""
        widths = (self.transformer.config.video_dim, self.transformer.config.audio_dim)
        units = sum(
            target.noise.shape[1] * width for target, width in zip(targets, widths, strict=True) if target is not None
        )
        device = next(self.transformer.parameters()).device
        needed = 4 * units * BYTES_PER_TOKEN_WIDTH
        return device.type == "cuda" and needed <= free_bytes(device, self.peak)

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
            "adapters": [name for name in self._adapters(find_preset(request.preset)) if name != DEFAULT_ADAPTER],
            "distilled_lora": None if self.distilled.path is None else str(self.distilled.path),
            "base_model": self.checkpoint.path.name,
            "base_fingerprint": self.checkpoint.fingerprint("transformer"),
            "streams": self.transformer.streams,
        }
