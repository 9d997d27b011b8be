import pytest
import torch

from ltx_module.adapters import AdapterAverage, LoRAConfig, inject_lora, trainable_state


@pytest.fixture
def transformer(build):
    model = build()
    inject_lora(model, LoRAConfig(rank=2, alpha=2.0), seed=0)
    return model


def snapshot(transformer) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in trainable_state(transformer).items()}


def move_to(transformer, value: float) -> None:
    for tensor in trainable_state(transformer).values():
        tensor.fill_(value)


def assert_same(left, right) -> None:
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_the_average_forgets_fast_at_first_and_by_its_decay_later(transformer):
    move_to(transformer, 0.0)
    average = AdapterAverage(transformer, decay=0.25)
    move_to(transformer, 1.0)
    remaining = 1.0
    for share in (1 / 10, 2 / 11, 0.25, 0.25):  # (1 + n) / (10 + n) passes 0.25 at n = 2
        average.update()
        remaining *= share
        value = next(iter(average.values.values())).flatten()[0].item()
        assert value == pytest.approx(1 - remaining, rel=1e-5)


def test_an_update_leaves_the_adapter_as_it_is(transformer):
    average = AdapterAverage(transformer, decay=0.9)
    move_to(transformer, 0.3)
    before = snapshot(transformer)
    average.update()
    assert_same(snapshot(transformer), before)


def test_the_average_is_in_place_inside_the_block_and_the_adapter_after_it_even_when_it_fails(transformer):
    average = AdapterAverage(transformer, decay=0.9)
    for value in (0.1, 0.7):
        move_to(transformer, value)
        average.update()
    raw, averaged = snapshot(transformer), {name: tensor.clone() for name, tensor in average.values.items()}

    def save() -> None:
        with average.in_place():
            assert_same(snapshot(transformer), averaged)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        save()
    assert_same(snapshot(transformer), raw)
    assert_same(average.values, averaged)


def test_a_resumed_average_goes_on_bit_for_bit(transformer):
    whole = AdapterAverage(transformer, decay=0.999)
    for value in (0.1, 0.7):
        move_to(transformer, value)
        whole.update()
    state = {"updates": whole.updates, "values": {name: tensor.clone() for name, tensor in whole.values.items()}}
    resumed = AdapterAverage(transformer, decay=0.999)
    resumed.load_state_dict(state)
    move_to(transformer, 0.2)
    whole.update()
    resumed.update()
    assert_same(whole.values, resumed.values)
