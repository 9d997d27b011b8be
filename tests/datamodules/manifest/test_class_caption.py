"""Captions without the trigger: what is replaced, and what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.manifest.class_caption import class_caption, has_word
from datamodules.manifest.clip import final_caption


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("mia a woman reads", "person a woman reads"),
        ("a photo of MIA, smiling.", "a photo of person, smiling."),
        ("mia waves; Mia's dog barks at mia", "person waves; person's dog barks at person"),
        ("miami, mia_2 and amia", "miami, mia_2 and amia"),
        ("mia", "person"),
    ],
)
def test_the_class_word_stands_wherever_the_trigger_stood_as_a_word(caption, expected):
    assert class_caption(caption, "mia", "person") == expected


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("mia a woman reads", "a woman reads"),
        ("mia, a woman reads", "a woman reads"),
        ("a woman, mia, reads", "a woman, reads"),
        ("a woman reads, mia.", "a woman reads."),
        ("mia's dog barks at  a cat", "dog barks at a cat"),
        ("a woman  reads", "a woman  reads"),
        ("mia", ""),
    ],
)
def test_an_empty_class_word_removes_the_trigger_with_its_punctuation(caption, expected):
    assert class_caption(caption, "mia", "") == expected


def test_letters_that_grow_when_their_case_is_folded_do_not_shift_the_place():
    assert class_caption("STRASSE gro\u00df, stra\u00dfe hier", "stra\u00dfe", "road") == "road gro\u00df, road hier"


def test_a_trigger_of_several_words_and_signs_is_taken_literally():
    assert class_caption("a [v] (x+) dog", "[V] (x+)", "brown") == "a brown dog"


@given(st.text(max_size=30), st.text(min_size=1, max_size=6))
def test_no_class_caption_of_a_final_caption_holds_the_trigger(caption, trigger):
    final = final_caption(caption, trigger)
    assert has_word(final, trigger) == bool(trigger.strip())
    if not has_word("person", trigger):
        assert not has_word(class_caption(final, trigger, "person"), trigger)
