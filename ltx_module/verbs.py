"""How the verbs beside `fit` run: work handed to the placed model, or none, shared by the ranks."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch.utils.data import DataLoader
from typing_extensions import override

from ltx_module.strategies import share_of

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
        # a list is a dataset to torch; to Lightning, a rank with nothing in it is an error
        mine: Any = share_of(self.trainer).of(self.work) or [_nothing]
        return DataLoader(mine, batch_size=None)


def _nothing(_: "LTXModule") -> None:
    """The work of a rank that has none left."""


class NoModel(LightningModule):
    """Lets the trainer's launcher run the data module's set-up on every rank without building the transformer."""

    @override
    def configure_model(self) -> None:
        """Build nothing; Lightning's FSDP2 strategy insists on being told so."""

    @override
    def predict_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        return torch.zeros(())
