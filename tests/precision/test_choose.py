"""What is left to `auto` becomes the fastest way that fits the card; what is pinned stays."""

import logging
from dataclasses import replace

import pytest

from ltx_module.precision import card as card_module
from ltx_module.precision.card import Card
from ltx_module.precision.choose import Wanted, choose, fastest, needed_bytes, usable
from ltx_module.precision.memory_job import OptimizerBytes
from tests.precision.test_memory import JOB

GIB = 2**30
AUTO = Wanted(dtype="auto", gradient_checkpointing="auto", swap_blocks="auto", compile=True)
SMALL_JOB = replace(JOB, trainable=107_000_000, optimizer=OptimizerBytes(state=2.06))


def card(gib: float, capability=(9, 0), host_gib: float = 32.0) -> Card:
    size = int(gib * GIB)
    return Card(name="a card", free=size, total=size, capability=capability, host_free=int(host_gib * GIB))


def test_a_large_card_recomputes_nothing_and_a_smaller_one_as_little_as_fits():
    large, medium = choose(AUTO, JOB, card(139)), choose(AUTO, JOB, card(31.3))
    assert (large.dtype, large.checkpointed_blocks, large.swap_blocks) == ("fp8", 0, 0)
    assert medium.swap_blocks == 0
    assert 0 < medium.checkpointed_blocks < 48
    one_less = replace(medium, checkpointed_blocks=medium.checkpointed_blocks - 1)
    assert needed_bytes(JOB, medium) <= usable(card(31.3)) < needed_bytes(JOB, one_less)


def test_blocks_are_swapped_when_recomputing_all_is_not_enough():
    small = choose(AUTO, SMALL_JOB, card(15.5))
    assert (small.dtype, small.checkpointed_blocks) == ("fp8", 48)
    assert 10 < small.swap_blocks < 30
    assert needed_bytes(SMALL_JOB, small) <= usable(card(15.5))


@pytest.mark.parametrize(
    ("capability", "dtype"), [((12, 0), "fp8"), ((8, 9), "fp8"), ((8, 6), "int8"), ((7, 5), "bf16")]
)
def test_the_number_format_is_the_fastest_that_the_card_computes(capability, dtype):
    assert choose(AUTO, JOB, card(139, capability)).dtype == dtype


def test_four_bits_come_last_and_where_main_memory_is_short(monkeypatch):
    monkeypatch.setattr(card_module.importlib.util, "find_spec", lambda name: object())
    assert choose(AUTO, SMALL_JOB, card(15.5, host_gib=4)).dtype == "nf4"
    assert choose(AUTO, SMALL_JOB, card(15.5)).dtype == "fp8"
    monkeypatch.setattr(card_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"does not fit a card, 15\.5 GiB free"):
        choose(AUTO, SMALL_JOB, card(15.5, host_gib=4))


def test_what_is_pinned_stays():
    pinned = Wanted(dtype="bf16", gradient_checkpointing="auto", swap_blocks=0)
    chosen = choose(pinned, JOB, card(78.5))
    assert (chosen.dtype, chosen.swap_blocks, chosen.compile) == ("bf16", 0, False)
    assert choose(Wanted(dtype="auto", gradient_checkpointing=12), JOB, card(139)).checkpointed_blocks == 12
    assert choose(Wanted(dtype="auto", gradient_checkpointing=False), JOB, card(139)).checkpointed_blocks == 0
    assert not Wanted(dtype="fp8", gradient_checkpointing=12).is_open


def test_the_log_says_what_was_picked_and_for_which_card(caplog):
    with caplog.at_level(logging.INFO):
        choose(AUTO, SMALL_JOB, card(139))
    assert "auto: a card, 139.0 GiB free: fp8, compiled, 0 of 48 blocks recomputed, 0 swapped: about" in caplog.text


def test_a_card_that_is_too_small_is_refused_with_settings_that_the_recipe_lacks():
    with pytest.raises(ValueError, match=r"--model.dtype auto --model.swap_blocks auto") as refused:
        choose(Wanted(dtype="bf16", gradient_checkpointing="auto"), JOB, card(23.5))
    assert "48 of 48 blocks recomputed" in str(refused.value)
    assert fastest(Wanted(dtype="bf16", gradient_checkpointing="auto"), JOB, card(23.5))[1] is False


def test_a_longer_bucket_makes_the_same_card_recompute_more():
    longer = replace(JOB, video_tokens=2 * JOB.video_tokens)
    assert choose(AUTO, longer, card(47)).checkpointed_blocks > choose(AUTO, JOB, card(47)).checkpointed_blocks


def test_samples_alone_need_no_room_for_training():
    inference = choose(AUTO, JOB, card(23.5), training=False)
    assert inference.swap_blocks == 0
    assert choose(AUTO, JOB, card(23.5)).swap_blocks > 0
