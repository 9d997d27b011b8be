"""How several GPUs share a run, on top of Lightning's strategies.

DDP (Lightning's default) holds the model on every GPU; `ShardedStrategy` holds a piece of the frozen weights on each.
In both, adapters and optimizer are whole on every rank and torch's DDP averages the adapters' gradients, so that LoRA
files, resume states and any optimizer are what they are on one GPU.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, distributed
from torch.distributed.device_mesh import DeviceMesh
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from typing_extensions import override

if TYPE_CHECKING:
    from datamodules.latents import LatentDataModule
    from ltx_module.module import LTXModule

Item = TypeVar("Item")

# Gradients are averaged when all of them are there: a rank whose clip is silent would average the first ones while
# another one still gathers weights, and each would wait for the other for ever.
_ALL_AT_ONCE = 2**20


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's FSDP2 strategy with the frozen weights in pieces and the adapters whole.

    Lightning's own gathers or scatters whatever it saves; here nothing that is saved is in pieces, so a resume state
    is one plain file, and any number of GPUs goes on from it, with this strategy, with DDP or alone.

    Args:
        shard_over: Cut the weights over the GPUs of each machine, so that they never cross the network, or over all.
        process_group_backend: `nccl` or `gloo`; null takes the one for the device.
        timeout: How long a rank waits for another one, hours:minutes:seconds.
    """

    def __init__(
        self,
        shard_over: Literal["node", "all"] = "node",
        process_group_backend: Literal["nccl", "gloo"] | None = None,
        timeout: timedelta = timedelta(minutes=30),
    ) -> None:
        super().__init__(process_group_backend=process_group_backend, timeout=timeout)
        self.shard_over = shard_over
        self.ddp_options: dict[str, Any] = {"bucket_cap_mb": _ALL_AT_ONCE}
        """How the adapters' gradients are averaged."""

    @property
    def mesh(self) -> DeviceMesh:
        """The ranks that hold the weights together with this one."""
        mesh: DeviceMesh = self.device_mesh["tensor_parallel"]  # Lightning's name for the ranks of a node
        return mesh

    @property
    def copies(self) -> DeviceMesh:
        """The ranks that hold the same piece as this one."""
        mesh: DeviceMesh = self.device_mesh["data_parallel"]
        return mesh

    @override
    def setup_environment(self) -> None:
        if self.shard_over == "all":
            self._data_parallel_size, self._tensor_parallel_size = 1, self.num_nodes * self.num_processes
        super().setup_environment()

    @override
    def setup(self, trainer: Trainer) -> None:
        super().setup(trainer)
        if trainer.state.fn == TrainerFn.FITTING:
            on_gpu = self.root_device.type == "cuda"
            # on a side stream, as torch's notes on CUDA graphs want it and Lightning does it
            side = torch.cuda.Stream() if on_gpu else None  # type: ignore[no-untyped-call]
            with torch.cuda.stream(side):
                ids = self._determine_device_ids() if on_gpu else None
                self.model = DistributedDataParallel(self.lightning_module, device_ids=ids, **self.ddp_options)

    @property
    @override
    def restore_checkpoint_after_setup(self) -> bool:
        return False

    @property
    @override
    def lightning_restore_optimizer(self) -> bool:
        return True

    @override
    def lightning_module_state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = Strategy.lightning_module_state_dict(self)
        return state

    @override
    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        Strategy.load_model_state_dict(self, checkpoint, strict)

    @override
    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        state: dict[str, Any] = Strategy.optimizer_state(self, optimizer)
        return state

    @override
    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        Strategy.load_optimizer_state_dict(self, checkpoint)

    @override
    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:
        Strategy.save_checkpoint(self, checkpoint, filepath, storage_options)

    @override
    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        state: dict[str, Any] = Strategy.load_checkpoint(self, checkpoint_path, weights_only)
        return state


@dataclass(frozen=True)
class Share:
    """What a rank does of work that the ranks divide, such as samples.

    Ranks that hold one model together run every forward together, so they do the same work, and one of them writes.
    """

    number: int
    """Of this rank's group."""
    count: int
    """Groups."""
    writes: bool
    """Whether this rank writes what its group has made."""
    mesh: DeviceMesh | None = None
    """The group's ranks; None where each rank works alone."""

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items that fall to this rank."""
        return items[self.number :: self.count]

    def any(self, decision: bool) -> bool:
        """Whether any rank of the group says so; all of them must ask."""
        if self.mesh is None:
            return decision
        told = torch.tensor(int(decision), device=self.mesh.device_type)  # the rank's own device is the current one
        distributed.all_reduce(told, distributed.ReduceOp.MAX, group=self.mesh.get_group())
        return bool(told.item())


def share_of(trainer: Trainer) -> Share:
    """This rank's share of work that the ranks divide."""
    strategy = trainer.strategy
    if not isinstance(strategy, ShardedStrategy):
        return Share(trainer.global_rank, trainer.world_size, writes=True)
    copies, mesh = strategy.copies, strategy.mesh
    return Share(copies.get_local_rank(), copies.size(), writes=mesh.get_local_rank() == 0, mesh=mesh)


