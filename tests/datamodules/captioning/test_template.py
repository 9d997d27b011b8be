import pytest

from datamodules.captioning.template import KINDS, instruction

_BASE = {"file": None, "trigger": "zxq", "subject": "woman", "language": "English"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_template_with_all_its_places_filled(kind):
    text = instruction(kind, **_BASE)
    assert "{" not in text
    assert "in English, in the present tense" in text
    assert text.count("Answer with the caption alone") == 1


def test_only_the_character_template_names_the_trigger():
    assert [kind for kind in KINDS if "zxq" in instruction(kind, **_BASE)] == ["character"]


@pytest.mark.parametrize(
    ("kind", "unnamed"),
    [
        ("style", "not its medium, technique, lines, texture"),
        ("character", "face, eyes, hair, skin"),
        ("motion", "no action, gesture, direction, speed"),
        ("audio_video", "pitch, timbre, accent"),
        ("ic", "Never mention a reference"),
    ],
)
def test_what_a_recipe_teaches_stays_unnamed(kind, unnamed):
    assert unnamed in instruction(kind, **_BASE)


def test_a_character_needs_its_trigger():
    with pytest.raises(ValueError, match="`--trigger` is empty"):
        instruction("character", **_BASE | {"trigger": ""})


def test_the_subject_is_named_by_a_plain_word_when_none_is_given():
    assert 'say "the subject"' in instruction("character", **_BASE | {"subject": ""})


def test_a_template_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text('\ufeffSay what {trigger} (a {subject}) does, as JSON {"x": 1}.\n\n{rules}', encoding="utf-8")
    text = instruction("style", **_BASE | {"file": file, "language": "Deutsch"})
    assert text.startswith('Say what zxq (a woman) does, as JSON {"x": 1}.')
    assert "plain prose in Deutsch" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"caf\xe9", "is not UTF-8"),
        (b"Describe {triger}.", r"has the place \{triger\}, but known are \{trigger\}, \{subject\}"),
    ],
)
def test_a_template_that_cannot_be_used_is_an_error(tmp_path, content, message):
    file = tmp_path / "mine.txt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        instruction("style", **_BASE | {"file": file})


def test_a_missing_template_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        instruction("style", **_BASE | {"file": tmp_path / "no.txt"})
