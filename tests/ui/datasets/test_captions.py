from collections.abc import Callable
from pathlib import Path

import pytest

from ui.datasets.captions import save_caption
from ui.datasets.dataset import Dataset, open_dataset

Make = Callable[..., Dataset]


def test_a_caption_is_written_beside_its_clip(folder: Make) -> None:
    dataset = folder(a=None)
    saved = save_caption(dataset, "a.mp4", "  a star\r\nmoves ", shown="")
    assert saved.is_saved
    assert (dataset.path / "a.txt").read_bytes() == b"a star\nmoves\n"


def test_saving_what_stands_there_changes_nothing(folder: Make) -> None:
    dataset = folder(a="one")
    before = (dataset.path / "a.txt").stat().st_mtime_ns
    assert save_caption(dataset, "a.mp4", "one", shown="one").is_saved
    assert (dataset.path / "a.txt").stat().st_mtime_ns == before


def test_a_caption_that_changed_meanwhile_is_not_overwritten(folder: Make) -> None:
    dataset = folder(a="one")
    (dataset.path / "a.txt").write_text("of another page")
    saved = save_caption(dataset, "a.mp4", "mine", shown="one")
    assert (saved.is_saved, saved.standing) == (False, "of another page")
    assert (dataset.path / "a.txt").read_text() == "of another page"
    assert save_caption(dataset, "a.mp4", "mine", shown=saved.standing).is_saved


def test_a_caption_that_was_deleted_meanwhile_is_a_conflict(folder: Make) -> None:
    dataset = folder(a="one")
    (dataset.path / "a.txt").unlink()
    assert not save_caption(dataset, "a.mp4", "mine", shown="one").is_saved


def test_further_captions_are_saved_in_their_own_files(folder: Make) -> None:
    dataset = folder(a="one")
    (dataset.path / "a.2.txt").write_text("two")
    assert save_caption(dataset, "a.mp4", "two anew", shown="two", number=2).is_saved
    assert (dataset.path / "a.2.txt").read_text() == "two anew\n"
    assert (dataset.path / "a.txt").read_text() == "one"
    with pytest.raises(ValueError, match="no caption 3"):
        save_caption(dataset, "a.mp4", "three", shown="", number=3)


@pytest.mark.parametrize("key", ["../a.mp4", "/etc/passwd", "b.mp4", "", "a.mp4/../b.mp4", "a.txt"])
def test_a_key_that_names_no_clip_writes_nothing(folder: Make, key: str) -> None:
    dataset = folder(a="one")
    before = sorted(dataset.workspace.root.rglob("*"))
    with pytest.raises(ValueError, match="has no clip"):
        save_caption(dataset, key, "mine", shown="")
    assert sorted(dataset.workspace.root.rglob("*")) == before


def test_a_caption_that_links_out_is_neither_read_nor_written(folder: Make, secret: Path) -> None:
    dataset = folder(a=None)
    (dataset.path / "a.txt").symlink_to(secret)
    with pytest.raises(ValueError, match="leads out") as raised:
        save_caption(dataset, "a.mp4", "mine", shown="the secret words")
    assert "secret" not in str(raised.value)
    assert secret.read_text() == "the secret words"


def test_a_link_inside_the_dataset_stays_a_link(folder: Make) -> None:
    dataset = folder(a=None)
    (dataset.path / "kept").mkdir()
    (dataset.path / "kept" / "words.md").write_text("one")
    (dataset.path / "a.txt").symlink_to("kept/words.md")
    assert save_caption(dataset, "a.mp4", "two", shown="one").is_saved
    assert (dataset.path / "a.txt").is_symlink()
    assert (dataset.path / "kept" / "words.md").read_text() == "two\n"


@pytest.mark.parametrize("text", ["x" * 70_000, "nul\0", "half a pair \ud800"])
def test_what_is_no_caption_is_refused(folder: Make, text: str) -> None:
    dataset = folder(a="one")
    with pytest.raises(ValueError, match="caption"):
        save_caption(dataset, "a.mp4", text, shown="one")
    assert (dataset.path / "a.txt").read_text() == "one"


def test_a_caption_that_cannot_be_read_is_not_overwritten(folder: Make) -> None:
    dataset = folder(a="one")
    (dataset.path / "a.txt").write_bytes(b"fa\xe7ade")
    with pytest.raises(ValueError, match="not UTF-8"):
        save_caption(dataset, "a.mp4", "mine", shown="")
    assert (dataset.path / "a.txt").read_bytes() == b"fa\xe7ade"


def test_a_caption_in_a_manifest_is_set_and_nothing_else(folder: Make) -> None:
    dataset = folder(a=None, b=None)
    manifest = dataset.path / "clips.csv"
    manifest.write_bytes(b'\xef\xbb\xbfVideo,Caption,notes\r\na.mp4,one,"x, y"\r\nb.mp4,"two, too",\r\n')
    table = open_dataset(dataset.workspace, str(manifest))
    assert save_caption(table, "row 2", 'she says "no"', shown="two, too").is_saved
    assert save_caption(table, "row 1", "one, anew", shown="one").is_saved
    assert manifest.read_bytes() == (
        b'\xef\xbb\xbfVideo,Caption,notes\r\na.mp4,"one, anew","x, y"\r\nb.mp4,"she says ""no""",\r\n'
    )
    assert not save_caption(table, "row 1", "late", shown="one").is_saved
