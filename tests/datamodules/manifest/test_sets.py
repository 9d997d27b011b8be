"""Several sets of clips: what is refused, and how shares become repeats."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.manifest.sets import ClipSet, resolved_repeats, sources

few = settings(deadline=None, max_examples=100)


def clip_set(path="clips", **changes):
    return ClipSet(path=Path(path), **changes)


REFUSED = {
    "both": (Path("a"), [clip_set()], "`data.path` is 'a' and `data.sets` has 1 sets, but clips come from one of them"),
    "neither": (None, None, "Neither `data.path` nor `data.sets` is given"),
    "no set": (None, [], "Neither `data.path` nor `data.sets` is given"),
    "no repeats": (None, [clip_set(), clip_set("b", repeats=0)], r"`data.sets\[1\].repeats` is 0"),
    "negative repeats": (None, [clip_set(repeats=-2)], r"`data.sets\[0\].repeats` is -2"),
    "not a number": (None, [clip_set(repeats=float("nan"))], r"`data.sets\[0\].repeats` is nan"),
    "too many repeats": (None, [clip_set(repeats=1e6)], r"`data.sets\[0\].repeats` is 1e\+06"),
    "no share": (None, [clip_set(), clip_set("b", share=0)], r"`data.sets\[1\].share` is 0"),
    "share in percent": (None, [clip_set(), clip_set("b", share=25)], r"`data.sets\[1\].share` is 25.*quarter"),
    "share and repeats": (None, [clip_set(repeats=2, share=0.5)], r"`data.sets\[0\]` has repeats 2 and share 0.5"),
    "nothing left": (
        None,
        [clip_set("a", share=0.6), clip_set("b", share=0.4), clip_set("c")],
        r"sum to 1, which leaves nothing for `data.sets\[2\]`",
    ),
    "a rest for none": (None, [clip_set("a", share=0.6), clip_set("b", share=0.3)], "sum to 0.9 rather than to 1"),
    "a dropout that is none": (None, [clip_set(caption_dropout=5)], r"`data.sets\[0\].caption_dropout` is 5"),
    "one twice": (None, [clip_set("a/b"), clip_set("c"), clip_set("a/../a/b")], r"sets\[2\].path.*of `data.sets\[0\]"),
}


@pytest.mark.parametrize(("path", "sets", "message"), REFUSED.values(), ids=REFUSED)
def test_nonsense_is_refused_by_its_key(path, sets, message):
    with pytest.raises(ValueError, match=message):
        sources(path, sets)


def test_a_lone_path_is_one_set_whose_clips_keep_their_names():
    (only,) = sources(Path("clips"), None)
    assert (only.key, only.prefix, only.set) == ("data.path", "", clip_set())


def test_clips_of_several_sets_are_told_apart_by_folder_or_number():
    sets = [clip_set("a/mia"), clip_set("b/mia"), clip_set("street.v2"), clip_set("rows.csv")]
    named = sources(None, sets)
    assert [source.prefix for source in named] == ["mia#0/", "mia#1/", "street.v2/", "rows/"]
    assert named[1].key == "data.sets[1].path"


def test_shares_of_a_third_may_be_rounded():
    thirds = [clip_set(name, share=round(1 / 3, 7)) for name in "abc"]
    assert len(sources(None, thirds)) == 3


@few
@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0.01, 0.3)), min_size=1, max_size=3), st.integers(1, 500))
def test_a_share_is_the_part_of_all_items_whatever_the_sizes(shared, count):
    sets = [clip_set("rest", repeats=1.5), *(clip_set(f"{n}", share=share) for n, (_, share) in enumerate(shared))]
    counts = [count, *(size for size, _ in shared)]
    items = [repeats * size for repeats, size in zip(resolved_repeats(sets, counts), counts, strict=True)]
    assert items[0] == 1.5 * count
    assert [part / sum(items) for part in items[1:]] == pytest.approx([share for _, share in shared])


def test_shares_alone_make_a_pass_of_as_many_items_as_there_are_clips():
    sets = [clip_set("a", share=0.25), clip_set("b", share=0.75)]
    assert resolved_repeats(sets, [30, 10]) == pytest.approx((40 * 0.25 / 30, 40 * 0.75 / 10))


def test_a_share_of_no_clips_is_refused():
    with pytest.raises(ValueError, match=r"`data.sets\[1\].share` is 0.5, but no clip of b can be used"):
        resolved_repeats([clip_set("a"), clip_set("b", share=0.5)], [3, 0])
