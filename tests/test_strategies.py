"""What a rank of several does, without a second one; two of them are in tests/end_to_end and tests/precision."""

import math
from types import SimpleNamespace

import pytest
from lightning.pytorch.strategies import ModelParallelStrategy, SingleDeviceStrategy

from ltx_module.agreement import Agreement
from ltx_module.cli import main
from ltx_module.seeding import batch_seed
from ltx_module.strategies import ShardedStrategy, is_row, mean_over_ranks, require_fit, share_of
from tests.recipe_files import configs


def trainer(**values):
    return SimpleNamespace(strategy=SingleDeviceStrategy(device="cpu"), **values)


def test_n_ranks_draw_what_one_process_draws_in_turn():
    alone = [batch_seed(7, "noise", number, 0, 1) for number in range(12)]
    of_ranks = [[batch_seed(7, "noise", index, rank, 3) for index in range(4)] for rank in range(3)]
    assert alone == [of_ranks[number % 3][number // 3] for number in range(12)]
    assert len(set(alone)) == 12


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_every_item_falls_to_one_rank(world_size):
    items = list(range(7))
    shares = [share_of(trainer(global_rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert sorted(item for share in shares for item in share.of(items)) == items
    assert all(share.writes and share.any(True) and not share.any(False) for share in shares)


def test_one_process_agrees_with_itself_at_once():
    strategy = SingleDeviceStrategy(device="cpu")
    assert Agreement().reached([True, False], strategy) == [True, False]


def test_alone_the_numbers_of_a_step_stay_as_they_are():
    values = mean_over_ranks({"loss": 1.5, "loss_audio": math.nan}, trainer(world_size=1))
    assert values["loss"] == 1.5
    assert math.isnan(values["loss_audio"])


def test_rows_fall_on_every_nth_finished_step():
    accumulating = {"accumulate_grad_batches": 2, "log_every_n_steps": 5}
    rows = [batch for batch in range(20) if is_row(trainer(global_step=batch // 2, **accumulating), batch)]
    assert rows == [9, 19]  # the last micro-batches of steps 5 and 10


def test_a_strategy_that_would_cut_the_adapters_is_refused_with_the_one_that_does_not():
    with pytest.raises(ValueError, match=r"ModelParallelStrategy.*ShardedStrategy.*fsdp\.yaml"):
        require_fit(SimpleNamespace(strategy=ModelParallelStrategy()), swap_blocks=0)
    with pytest.raises(ValueError, match=r"`model\.swap_blocks` is 4"):
        require_fit(SimpleNamespace(strategy=ShardedStrategy()), swap_blocks=4)
    for swapped in (0, "auto"):
        require_fit(SimpleNamespace(strategy=ShardedStrategy()), swap_blocks=swapped)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("{class_path: ltx_module.strategies.ShardedStrategy, init_args: {timeout: '2:00:00'}}", "timeout: '2:00:00'"),
        (
            "{class_path: lightning.pytorch.strategies.DDPStrategy, init_args: {ddp_comm_hook:"
            " torch.distributed.algorithms.ddp_comm_hooks.default_hooks.bf16_compress_hook}}",
            "bf16_compress_hook",
        ),
    ],
)
def test_the_strategies_of_the_guide_are_understood(strategy, expected, capsys):
    with pytest.raises(SystemExit):
        main(["fit", *configs("style"), f"--trainer.strategy={strategy}", "--print_config"])
    assert expected in capsys.readouterr().out
