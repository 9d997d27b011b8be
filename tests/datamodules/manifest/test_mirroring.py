"""When a clip must not be shown mirrored."""

import pytest

from datamodules.manifest.mirroring import kept_unmirrored, side_named

NAMED = {
    "a man turns left": "left",
    "The LEFT half is blue": "LEFT",
    "his right hand waves": "right",
    "the rightmost window": "rightmost",
    "a right-handed guitarist": "right",
    "a lefthanded player": "lefthanded",
    "cars drive on the lefthand lane": "lefthand",
    "she moves leftwards.": "leftwards",
    "from left_to_right": "left",
    "the left's own": "left",
    "a wheel spins counter-clockwise": "counter-clockwise",
    "it turns anticlockwise": "anticlockwise",
    "it turns clockwise": "clockwise",
    "come right away": "right",
}
SAFE = [
    "",
    "a bright room",
    "an upright piano",
    "the copyright notice",
    "a cleft stone",
    "leftovers on a plate",
    "a righteous man",
    "delight, frightened, theft",
    "o'clock",
]


@pytest.mark.parametrize(("caption", "word"), NAMED.items())
def test_a_caption_that_names_a_side_is_found_out(caption, word):
    assert side_named(["a cat", caption]) == word


@pytest.mark.parametrize("caption", SAFE)
def test_a_caption_without_sides_may_be_mirrored(caption):
    assert side_named([caption]) is None


def test_leftovers_do_not_hide_a_left_hand():
    assert side_named(["leftovers in the left hand"]) == "left"


def test_the_finding_names_clip_and_word():
    assert str(kept_unmirrored("walk.mp4", "leftmost")).startswith("walk.mp4: is not mirrored, because its caption sa")