def shard_mesh(strategy: Strategy) -> DeviceMesh | None:
    """The ranks to cut frozen weights over; None where each holds them whole."""
    return strategy.mesh if isinstance(strategy, ShardedStrategy) else None


def require_fit(trainer: Trainer, swap_blocks: int | str) -> None:
    """Refuse a strategy that cannot hold or save this model.

    Args:
        trainer: With the recipe's strategy.
        swap_blocks: The recipe's `model.swap_blocks`.

    Raises:
        ValueError: Naming the one to use.
    """
    strategy, ours = trainer.strategy, f"{ShardedStrategy.__module__}.{ShardedStrategy.__name__}"
    if isinstance(strategy, ShardedStrategy):
        if swap_blocks not in (0, "auto"):  # `auto` swaps none here
            raise ValueError(
                f"`model.swap_blocks` is {swap_blocks}, but {ours} keeps the blocks in pieces on the GPUs: set it to 0,"
                " or leave `trainer.strategy` out."
            )
    elif type(strategy).__name__ in ("FSDPStrategy", "ModelParallelStrategy", "DeepSpeedStrategy"):
        raise ValueError(
            f"`trainer.strategy` is {type(strategy).__name__}, which would cut the adapters in pieces too, so that no"
            f" LoRA could be saved: use {ours} (recipes/overlays/fsdp.yaml)."
        )


def prepare_gradients(model: "LTXModule") -> None:
    """Tell DDP of the adapters' gradients what this recipe does, where the recipe has not; once the data is known."""
    strategy, options = model.trainer.strategy, None
    if isinstance(strategy, DDPStrategy):
        options = strategy._ddp_kwargs  # Lightning has no public way once `auto` has counted the devices
    elif isinstance(strategy, ShardedStrategy):
        options = strategy.ddp_options
    if options is not None:
        options.setdefault("gradient_as_bucket_view", True)  # else a second copy of all gradients
        options.setdefault("find_unused_parameters", _may_lack_gradients(model, model.trainer.datamodule))


def leave_frozen_alone(model: "LTXModule") -> None:
    """Keep Lightning and DDP from sending the frozen weights, which every rank has read, over the network."""
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    buffers = [name for name, _ in model.named_buffers()]
    ignore = DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
    ignore(model, [*frozen, *buffers])  # type: ignore[no-untyped-call]


def is_row(trainer: Trainer, batch_idx: int) -> bool:
    """Whether the step that this micro-batch completes becomes a row of the logs."""
    completes = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
    return completes and (int(trainer.global_step) + 1) % int(trainer.log_every_n_steps) == 0


def mean_over_ranks(values: Mapping[str, Tensor | float], trainer: Trainer) -> dict[str, Tensor | float]:
    """Numbers of a step as means over the ranks that have them; NaN means that a rank has none. Waits for the device.

    Args:
        values: By name; ranks may have different ones.
        trainer: All its ranks must call.
    """
    if trainer.world_size == 1:
        return dict(values)
    of_ranks: list[dict[str, float]] = [{} for _ in range(trainer.world_size)]
    distributed.all_gather_object(of_ranks, {name: float(value) for name, value in values.items()})
    means: dict[str, Tensor | float] = {}
    for name in dict.fromkeys(name for one in of_ranks for name in one):
        present = [one[name] for one in of_ranks if name in one and not math.isnan(one[name])]
        means[name] = sum(present) / len(present) if present else math.nan
    return means


def _may_lack_gradients(model: "LTXModule", data: "LatentDataModule") -> bool:
    """Whether a batch may leave adapters without a gradient; to look for them costs time in every step."""
    if model.streams != "av":
        return False
    trained = [*data.clips_of("train"), *data.clips_of("regularisation")]
    lacks_one = any(None in (clip.cached.latent_key, clip.cached.audio_key) for clip in trained)
    return lacks_one or model.frozen is not None  # the last block's layers of a given modality serve no loss
