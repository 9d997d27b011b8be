from collections.abc import Callable

import pytest

from ui.datasets import caption_edits
from ui.datasets.caption_edits import Edit, apply, last_edit, preview, undo
from ui.datasets.dataset import Dataset, open_dataset
from ui.datasets.seen import Seen

Make = Callable[..., Dataset]


def _texts(dataset: Dataset) -> dict[str, str]:
    return {path.stem: path.read_text().strip() for path in sorted(dataset.folder.glob("*.txt"))}


def _do(dataset: Dataset, edit: Edit) -> tuple[int, int]:
    seen = Seen(dataset.workspace)
    return apply(dataset, seen, edit, preview(dataset, seen, edit).token)


def test_words_are_replaced_everywhere_and_put_back(folder: Make) -> None:
    dataset = folder(a="a car, a red car", b="a Car", c="a bus", d=None)
    edit = Edit(kind="replace", find="car", words=r"van \1")
    seen = Seen(dataset.workspace)
    found = preview(dataset, seen, edit)
    assert [(one.name, one.after) for one in found.changes] == [("a.mp4", r"a van \1, a red van \1")]
    assert _do(dataset, edit) == (1, 0)
    assert last_edit(dataset) == r"'car' replaced by 'van \\1' (1 captions)"
    assert undo(dataset) == (1, 0)
    assert _texts(dataset) == {"a": "a car, a red car", "b": "a Car", "c": "a bus"}
    assert last_edit(dataset) == ""
    with pytest.raises(ValueError, match="no edit to undo"):
        undo(dataset)


def test_capitals_may_count_as_equal(folder: Make) -> None:
    dataset = folder(a="A Car")
    _do(dataset, Edit(kind="replace", find="car", words="van", match_case=False))
    assert _texts(dataset) == {"a": "A van"}


def test_words_are_put_in_front_once(folder: Make) -> None:
    dataset = folder(a="a dog", b="film, a cat", c="")
    assert _do(dataset, Edit(kind="prefix", words="film,")) == (1, 0)
    assert _do(dataset, Edit(kind="prefix", words="film,")) == (0, 0)
    assert _texts(dataset) == {"a": "film, a dog", "b": "film, a cat", "c": ""}


def test_the_trigger_is_put_where_it_is_missing(folder: Make) -> None:
    dataset = folder(a="a dog", b="here Mia1 sits", c="mia12 runs")
    (dataset.path / "a.2.txt").write_text("the dog again")
    _do(dataset, Edit(kind="trigger", words="mia1"))
    assert _texts(dataset) == {
        "a": "mia1, a dog",
        "a.2": "mia1, the dog again",
        "b": "here Mia1 sits",
        "c": "mia1, mia12 runs",
    }


def test_an_edit_is_refused_when_captions_changed_since_the_preview(folder: Make) -> None:
    dataset = folder(a="a car", b="a car")
    edit = Edit(kind="replace", find="car", words="van")
    seen = Seen(dataset.workspace)
    token = preview(dataset, seen, edit).token
    (dataset.path / "b.txt").write_text("a car, by hand")
    with pytest.raises(ValueError, match="changed since the preview"):
        apply(dataset, seen, edit, token)
    assert _texts(dataset) == {"a": "a car", "b": "a car, by hand"}


def test_undo_leaves_captions_alone_that_were_edited_since(folder: Make) -> None:
    dataset = folder(a="a car", b="a car")
    _do(dataset, Edit(kind="replace", find="car", words="van"))
    (dataset.path / "b.txt").write_text("a van, by hand")
    assert undo(dataset) == (1, 1)
    assert _texts(dataset) == {"a": "a car", "b": "a van, by hand"}


@pytest.mark.parametrize("kind", ["replace", "prefix", "trigger"])
def test_an_edit_without_words_is_refused(folder: Make, kind: str) -> None:
    dataset = folder(a="a car")
    with pytest.raises(ValueError, match=r"nothing|no trigger"):
        preview(dataset, Seen(dataset.workspace), Edit(kind=kind))


def test_a_manifest_is_edited_at_once_and_put_back(folder: Make) -> None:
    dataset = folder(a=None, b=None)
    manifest = dataset.path / "clips.jsonl"
    text = '{"video": "a.mp4", "caption": ["a car", "one car"]}\n{"caption": "a car", "video": "b.mp4"}\n'
    manifest.write_text(text)
    table = open_dataset(dataset.workspace, str(manifest))
    assert _do(table, Edit(kind="replace", find="car", words="van")) == (3, 0)
    assert manifest.read_text() == text.replace("car", "van")
    assert undo(table) == (3, 0)
    assert manifest.read_text() == text


def test_old_edits_are_forgotten(folder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caption_edits, "_MOST_UNDO", 2)
    dataset = folder(a="0")
    for number in range(4):
        _do(dataset, Edit(kind="replace", find=str(number), words=str(number + 1)))
    assert len(list((dataset.state / "undo").iterdir())) == 2
    undo(dataset)
    undo(dataset)
    assert _texts(dataset) == {"a": "2"}


def test_a_caption_that_links_out_takes_no_part(folder: Make, secret: object) -> None:
    dataset = folder(a="words", b=None)
    (dataset.path / "b.txt").symlink_to(str(secret))
    found = preview(dataset, Seen(dataset.workspace), Edit(kind="replace", find="words", words="letters"))
    assert [change.name for change in found.changes] == ["a.mp4"]
