"""How the verbs beside `fit` run: work handed to the placed model, or none, shared by the ranks."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch.utils.data import DataLoader
from typing_extensions import override

if TYPE_CHECKING:
    from datamodules.latents import LatentDataModule
    from ltx_module.module import LTXModule

Work = Callable[["LTXModule"], object]
"""Something to do with the loaded model."""


class WorkList(LightningDataModule):
    """Serves work to `predict`, after the recipe's prompts are in the cache; ranks share the list.

    Args:
        datamodule: The recipe's data, which encodes the prompts.
        work: What to do, in order.
    """

    def __init__(self, datamodule: "LatentDataModule", work: Sequence[Work]) -> None:
        super().__init__()
        self.datamodule, self.work = datamodule, list(work)

    @override
    def setup(self, stage: str) -> None:
        self.datamodule.trainer = self.trainer
        self.datamodule.encode_prompts()

    @override
    def predict_dataloader(self) -> DataLoader[Any]:
        assert self.trainer is not None
        mine: Any = self.work[self.trainer.global_rank :: self.trainer.world_size]  # a list is a dataset to torch
        return DataLoader(mine, batch_size=None)


class NoModel(LightningModule):
    """Lets the trainer's launcher run the data module's set-up on every rank without building the transformer."""

    @override
    def predict_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        return torch.zeros(())
