"""The recipe, the card and the ranks brought together."""

from types import SimpleNamespace

import pytest
import torch

from ltx_module import execution_choice
from ltx_module.execution_choice import choose_execution
from ltx_module.precision.card import Card
from ltx_module.precision.execution import Execution
from tests.precision.test_memory import JOB

GIB = 2**30


class Ranks:
    """A strategy whose other rank has a card of so many GiB free."""

    root_device = torch.device("cpu")

    def __init__(self, other_gib: float) -> None:
        self.other = int(other_gib * GIB)

    def reduce(self, value, reduce_op):
        assert reduce_op == "max"  # of what is negative, for the smallest
        return torch.maximum(value, torch.tensor(-self.other, dtype=value.dtype))

    def broadcast(self, value):
        return value


def model(other_gib: float = 200, **values) -> SimpleNamespace:
    trainer = SimpleNamespace(strategy=Ranks(other_gib), precision="bf16-mixed", training=True, datamodule=None)
    recipe = {"dtype_name": "auto", "gradient_checkpointing": "auto", "swap_blocks": 0, "compile_blocks": False}
    return SimpleNamespace(trainer=trainer, **(recipe | values))


@pytest.fixture
def card(monkeypatch):
    found = Card(name="a card", free=139 * GIB, total=140 * GIB, capability=(9, 0), host_free=64 * GIB)
    monkeypatch.setattr(execution_choice.Card, "of", lambda device: found)
    monkeypatch.setattr(execution_choice, "largest_job", lambda *of: JOB)


def test_all_ranks_go_by_the_smallest_card(card):
    assert choose_execution(model(), 48).checkpointed_blocks == 0
    assert choose_execution(model(other_gib=40), 48).checkpointed_blocks > 30


def test_numbers_that_the_card_has_no_products_for_are_refused_not_emulated(monkeypatch):
    old = Card(name="an old card", free=20 * GIB, total=24 * GIB, capability=(8, 6), host_free=64 * GIB)
    monkeypatch.setattr(execution_choice.Card, "of", lambda device: old)
    with pytest.raises(ValueError, match=r"`model.dtype` is fp8, but an old card .*--model.dtype int8"):
        choose_execution(model(dtype_name="fp8", gradient_checkpointing=True), 48)


def test_a_recipe_that_leaves_nothing_open_is_taken_at_its_word(card):
    pinned = model(other_gib=1, dtype_name="nf4", gradient_checkpointing=60, swap_blocks=2, compile_blocks=True)
    assert choose_execution(pinned, 48) == Execution(dtype="nf4", checkpointed_blocks=48, swap_blocks=2, compile=True)


@pytest.mark.parametrize(("precision", "dtype"), [("bf16-mixed", "bf16"), ("32-true", "fp32")])
def test_without_a_card_everything_is_recomputed_in_the_numbers_of_the_trainer(precision, dtype):
    recipe = model()
    recipe.trainer.precision = precision
    assert choose_execution(recipe, 6) == Execution(dtype=dtype, checkpointed_blocks=6)
