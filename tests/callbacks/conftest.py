"""A trainer and a module as far as callbacks look at them: plain objects with the attributes that hooks read."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor

from datamodules.batch import LatentBatch
from datamodules.geometry import Bucket
from ltx_module.diffusion.sigmas import Uniform
from ltx_module.model import LTXTransformer
from ltx_module.training import StepLoss, TrainingObjective


@dataclass
class FakeModule:
    """Holds the losses of a step and remembers what is logged or saved."""

    step_loss: StepLoss | None = None
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    rows: list[dict[str, float]] = field(default_factory=list)
    adapter: Tensor = field(default_factory=lambda: torch.zeros(2))
    transformer: LTXTransformer | None = None
    objective: TrainingObjective = field(default_factory=lambda: TrainingObjective(sigma_sampler=Uniform()))

    def write_metrics(self, values: dict[str, float]) -> None:
        self.rows.append(dict(values))

    def save_lora(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"lora")

    def state_dict(self) -> dict[str, Tensor]:
        return {"adapter": self.adapter}


@pytest.fixture
def module() -> FakeModule:
    return FakeModule()


@pytest.fixture
def trainer(tmp_path, module) -> SimpleNamespace:
    """A trainer of ten steps at step 1, on one rank, without accumulation."""
    return SimpleNamespace(
        default_root_dir=str(tmp_path / "run"),
        global_step=1,
        max_steps=10,
        accumulate_grad_batches=1,
        should_stop=False,
        limit_val_batches=1.0,
        is_global_zero=True,
        global_rank=0,
        world_size=1,
        callbacks=[],
        lightning_module=module,
        strategy=SingleDeviceStrategy(device="cpu"),
        state=SimpleNamespace(fn="fit"),
        callback_metrics={},
        datamodule=SimpleNamespace(validation_is_training=False),
        optimizers=[],
        fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace()),
    )


def make_batch(size: int = 2, index: int = 0, *, audio: bool = True) -> LatentBatch:
    return LatentBatch(
        video=torch.zeros(size, 4, 2, 2, 2),
        audio=torch.zeros(size, 2, 9, 4) if audio else None,
        video_context=torch.ones(size, 3, 5),
        audio_context=torch.ones(size, 3, 6) if audio else None,
        fps=24.0,
        bucket=Bucket.parse("64x64x9"),
        names=tuple(f"clip {number}" for number in range(size)),
        index=index,
    )
