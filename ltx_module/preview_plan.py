"""Which samples a training run makes, so that they take no more than a share of it.

Guided samples cost a hundred forward passes each, a training step three or four, so that two prompts sampled nine times
would make a run of 2000 steps a third longer. What fits is decided by counting passes before the run begins: the same
on every machine, whatever else keeps it busy. Given up, in this order and until the rest fits, are

    with a distilled LoRA   the guided samples of all prompts but the first; previews at every second, third and fourth
                            checkpoint alone; the guided sample at step 0; more of the previews
    without one             every second, third, ... checkpoint alone; all prompts but the first

The first prompt at the end is always sampled. What is made in another way than `sample.preset` has a name of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from datamodules.latents import LatentDataModule
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.presets import find_preset
from ltx_module.model import Streams
from ltx_module.precision.execution import Execution
from ltx_module.sample_config import SampleConfig, SampleRequest, with_preset
from ltx_module.strategies import share_of

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from ltx_module.module import LTXModule

PREVIEW = "fast"
"""The preset of previews at checkpoints, where there is a distilled LoRA."""

_BACKWARD = 2.0  # forward passes that a backward pass through a frozen model takes, the optimizer's work included
_DISTILLED_PASS = 1.2  # forward passes that one with the distilled LoRA of rank 384 takes
_DECODING = 3.0  # forward passes that VAE, vocoder and copies take
_SPARSEST_BESIDE_START = 4
_DOUBLED_FROM = 64


@dataclass(frozen=True)
class Steps:
    """Step 0 or not, every so many steps, and the last one; however many these are."""

    at_start: bool
    between: range
    last: int

    def __contains__(self, step: int) -> bool:
        return step == self.last or step in self.between or (self.at_start and step == 0)

    def __len__(self) -> int:
        return self.at_start + len(self.between) + 1

    def text(self) -> str:
        """The first three and the last: `0, 250, 500, ..., 2000`."""
        first = [0] * self.at_start + [*self.between[:4]]
        shown = [*first[:3], "..."] if len(self) > 4 else first
        return ", ".join(map(str, [*shown, self.last]))


@dataclass(frozen=True, kw_only=True)
class RunCost:
    """What the plan depends on."""

    max_steps: int
    every_n_steps: int
    """Of `callbacks.SampleVideos`."""
    at_start: bool
    """Whether there are samples before the first step."""
    passes_a_step: float
    """Forward passes of the size of a sample that an optimizer step takes."""
    ranks: int = 1
    """Groups of ranks that share the prompts."""
    streams: Streams = "av"
    has_distilled: bool = False
    """Whether `fast` can be made: with a distilled LoRA, or on a distilled base."""

    @property
    def num_checkpoints(self) -> int:
        """How often samples may be made after step 0, the last step included."""
        return -(-self.max_steps // self.every_n_steps)

    def every(self, stride: int) -> Steps:
        """Step 0, every so many checkpoints, and the end."""
        between = stride * self.every_n_steps
        return Steps(self.at_start, range(between, self.max_steps, between), self.max_steps)

    @property
    def ends(self) -> Steps:
        """Step 0, where it is sampled, and the last step."""
        return Steps(self.at_start, range(0), self.max_steps)

    @property
    def end(self) -> Steps:
        """The last step."""
        return Steps(False, range(0), self.max_steps)


@dataclass(frozen=True, kw_only=True)
class Series:
    """Samples that are made in one way and can be compared."""

    preset: str
    prompts: int
    """The first so many."""
    steps: Steps
    """After which they are made."""

    def text(self, of_prompts: int) -> str:
        """For the log: `fast of 2 prompts at steps 0, 250, 500`."""
        prompts = f"the first of {of_prompts} prompts" if self.prompts < of_prompts else _counted(of_prompts, "prompt")
        return f"{self.preset} of {prompts} at {'step' if len(self.steps) == 1 else 'steps'} {self.steps.text()}"


@dataclass(frozen=True, kw_only=True)
class PreviewPlan:
    """The samples of a run."""

    series: tuple[Series, ...]
    share: float
    """How much longer they make the run, estimated."""
    whole_share: float
    """How much longer every prompt at every checkpoint would make it."""
    manual: str
    """Preset of samples that are asked for between the planned ones."""

    def requests(self, step: int, requests: Sequence[SampleRequest]) -> list[SampleRequest]:
        """What to make after a step.

        Args:
            step: Steps done.
            requests: One a prompt, in the recipe's own way.
        """
        due = [series for series in self.series if step in series.steps]
        return [with_preset(request, series.preset) for series in due for request in requests[: series.prompts]]

    def text(self, prompts: int) -> str:
        """The plan in a line.

        Args:
            prompts: How many the recipe has.
        """
        listed = "; ".join(series.text(prompts) for series in self.series)
        text = f"samples: {listed}: about {self.share:.1%} of the time of training"
        if self.whole_share > self.share + 0.001:
            text += f" (`sample.max_share: null` samples everything: about {self.whole_share:.0%})"
        return text


def plan_previews(config: SampleConfig, run: RunCost) -> PreviewPlan:
    """The richest plan that fits into `sample.max_share`.

    Args:
        config: The recipe's `sample:` block.
        run: What training costs.
    """
    own, prompts = config.preset, len(config.prompts)
    previews = PREVIEW if run.has_distilled and own != PREVIEW else own
    whole = (Series(preset=own, prompts=prompts, steps=run.every(1)),)
    candidates = [whole] if config.max_share is None else list(_candidates(own, previews, prompts, run))
    shares = [_share(candidate, config, run) for candidate in candidates]
    limit = 1.0 if config.max_share is None else config.max_share
    chosen = next((number for number, share in enumerate(shares) if share <= limit), len(shares) - 1)
    return PreviewPlan(
        series=candidates[chosen],
        share=shares[chosen],
        whole_share=_share(whole, config, run),
        manual=own if config.max_share is None else previews,
    )


def run_cost(
    trainer: "Trainer",
    model: "LTXModule",
    every_n_steps: int,
    at_start: bool = True,
    *,
    before: tuple[LatentDataModule, Execution] | None = None,
) -> RunCost:
    """What training costs in a run.

    Args:
        trainer: The recipe's.
        model: The recipe's; it need not be built.
        every_n_steps: Of `callbacks.SampleVideos`.
        at_start: Of the same.
        before: Data, and how the model would be held and run, before the trainer has the one and the model the other.
    """
    data, execution = before or (trainer.datamodule, model.execution)
    passes = 1 + _BACKWARD + _recomputed(model, execution)
    if model.preservation is not None:
        passes += model.preservation.probability * (1 + passes)
    size = 1.0
    if isinstance(data, LatentDataModule):
        trained = [_tokens(bucket, model) for bucket in data.trained_buckets]
        size = data.batch_size * sum(trained) / len(trained) / _tokens(model.sample_config.bucket, model)
    distilled = model.sample_config.distilled_lora is not None or Checkpoint(model.base_model).distilled
    return RunCost(
        max_steps=trainer.max_steps,
        every_n_steps=every_n_steps,
        at_start=at_start,
        passes_a_step=passes * size * trainer.accumulate_grad_batches,
        ranks=share_of(trainer).count,
        streams=model.streams,
        has_distilled=distilled,
    )


def _candidates(own: str, previews: str, prompts: int, run: RunCost) -> Iterator[tuple[Series, ...]]:
    """Plans from the richest to the leanest."""
    strides = list(_strides(run.num_checkpoints))
    if previews == own:
        for number in dict.fromkeys((prompts, 1)):
            for stride in strides:
                yield (Series(preset=own, prompts=number, steps=run.every(stride)),)
        return

    def both(guided: int, ends: Steps, stride: int) -> tuple[Series, ...]:
        fast = Series(preset=previews, prompts=prompts, steps=run.every(stride))
        return (Series(preset=own, prompts=guided, steps=ends), fast)

    yield both(prompts, run.ends, 1)
    for stride in strides[:_SPARSEST_BESIDE_START]:
        yield both(1, run.ends, stride)
    for stride in strides:
        yield both(1, run.end, stride)
    yield (Series(preset=own, prompts=1, steps=run.end),)


def _strides(most: int) -> Iterator[int]:
    """1, 2, 3, ... and from 64 on in doubling steps, up to `most`."""
    stride = 1
    while stride < most:
        yield stride
        stride += 1 if stride < _DOUBLED_FROM else stride
    yield most


def _share(plan: Sequence[Series], config: SampleConfig, run: RunCost) -> float:
    """How much longer a plan makes a run."""
    passes = 0.0
    for series in plan:
        preset = find_preset(series.preset)
        steps = config.steps if series.preset == config.preset else None
        own = preset.num_passes(with_both=run.streams == "av", steps=steps)
        own *= _DISTILLED_PASS if preset.needs_distilled else 1.0
        passes += len(series.steps) * -(-series.prompts // run.ranks) * (own + _DECODING)
    return passes / (run.max_steps * run.passes_a_step)


def _recomputed(model: "LTXModule", execution: Execution | None) -> float:
    """Part of the blocks that are recomputed in backward."""
    if execution is None:
        return float(model.gradient_checkpointing is True)
    return min(1.0, execution.checkpointed_blocks / Checkpoint(model.base_model).num_blocks)


def _tokens(bucket: Bucket, model: "LTXModule") -> float:
    """Tokens of an item, those of the narrower sound as half."""
    has_sound = model.streams != "video" and not bucket.is_still
    sound = AudioLatentSpec().length(bucket.duration(model.fps)) / 2 if has_sound else 0.0
    return sound if model.streams == "audio" else sound + LatentSpec().tokens(bucket)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
