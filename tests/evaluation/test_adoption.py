import pytest
import torch

from ltx_module.evaluation.adoption import Direction

NOISE = 0.1


def pairs(shift, count=8, features=20):
    """Base and clip features that differ by a shift in the first feature, and by noise in all."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for _ in range(count):
        base = torch.randn(features, generator=generator)
        clip = base + NOISE * torch.randn(features, generator=generator)
        clip[0] += shift
        made.append(({"look": base}, {"look": clip}))
    return made


def moved(base, share, shift):
    after = base["look"].clone()
    after[0] += share * shift
    return {"look": after}


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_sample_that_has_gone_part_of_the_way_has_adopted_that_part(share):
    made = pairs(shift=3.0)
    direction = Direction.fit(made)
    base = made[0][0]
    assert direction.adoption(base, moved(base, share, 3.0)) == pytest.approx(share, abs=0.05)


def test_a_change_of_what_does_not_tell_base_from_clips_is_no_adoption():
    direction = Direction.fit(pairs(shift=3.0))
    base = {"look": torch.zeros(20)}
    elsewhere = {"look": torch.cat([torch.zeros(1), torch.ones(19)])}
    assert abs(direction.adoption(base, elsewhere)) < 0.1


def test_there_is_no_way_where_base_and_clips_do_not_differ():
    assert Direction.fit(pairs(shift=0.0)) is None


def test_one_pair_is_not_enough_to_know_what_differs_by_chance():
    assert Direction.fit(pairs(shift=3.0, count=1)) is None


def test_what_no_lora_moves_counts_less_than_what_they_teach():
    made = [
        ({**base, "a": base["look"], "b": base["look"]}, {**clip, "a": base["look"] + 5, "b": base["look"] + 5})
        for base, clip in pairs(3.0)
    ]
    base = made[0][0]
    after = {**base, **moved(base, 1.0, 3.0)}
    whole = Direction.fit(made)
    focused = whole.focused([(base, after)])
    assert len(focused.families) == 2  # of three: clips may be sharper than any sample, LoRA or not
    assert "look" in focused.families
    assert focused.adoption(base, after) > whole.adoption(base, after)
