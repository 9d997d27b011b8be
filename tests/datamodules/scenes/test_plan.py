import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.scenes.plan import Scene, SceneRules, plan_scenes, seconds
from datamodules.scenes.shots import Shots


def shots_of(lengths, rate=25):
    edges = [sum(lengths[:index]) for index in range(len(lengths) + 1)]
    return Shots(ticks=tuple(range(edges[-1] + 1)), time_base=Fraction(1, rate), cuts=tuple(edges[1:-1]))


def spans(scenes):
    return [(scene.first, scene.end) for scene in scenes]


def test_each_shot_becomes_a_scene():
    scenes, left_out = plan_scenes(shots_of([30, 41, 60]), SceneRules(trim=0))
    assert spans(scenes) == [(0, 30), (30, 71), (71, 131)]
    assert left_out == ()


def test_frames_are_trimmed_at_cuts_but_not_at_the_ends_of_the_video():
    scenes, _ = plan_scenes(shots_of([30, 41, 60]), SceneRules(trim=2))
    assert spans(scenes) == [(0, 28), (32, 69), (73, 131)]


def test_a_long_shot_is_cut_into_as_few_equal_parts_as_can_be():
    scenes, _ = plan_scenes(shots_of([250]), SceneRules(max=10.0, trim=0))
    assert spans(scenes) == [(0, 250)]  # ten seconds to the frame
    scenes, _ = plan_scenes(shots_of([251]), SceneRules(max=10.0, trim=0))
    assert spans(scenes) == [(0, 126), (126, 251)]


def test_a_short_shot_is_left_out_with_its_length():
    scenes, left_out = plan_scenes(shots_of([50, 20, 50]), SceneRules(min=1.0, trim=0))
    assert spans(scenes) == [(0, 50), (70, 120)]
    assert [(out.first, out.end, out.reason) for out in left_out] == [(50, 70, "lasts 0.80 s, less than 1 s")]


def test_trimming_counts_towards_the_shortest_length():
    _, left_out = plan_scenes(shots_of([50, 26, 50]), SceneRules(min=1.0, trim=1))
    assert [(out.first, out.end) for out in left_out] == [(50, 76)]


@pytest.mark.parametrize(
    ("lengths", "merged"),
    [
        ([50, 1, 50], [(0, 51), (51, 101)]),
        ([3, 50, 50], [(0, 53), (53, 103)]),
        ([50, 3, 3, 50], [(0, 56), (56, 106)]),
        ([50, 50, 3], [(0, 50), (50, 103)]),
        ([10, 10, 10], [(0, 30)]),
    ],
)
def test_short_shots_are_joined_to_the_one_before_if_wanted(lengths, merged):
    scenes, left_out = plan_scenes(shots_of(lengths), SceneRules(short="merge", trim=0))
    assert spans(scenes) == merged
    assert left_out == ()


@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=8),
    st.integers(0, 3),
    st.floats(0.1, 3.0),
    st.floats(2.0, 5.0),
    st.sampled_from(["drop", "merge"]),
)
def test_scenes_keep_their_lengths_and_cross_no_cut(lengths, trim, shortest, ratio, short):
    shots = shots_of(lengths)
    rules = SceneRules(min=shortest, max=shortest * ratio, trim=trim, short=short)
    scenes, left_out = plan_scenes(shots, rules)
    half_frame = 0.5 / 25
    for scene in scenes:
        lasts = float(seconds(shots, scene.first, scene.end))
        assert lasts <= rules.max + 1e-9
        assert lasts >= min(rules.min, rules.max / 2) - 2 * half_frame
        if short == "drop":
            assert not any(scene.first - trim < cut < scene.end + trim for cut in shots.cuts)
    stretches = sorted([*spans(scenes), *[(out.first, out.end) for out in left_out]])
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(stretches))


def test_frames_that_last_differently_long_are_counted_by_time():
    ticks = (0, 100, 200, 2900, 3000, 3100, 6000)  # milliseconds
    shots = Shots(ticks=ticks, time_base=Fraction(1, 1000), cuts=())
    scenes, _ = plan_scenes(shots, SceneRules(min=1.0, max=3.0, trim=0))
    assert scenes == (Scene(first=0, end=4), Scene(first=4, end=6))


@pytest.mark.parametrize(("changes", "message"), [({"min": 6.0}, "twice `min`"), ({"trim": -1}, "`trim` is -1")])
def test_rules_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        SceneRules(**changes)
