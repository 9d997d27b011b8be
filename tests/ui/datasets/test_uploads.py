import io
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ui.datasets import intake
from ui.datasets.dataset import Dataset, open_dataset
from ui.datasets.upload_rules import Limits, RefusedError, checked_name
from ui.datasets.uploads import Upload, receive, told

Make = Callable[..., Dataset]

MP4 = b"\0\0\0\x18ftypisom" + bytes(range(256))
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"


def _send(dataset: Dataset, files: dict[str, bytes], *, limits: Limits | None = None) -> dict[str, tuple[str, str]]:
    arrived = dataset.workspace.state / "uploads"
    arrived.mkdir(parents=True, exist_ok=True)
    uploads = []
    for number, (name, content) in enumerate(files.items()):
        path = arrived / f"{number}"
        path.write_bytes(content)
        uploads.append(Upload(path=path, name=name))
    return {one.name: (one.fate, one.reason) for one in receive(dataset, uploads, limits)}


def _zip(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return content.getvalue()


def _held(dataset: Dataset) -> set[str]:
    return {path.relative_to(dataset.path).as_posix() for path in dataset.path.rglob("*") if path.is_file()}


def _everything(dataset: Dataset) -> set[Path]:
    """Every file above the dataset too, but for what was sent."""
    root = dataset.workspace.root.parent
    return {path for path in root.rglob("*") if not path.is_relative_to(dataset.workspace.state)}


def test_files_come_in_and_their_fates_are_told(folder: Make) -> None:
    dataset = folder()
    fates = _send(dataset, {"a.mp4": MP4, "a.txt": b"a star", "notes.pdf": b"%PDF", ".DS_Store": b"x"})
    assert _held(dataset) == {"a.mp4", "a.txt"}
    assert fates["a.mp4"] == ("added", "")
    assert fates["notes.pdf"] == ("refused", ".pdf is no clip, caption or manifest")
    assert ".DS_Store" not in fates
    assert (dataset.path / "a.mp4").read_bytes() == MP4


def test_nothing_that_is_there_is_overwritten(folder: Make) -> None:
    dataset = folder()
    _send(dataset, {"a.mp4": MP4, "a.txt": b"by hand"})
    fates = _send(dataset, {"a.mp4": MP4, "a.txt": b"from elsewhere"})
    assert fates["a.mp4"] == ("there already", "")
    assert fates["a.txt"][0] == "refused"
    assert "rename yours" in fates["a.txt"][1]
    assert (dataset.path / "a.txt").read_bytes() == b"by hand"


def test_two_files_of_one_name_do_not_overwrite_each_other(folder: Make) -> None:
    dataset = folder()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("a.txt", "first")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.txt", "second")
    assert [fate for fate, _ in _send(dataset, {"z.zip": packed.getvalue()}).values()] == ["refused"]
    assert (dataset.path / "a.txt").read_text() == "first"


def test_a_zip_keeps_references_and_masks_and_drops_its_own_folder(folder: Make) -> None:
    dataset = folder()
    names = ["clips/a.mp4", "clips/a.txt", "clips/references/canny/a.mp4", "clips/masks/a.png", "__MACOSX/._a.mp4"]
    contents = [MP4, b"a star", MP4, PNG, b"noise"]
    _send(dataset, {"clips.zip": _zip(dict(zip(names, contents, strict=True)))})
    assert _held(dataset) == {"a.mp4", "a.txt", "references/canny/a.mp4", "masks/a.png"}


def test_a_zip_without_a_word_on_its_encoding_is_read_as_utf8(folder: Make) -> None:
    dataset, placeholder = folder(), "c" * len("café".encode())
    _send(dataset, {"z.zip": _zip({f"{placeholder}.txt": b"fine"}).replace(placeholder.encode(), "café".encode())})
    assert _held(dataset) == {"café.txt"}


def test_a_zip_of_references_alone_keeps_their_folder(folder: Make) -> None:
    dataset = folder()
    _send(dataset, {"z.zip": _zip({"references/a.mp4": MP4, "references/b.mp4": MP4})})
    assert _held(dataset) == {"references/a.mp4", "references/b.mp4"}


_HOSTILE = (
    *("../a.mp4", "a/../../a.mp4", "/tmp/a.mp4", "..\\a.mp4", "C:\\a.mp4", "C:a.mp4", "\\\\host\\a.mp4", "a/..", ".."),
    *(".hidden.mp4", "a/.git/a.txt", ".ltx-cache/doctor.json", "a\n.mp4", "a\x1b[31m.mp4", "a\u202e4pm.mp4"),
    *("a/b/c/d/e/f/g/h/i/a.mp4", "x" * 300 + ".mp4", "a.zip", "a.html", "a.svg", "a.py", "a.mp4.exe", "a", "\0.mp4"),
    " /a.mp4",
)


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_name_is_refused(folder: Make, name: str) -> None:
    dataset = folder()
    before = _everything(dataset)
    with pytest.raises(RefusedError):
        checked_name(name)
    packed = _zip({"keep/b.txt": b"fine", "other/c.txt": b"fine"})
    placeholder = "q" * len(name)
    hostile = _zip({name if not name.isascii() else placeholder: MP4}).replace(placeholder.encode(), name.encode())
    if not name.endswith(".zip"):
        _send(dataset, {name: MP4})
    _send(dataset, {"z.zip": hostile, "fine.zip": packed})
    assert _everything(dataset) - before == {
        *(dataset.path / path for path in ("keep", "keep/b.txt", "other", "other/c.txt"))
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(name=st.lists(st.sampled_from([*"./\\:~a\0 \n\u202e", "..", ".mp4", ".txt", "C:"]), max_size=12).map("".join))
def test_no_name_leads_out(name: str) -> None:
    try:
        path = checked_name(name)
    except RefusedError:
        return
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert (Path("/data/set") / path).resolve().is_relative_to("/data/set")


def test_a_link_in_a_zip_is_refused(folder: Make, secret: Path) -> None:
    dataset = folder()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        link = zipfile.ZipInfo("a.txt")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, str(secret))
        file.writestr("b.txt", "fine")
    fates = _send(dataset, {"z.zip": packed.getvalue()})
    assert fates["a.txt"] == ("refused", "it is a link")
    assert _held(dataset) == {"b.txt"}


def test_a_folder_that_links_out_takes_no_files(folder: Make, tmp_path: Path) -> None:
    dataset = folder()
    other = folder("other")
    (tmp_path / "elsewhere").mkdir()
    (dataset.path / "masks").symlink_to(tmp_path / "elsewhere")
    (dataset.path / "references").symlink_to(other.path)
    fates = _send(dataset, {"z.zip": _zip({"masks/a.png": PNG, "references/a.mp4": MP4, "a.txt": b"fine"})})
    assert [fate for fate, _ in fates.values()] == ["refused", "refused", "added"]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert list(other.path.iterdir()) == []


def test_a_bomb_in_many_small_parts_goes_off_in_nobodys_dataset(folder: Make) -> None:
    dataset = folder()
    bomb = _zip({f"c{number}.txt": bytes(900_000) for number in range(40)})
    assert len(bomb) < 100_000
    fates = _send(dataset, {"z.zip": bomb})
    assert "100 times its packed size" in fates["z.zip"][1]
    assert not list(dataset.path.glob("*.txt"))


def test_a_bomb_goes_off_in_nobodys_dataset(folder: Make) -> None:
    dataset = folder()
    bomb = _zip({"b.txt": b"fine", "a.mp4": MP4 + bytes(40_000_000)})
    assert len(bomb) < 100_000
    fates = _send(dataset, {"z.zip": bomb})
    assert "100 times its packed size" in fates["z.zip"][1]
    assert list(dataset.path.iterdir()) == []


def test_the_bytes_that_come_count_not_those_that_are_declared(folder: Make) -> None:
    dataset = folder()
    content = _zip({"a.mp4": MP4 + bytes(5_000_000)})
    declared = struct.pack("<L", len(MP4) + 5_000_000)
    assert content.count(declared) == 2
    lying = content.replace(declared, struct.pack("<L", 1000))
    fates = _send(dataset, {"z.zip": lying}, limits=Limits(total_bytes=1_000_000))
    assert fates["z.zip"][0] == "refused"
    assert list(dataset.path.iterdir()) == []


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(total_bytes=500), "more than"),
        (Limits(files=1), "holds 2 files"),
        (Limits(free_bytes=1 << 60), "disk is full"),
    ],
)
def test_a_limit_ends_the_whole_zip(folder: Make, limits: Limits, message: str) -> None:
    dataset = folder()
    fates = _send(dataset, {"z.zip": _zip({"a.mp4": MP4, "b.mp4": MP4 * 2})}, limits=limits)
    assert message in fates["z.zip"][1]
    assert list(dataset.path.iterdir()) == []


