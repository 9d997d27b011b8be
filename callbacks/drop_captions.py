"""Replace captions by the empty one now and then, so that guidance keeps a trained unconditional branch."""

import torch
from jsonargparse.typing import ClosedUnitInterval
from lightning.pytorch import Callback, Trainer
from torch import Tensor
from typing_extensions import override

from datamodules.batch import LatentBatch
from ltx_module.module import LTXModule
from ltx_module.seeding import batch_seed


class DropCaptions(Callback):
    """Gives a batch item the cached empty caption with some probability.

    Works on cached text, since the cache holds the empty caption too. Draws depend on the seed and the batch's number
    alone.

    Args:
        probability: Share of items trained without their caption, except of a set that has a `caption_dropout`.
    """

    def __init__(self, probability: ClosedUnitInterval = 0.05) -> None:
        self.probability = probability

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LTXModule, batch: LatentBatch, batch_idx: int) -> None:
        place = trainer.global_rank, trainer.world_size
        seed = batch_seed(pl_module.seed, "captions", batch.index, *place)
        draws = torch.rand(batch.size, generator=torch.Generator().manual_seed(seed))
        dropped = draws < torch.tensor(self._probabilities(batch), dtype=draws.dtype)
        if dropped.any():
            rows = dropped.nonzero().flatten().tolist()
            video, audio = trainer.datamodule.empty_context
            _replace(batch.video_context, video, rows)
            _replace(batch.audio_context, audio, rows)

    def _probabilities(self, batch: LatentBatch) -> list[float]:
        """Of each item: its set's own, else this callback's."""
        of_sets = batch.caption_dropout or (None,) * batch.size
        return [self.probability if own is None else own for own in of_sets]


def _replace(contexts_BSD: Tensor | None, empty_SD: Tensor | None, rows: list[int]) -> None:
    """Overwrite rows of the batch's own copy of the contexts."""
    if contexts_BSD is not None and empty_SD is not None:
        contexts_BSD[rows] = empty_SD.to(contexts_BSD)
