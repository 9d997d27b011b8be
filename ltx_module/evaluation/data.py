"""The data of an evaluation: the recipe's clips and captions, and the prompts of all groups, encoded if need be."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader
from typing_extensions import override

from datamodules.latents import EMPTY_CAPTION, LatentDataModule
from ltx_module.evaluation.config import EvaluationConfig
from ltx_module.evaluation.plan import PromptSet, Trigger, choose_prompts
from ltx_module.evaluation.references import Reference, captioned, choose_references
from ltx_module.sample_config import SampleConfig
from ltx_module.verbs import Work


class EvaluationData(LightningDataModule):
    """Sets up the recipe's data, and gives each rank one piece of work: the whole evaluation, which it shares.

    Args:
        datamodule: The recipe's data.
        config: The recipe's `evaluate:` block.
        sample_config: The recipe's `sample:` block.
        start: Makes the work once clips and prompts are known.
        is_given: Whether samples are always given something, which calls for the concept by itself: then nothing is to
            be the same without the trigger or off topic.
    """

    def __init__(
        self,
        datamodule: LatentDataModule,
        config: EvaluationConfig,
        sample_config: SampleConfig,
        start: Callable[[list[Reference], PromptSet], Work],
        *,
        is_given: bool = False,
    ) -> None:
        super().__init__()
        self.datamodule, self.config, self.sample_config, self.start = datamodule, config, sample_config, start
        self.is_given = is_given
        self.work: Work | None = None

    @override
    def prepare_data(self) -> None:
        self.datamodule.prepare_data()

    @override
    def setup(self, stage: str) -> None:
        self.datamodule.trainer = self.trainer
        self.datamodule.setup(stage)
        references = choose_references(self.datamodule, self.sample_config.bucket, self.config.clips)
        captions = [reference.caption for reference in captioned(references, self.config.captions)]
        trigger = trigger_of(self.datamodule)
        prompts = choose_prompts(captions, trigger, self.config, self.sample_config.texts)
        if self.is_given:
            prompts = replace(prompts, no_trigger=(), off_topic=())
        fixed = [EMPTY_CAPTION, self.sample_config.negative_prompt]
        plain = [trigger.removed(reference.caption) for reference in references]
        self.datamodule.encode_texts([*fixed, *prompts.all, *plain])
        self.work = self.start(references, prompts)

    @override
    def predict_dataloader(self) -> DataLoader[Any]:
        mine: Any = [self.work]  # a list is a dataset to torch
        return DataLoader(mine, batch_size=None)


def trigger_of(datamodule: LatentDataModule) -> Trigger:
    """The recipe's trigger, and its class word where it has one."""
    settings = datamodule.settings
    return Trigger(settings.trigger.strip(), settings.class_word or "")
