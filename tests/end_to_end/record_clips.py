"""A callback for tests of several ranks: each writes down what it trains on and what it ends with."""

import hashlib
import json
from pathlib import Path

from lightning.pytorch import Callback


class RecordClips(Callback):
    """Appends the clips of each batch to `rank-<n>.jsonl`, and at the end a hash of the adapters.

    Args:
        directory: Where the files go.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        record = {
            "clips": list(batch.names),
            "captions": list(batch.caption_numbers),
            "has_audio": batch.audio is not None,
        }
        self._write(trainer, record)

    def on_train_end(self, trainer, pl_module) -> None:
        digest = hashlib.sha256()
        for name, tensor in sorted(pl_module.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        self._write(trainer, {"adapters": digest.hexdigest()})

    def _write(self, trainer, record: dict[str, object]) -> None:
        with (self.directory / f"rank-{trainer.global_rank}.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")


class RaiseOnRank(Callback):
    """Fails on one rank, after the first step.

    Args:
        rank: Which one.
    """

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if trainer.global_rank == self.rank:
            raise ValueError(f"rank {self.rank} has had enough")
