import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.datasets.manifest_text import NotLosslessError, captions_in, with_captions

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=30)
_LINES = st.sampled_from(["\n", "\r\n"])


@given(captions=st.lists(_TEXTS, min_size=1, max_size=5), caption=_TEXTS, line=_LINES, quoting=st.sampled_from([0, 1]))
def test_a_csv_changes_by_the_caption_alone(captions: list[str], caption: str, line: str, quoting: int) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=line, quoting=quoting)
    writer.writerow(["video", "caption", "note"])
    writer.writerows([f"{number}.mp4", text, f"note, {number}"] for number, text in enumerate(captions))
    text, row = file.getvalue(), len(captions) // 2
    result = with_captions(text, ".csv", {(row, 1): caption})
    before, after = (list(csv.DictReader(io.StringIO(content, newline=""))) for content in (text, result))
    assert after == [{**entry, "caption": caption} if number == row else entry for number, entry in enumerate(before)]
    assert with_captions(result, ".csv", {(row, 1): captions[row]}).count(line) == text.count(line)


@given(
    captions=st.lists(_TEXTS, min_size=1, max_size=4),
    caption=_TEXTS,
    indent=st.sampled_from([None, 2, "\t"]),
    as_lines=st.booleans(),
    ascii_only=st.booleans(),
)
def test_json_changes_by_the_caption_alone(
    captions: list[str], caption: str, indent: object, as_lines: bool, ascii_only: bool
) -> None:
    rows = [
        {
            "video": f"{number}.mp4",
            "n": 1.10,
            "more": {"caption": "of something else", "list": [1, "}"]},
            "caption": text,
        }
        for number, text in enumerate(captions)
    ]
    if as_lines:
        text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    else:
        text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
    row = len(captions) - 1
    result = with_captions(text, ".jsonl" if as_lines else ".json", {(row, 1): caption})
    read = [json.loads(line) for line in result.split("\n") if line] if as_lines else json.loads(result)
    assert read == [*rows[:-1], {**rows[-1], "caption": caption}]
    assert result.startswith(text[: text.rindex('"caption"')])


def test_numbers_stay_as_they_are_written() -> None:
    text = '[ {"caption":"one", "fps": 24.00,  "video":"a.mp4"} ]'
    assert with_captions(text, ".json", {(0, 1): "two"}) == text.replace("one", "two")


def test_one_of_a_list_of_captions_is_set() -> None:
    text = '{"video": "a.mp4", "caption": ["one", "two"]}\n'
    result = with_captions(text, ".jsonl", {(0, 2): "second"})
    assert json.loads(result)["caption"] == ["one", "second"]
    assert captions_in(result, ".jsonl", 0) == {1: "one", 2: "second"}


def test_further_captions_have_columns() -> None:
    text = "video,caption,Caption_2\na.mp4,one,two\n"
    assert with_captions(text, ".csv", {(0, 2): "second"}) == "video,caption,Caption_2\na.mp4,one,second\n"
    assert captions_in(text, ".csv", 0) == {1: "one", 2: "two"}


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("video,caption\na.mp4,one\n", ".csv"),
        ('{"video": "a.mp4"}\n', ".jsonl"),
        ('{"caption": "one", "caption": "two"}\n', ".jsonl"),
        ('video,caption_2,caption_2\na.mp4,"one",x\n', ".csv"),
        ('video,caption_2\na.mp4,"one"x\n', ".csv"),
        ('video,caption_2\na.mp4,"one\n', ".csv"),
    ],
)
def test_what_cannot_be_set_without_loss_is_left_to_an_editor(text: str, suffix: str) -> None:
    with pytest.raises((NotLosslessError, csv.Error)):
        with_captions(text, suffix, {(0, 2): "new"})