def test_a_list_of_entries_that_would_fill_the_memory_is_not_read(folder: Make) -> None:
    dataset = folder()
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 65535, 65535, 1 << 30, 0, 0)
    assert "more files than are taken" in _send(dataset, {"z.zip": end})["z.zip"][1]


def test_a_zip_in_a_zip_is_not_unpacked(folder: Make) -> None:
    dataset = folder()
    fates = _send(dataset, {"z.zip": _zip({"inner.zip": _zip({"a.mp4": MP4}), "b.txt": b"fine"})})
    assert fates["inner.zip"][0] == "refused"
    assert _held(dataset) == {"b.txt"}


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_zip_adds_nothing(folder: Make, damage: str) -> None:
    dataset = folder()
    whole = _zip({"a.txt": b"fine", "b.mp4": MP4 * 50}, zipfile.ZIP_STORED)
    content = {"cut": whole[:-30], "flipped": whole.replace(MP4, MP4[::-1], 1), "empty": b"", "text": b"words" * 50}
    fates = _send(dataset, {"z.zip": content[damage]})
    assert fates["z.zip"][0] == "refused"
    assert list(dataset.path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"#EXTM3U\nfile:///etc/passwd", b"<html>", b"MZ" + bytes(100)])
def test_a_clip_that_is_none_is_refused(folder: Make, content: bytes) -> None:
    dataset = folder()
    assert _send(dataset, {"a.mp4": content})["a.mp4"][0] == "refused"
    assert _held(dataset) == set()


