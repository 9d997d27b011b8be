"""Which samples are made: the same prompts and seeds without the LoRA, with each checkpoint, and at each strength."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from datamodules.manifest.class_caption import class_caption
from datamodules.manifest.clip import final_caption
from ltx_module.evaluation.candidates import BASE
from ltx_module.evaluation.config import TRAINED, EvaluationConfig
from ltx_module.sample_config import SampleConfig, SampleRequest, sample_name

Group = Literal["trigger", "no_trigger", "off_topic", "novel"]
GROUPS: tuple[Group, ...] = get_args(Group)
SWEPT: tuple[Group, ...] = ("trigger", "novel")
"""Groups that are sampled at other strengths than 1."""


@dataclass(frozen=True)
class Trigger:
    """The recipe's trigger word, and what stands in its place in prompts that lack it."""

    word: str
    """Empty in a recipe without a trigger."""
    class_word: str = ""
    """Such as `person`; empty removes the trigger."""

    def removed(self, caption: str) -> str:
        """A caption without the trigger."""
        return class_caption(caption, self.word, self.class_word)


@dataclass(frozen=True, kw_only=True)
class SampleJob:
    """One sample to make."""

    checkpoint: str
    """Name of the candidate, or `base`."""
    group: Group
    number: int
    """Of the prompt in its group, from 0."""
    prompt: str
    """Final prompt, with the trigger where the group has it."""
    seed: int
    strength: float
    """0 for the base."""

    @property
    def name(self) -> str:
        """Path below `samples/`, without suffix."""
        folder = BASE if self.checkpoint == BASE else f"{self.checkpoint}@{self.strength:g}"
        return f"{folder}/{self.group}-{sample_name(self.number + 1, self.prompt, self.seed)}"

    @property
    def place(self) -> tuple[Group, int, int]:
        """Group, prompt and seed: what a sample shares with its partners of other checkpoints."""
        return self.group, self.number, self.seed

    def request(self, config: SampleConfig, fps: float) -> SampleRequest:
        """The job in the words of the generator.

        Args:
            config: The recipe's `sample:` block.
            fps: Frames per second.
        """
        return replace(config.request(self.prompt, fps), seed=self.seed, strength=self.strength, name=self.name)


@dataclass(frozen=True, kw_only=True)
class PromptSet:
    """The prompts of each group, final."""

    trigger: tuple[str, ...]
    """Captions of clips, with the trigger."""
    no_trigger: tuple[str, ...]
    """The same captions without it; empty in a recipe that has no trigger."""
    off_topic: tuple[str, ...]
    novel: tuple[str, ...]

    def of(self, group: Group) -> tuple[str, ...]:
        """The prompts of a group."""
        prompts: tuple[str, ...] = getattr(self, group)
        return prompts

    @property
    def all(self) -> list[str]:
        """Every prompt once."""
        return list(dict.fromkeys(prompt for group in GROUPS for prompt in self.of(group)))


def choose_prompts(
    captions: Sequence[str], trigger: Trigger, config: EvaluationConfig, sample_prompts: Sequence[str]
) -> PromptSet:
    """The prompts of an evaluation.

    Args:
        captions: Final captions of the clips that samples are compared with.
        trigger: The recipe's.
        config: The recipe's `evaluate:` block.
        sample_prompts: The recipe's `sample.prompts`.
    """
    plain = tuple(trigger.removed(caption) for caption in captions) if trigger.word else ()
    return PromptSet(
        trigger=tuple(captions),
        no_trigger=plain,
        off_topic=tuple(trigger.removed(prompt) for prompt in config.off_topic),
        novel=tuple(final_caption(prompt, trigger.word) for prompt in config.novel or sample_prompts),
    )


def base_jobs(prompts: PromptSet, seeds: Iterable[int]) -> list[SampleJob]:
    """Every prompt and seed without the LoRA."""
    return _jobs(BASE, prompts, seeds, 0.0, GROUPS)


def checkpoint_jobs(checkpoint: str, prompts: PromptSet, seeds: Iterable[int]) -> list[SampleJob]:
    """Every prompt and seed with a checkpoint as it was trained."""
    return _jobs(checkpoint, prompts, seeds, TRAINED, GROUPS)


def sweep_jobs(
    checkpoint: str, prompts: PromptSet, seeds: Sequence[int], strengths: Sequence[float]
) -> list[SampleJob]:
    """The prompts with the trigger at the strengths other than 1."""
    others = [strength for strength in strengths if strength != TRAINED]
    return [job for strength in others for job in _jobs(checkpoint, prompts, seeds, strength, SWEPT)]


def _jobs(
    checkpoint: str, prompts: PromptSet, seeds: Iterable[int], strength: float, groups: Sequence[Group]
) -> list[SampleJob]:
    return [
        SampleJob(checkpoint=checkpoint, group=group, number=number, prompt=prompt, seed=seed, strength=strength)
        for seed in seeds
        for group in groups
        for number, prompt in enumerate(prompts.of(group))
    ]
