"""An evaluation on a placed model: base samples, then each checkpoint, then the best one at other strengths.

Ranks share the samples and hand them to the first one through the evaluation's folder; that one scores.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from datamodules.batch import LatentBatch, LatentItem, collate
from datamodules.given import Given
from datamodules.latents import EMPTY_CAPTION, LatentDataModule
from datamodules.progress import Progress, progress
from ltx_module.adapters import detach_lora, load_lora
from ltx_module.checkpoint import Checkpoint
from ltx_module.decoders import Decoders
from ltx_module.evaluation.candidates import BASE, Candidate
from ltx_module.evaluation.config import EvaluationConfig
from ltx_module.evaluation.lender import Lender
from ltx_module.evaluation.observation import Observation
from ltx_module.evaluation.plan import PromptSet, SampleJob, Trigger, base_jobs, checkpoint_jobs, sweep_jobs
from ltx_module.evaluation.profile import Probe, Profile
from ltx_module.evaluation.references import Contexts, Reference
from ltx_module.evaluation.store import EvaluationStore, SampleKey
from ltx_module.strategies import share_of

if TYPE_CHECKING:
    from ltx_module.module import LTXModule

logger = logging.getLogger(__name__)

_FORMAT = "1"
"""Part of the samples' keys; raise it when the same settings give another sample."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """What is evaluated, and where its files go."""

    config: EvaluationConfig
    candidates: Sequence[Candidate]
    prompts: PromptSet
    references: Sequence[Reference]
    datamodule: LatentDataModule
    store: EvaluationStore
    seeds: Sequence[int]
    trigger: Trigger
    lender: Lender | None = None
    """Gives samples what clips have, where the recipe's conditions always apply."""
    fingerprints: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Samples of the whole evaluation, on all ranks."""
        swept = sweep_jobs("", self.prompts, self.seeds, self.config.sweep)
        return len(base_jobs(self.prompts, self.seeds)) * (len(self.candidates) + 1) + len(swept)

    def run(self, model: "LTXModule", choose: Callable[["LTXModule"], str], finish: Callable[[], None]) -> None:
        """Do this rank's share of everything; the first rank also judges.

        Args:
            model: Placed, without adapters.
            choose: Names the best checkpoint when each is sampled at strength 1; that one is swept over the strengths.
            finish: Called when all is done.
        """
        strategy, is_first = model.trainer.strategy, model.trainer.is_global_zero
        total = -(-self.count // share_of(model.trainer).count)
        model.decoders = Decoders(checkpoint=Checkpoint(model.base_model), device=model.device, keep=True)
        with progress("evaluating", total, "sample", shown=is_first) as bar:
            self._sample(model, None, base_jobs(self.prompts, self.seeds), bar)
            strategy.barrier("base samples")
            self._profile(model, None)
            for candidate in self.candidates:
                with attached(model, candidate):
                    self._profile(model, candidate)
                    self._sample(model, candidate, checkpoint_jobs(candidate.name, self.prompts, self.seeds), bar)
            strategy.barrier("checkpoint samples")
            best = strategy.broadcast(choose(model) if is_first else "")
            chosen = next(candidate for candidate in self.candidates if candidate.name == best)
            with attached(model, chosen):
                self._sample(model, chosen, sweep_jobs(best, self.prompts, self.seeds, self.config.sweep), bar)
        strategy.barrier("all samples")
        if is_first:
            finish()
        strategy.barrier("evaluated")

    def jobs(self, checkpoint: str, best: str | None = None) -> list[SampleJob]:
        """The samples of the base or a checkpoint; those at other strengths too if it is the best one."""
        if checkpoint == BASE:
            return base_jobs(self.prompts, self.seeds)
        swept = sweep_jobs(checkpoint, self.prompts, self.seeds, self.config.sweep) if checkpoint == best else []
        return [*checkpoint_jobs(checkpoint, self.prompts, self.seeds), *swept]

    def profile(self, name: str) -> Profile:
        """A checkpoint's profile, or the base's."""
        return Profile(**self.store.read_profile(name))

    def _profile(self, model: "LTXModule", candidate: Candidate | None) -> None:
        """Measure a candidate, or the base, on one of the ranks, or by one group of them."""
        share = share_of(model.trainer)
        number = 0 if candidate is None else self.candidates.index(candidate)
        if number % share.count != share.number:
            return
        probe = self._probe(model)
        profile = probe.base() if candidate is None else probe.lora(self.config.sweep, model.attached)
        if share.writes:
            self.store.write_profile(BASE if candidate is None else candidate.name, profile.to_dict())

    def _probe(self, model: "LTXModule") -> Probe:
        def contexts(text: Callable[[Reference], str]) -> Callable[[Reference], Contexts]:
            return lambda reference: self.datamodule.context(text(reference))

        kinds: dict[str, Callable[[Reference], str]] = {
            "trigger": lambda reference: reference.caption,
            "empty": lambda _: EMPTY_CAPTION,
        }
        if self.prompts.no_trigger:
            kinds["no_trigger"] = lambda reference: self.trigger.removed(reference.caption)
        assert model.transformer is not None
        return Probe(
            transformer=model.transformer,
            objective=model.objective,
            references=self.references,
            captions={kind: contexts(text) for kind, text in kinds.items()},
            off_topic=self._off_topic(model),
            forward_context=model.trainer.precision_plugin.forward_context,
        )

    def _off_topic(self, model: "LTXModule") -> list[LatentBatch]:
        """The base's off-topic samples as batches."""
        jobs = [job for job in base_jobs(self.prompts, self.seeds[:1]) if job.group == "off_topic"]
        return [self._as_batch(model, job, self.store.observation(job)) for job in jobs]

    def _as_batch(self, model: "LTXModule", job: SampleJob, observation: Observation) -> LatentBatch:
        video_context, audio_context = self.datamodule.context(job.prompt)
        item = LatentItem(
            name=job.name,
            bucket=model.sample_config.bucket,
            fps=model.fps,
            video=observation.latents.bfloat16(),
            audio=observation.audio_latents,
            video_context=video_context,
            audio_context=None if observation.audio_latents is None else audio_context,
            given=Given() if self.lender is None else replace(self.lender.given(job), video=None, audio=None),
        )
        return collate([item])

    def _sample(
        self, model: "LTXModule", candidate: Candidate | None, jobs: Sequence[SampleJob], bar: Progress
    ) -> None:
        """Make this rank's share of some samples, unless they are there already."""
        made_by = SampleKey(base=self._base(model), candidate=candidate)
        share = share_of(model.trainer)
        for job in share.of(jobs):
            request = job.request(model.sample_config, model.fps)
            texts = (self.datamodule.context(request.prompt), self.datamodule.context(request.negative_prompt))
            given = None if self.lender is None else self.lender.given(job)
            key = made_by.of(request, tuple(context for pair in texts for context in pair), given)
            if share.any(not self.store.holds(job, key)):
                sample = model.sample(request, given)
                if share.writes:
                    self.store.write(job, sample, key, _facts(candidate))
            bar.update()

    def _base(self, model: "LTXModule") -> str:
        """Everything that decides a sample beside its request, prompts and LoRA."""
        if not self.fingerprints:
            checkpoint = Checkpoint(model.base_model)
            parts = ["transformer", "video_vae", *(("audio_vae", "vocoder") if model.streams == "av" else ())]
            self.fingerprints.update({part: checkpoint.fingerprint(part) for part in parts})
        settings = (
            model.streams,
            model.objective.conditions.certain.described,
            model.dtype_name,
            model.sample_config.distilled_lora,
            model.trainer.precision,
        )
        return "/".join(map(str, (_FORMAT, *self.fingerprints.values(), *settings)))


@contextmanager
def attached(model: "LTXModule", candidate: Candidate) -> Iterator[None]:
    """A candidate's LoRA in the transformer, alone, inside the block."""
    assert model.transformer is not None
    name = load_lora(model.transformer, candidate.file.path, candidate.file.strength)
    model.attached = [name]
    try:
        yield
    finally:
        model.attached = []
        detach_lora(model.transformer, name)


def _facts(candidate: Candidate | None) -> Mapping[str, object]:
    """The LoRA, for the json beside a video."""
    if candidate is None:
        return {"lora": []}
    return {"lora": [{"file": str(candidate.file.path), "strength": candidate.file.strength}]}