def test_a_caption_of_many_megabytes_is_refused(folder: Make) -> None:
    dataset = folder()
    fates = _send(dataset, {"a.txt": b"x" * 5000, "b.txt": b"fine"}, limits=Limits(text_bytes=1000))
    assert (fates["a.txt"][0], fates["b.txt"][0]) == ("refused", "added")


def test_a_manifest_takes_no_uploads(folder: Make) -> None:
    dataset = folder(a="one")
    (dataset.path / "clips.csv").write_text("video,caption\na.mp4,one\n")
    with pytest.raises(ValueError, match="is a manifest"):
        receive(open_dataset(dataset.workspace, "datasets/mine/clips.csv"), [Upload(path=Path("x"), name="a.txt")])


def test_a_disk_without_links_is_written_too(folder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(intake.errno.EPERM, "no links here")

    monkeypatch.setattr(intake.os, "link", refuse)
    dataset = folder()
    _send(dataset, {"a.txt": b"first"})
    assert _send(dataset, {"a.txt": b"second"})["a.txt"][0] == "refused"
    assert (dataset.path / "a.txt").read_bytes() == b"first"


def test_what_an_upload_left_behind_is_cleared_a_day_later(folder: Make) -> None:
    import os

    dataset = folder()
    for name, age in (("old", 2 * 86400), ("fresh", 60)):
        leftover = dataset.path / f".incoming-{name}"
        leftover.mkdir()
        (leftover / "0.mp4").write_bytes(MP4)
        os.utime(leftover, (leftover.stat().st_mtime - age,) * 2)
    _send(dataset, {"a.txt": b"fine"})
    assert [path.name for path in sorted(dataset.path.glob(".incoming*"))] == [".incoming-fresh"]


def test_a_large_file_is_copied_in_pieces(folder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    class Source(io.BytesIO):
        def read(self, size: int = -1) -> bytes:  # type: ignore[override]
            reads.append(size)
            return super().read(size)

    dataset = folder()
    with intake.intake(dataset, Limits()) as incoming:
        incoming.gather(checked_name("a.mp4"), Source(MP4 + bytes(3_000_000)))
        incoming.place()
    assert set(reads) == {intake.CHUNK}
    assert shutil.disk_usage(dataset.path).free > 0


def test_what_became_of_many_files_is_told_in_few_lines(folder: Make) -> None:
    dataset = folder()
    arrived = dataset.workspace.state
    arrived.mkdir(exist_ok=True)
    for number in range(60):
        (arrived / f"{number}").write_bytes(b"")
    text = told(receive(dataset, [Upload(path=arrived / f"{number}", name=f"{number}.mp4") for number in range(60)]))
    assert text.splitlines()[0] == "Files: 60 refused."
    assert text.splitlines()[-1] == "and 40 more"


def test_an_upload_is_moved_and_readable_as_others_are(folder: Make) -> None:
    dataset = folder()
    arrived = dataset.workspace.state / "0123"
    arrived.parent.mkdir(parents=True)
    arrived.write_bytes(MP4)
    arrived.chmod(0o600)
    inode = arrived.stat().st_ino
    receive(dataset, [Upload(path=arrived, name="a.mp4")])
    (dataset.path / "beside").touch()
    assert (dataset.path / "a.mp4").stat().st_ino == inode
    assert (dataset.path / "a.mp4").stat().st_mode == (dataset.path / "beside").stat().st_mode
    assert not arrived.exists()
