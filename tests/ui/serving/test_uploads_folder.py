import os
import time

import pytest

from ui.serving.uploads_folder import FullError, UploadsFolder

HOUR = 3600.0


@pytest.fixture
def uploads(tmp_path) -> UploadsFolder:
    folder = (tmp_path / "uploads").resolve()
    folder.mkdir()
    return UploadsFolder(path=folder, largest_bytes=3000)


def put(uploads, name, hours_ago, size=1000):
    file = uploads.path / name / "clip.mp4"
    file.parent.mkdir()
    file.write_bytes(b"x" * size)
    then = time.time() - hours_ago * HOUR
    for path in (file, file.parent):
        os.utime(path, (then, then))
    return file


def test_what_nobody_fetched_for_a_day_goes(uploads):
    old, new = put(uploads, "old", 25), put(uploads, "new", 23)
    (uploads.path / "tmpabc").write_bytes(b"half")
    os.utime(uploads.path / "tmpabc", (1, 1))
    uploads.clean()
    assert [old.exists(), new.exists(), (uploads.path / "tmpabc").exists()] == [False, True, False]


def test_the_oldest_go_when_all_together_are_too_large(uploads):
    files = [put(uploads, str(hours), hours) for hours in (2, 3, 4, 5, 0.1)]
    uploads.clean()
    assert [file.exists() for file in files] == [True, True, False, False, True]


def test_what_came_within_the_hour_is_kept_and_a_further_upload_refused(uploads):
    kept = put(uploads, "just now", 0.5, size=2900)
    with pytest.raises(FullError, match=r"import them into a dataset, or delete them"):
        uploads.make_room(1000)
    assert kept.exists()


def test_an_upload_larger_than_the_disk_is_refused_before_it_is_written(uploads):
    folder = UploadsFolder(path=uploads.path, largest_bytes=2**60)
    with pytest.raises(FullError, match="make room first"):
        folder.make_room(2**55)


def test_a_link_in_the_folder_is_removed_and_not_followed(uploads, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("here")
    os.utime(precious / "file", (1, 1))
    (uploads.path / "link").symlink_to(precious)
    os.utime(uploads.path / "link", (1, 1), follow_symlinks=False)
    uploads.clean()
    assert (precious / "file").exists()
    assert not (uploads.path / "link").is_symlink()


def test_only_plain_paths_of_uploads_are_held(uploads, tmp_path):
    file = put(uploads, "a", 0)
    (tmp_path / "secret").write_text("secret")
    (uploads.path / "a" / "link").symlink_to(tmp_path / "secret")
    (uploads.path / "linked").symlink_to(tmp_path)
    (uploads.path / "a" / ".hidden").write_text("x")
    assert uploads.holds(str(file))
    for path in (
        "a/clip.mp4",
        f"{uploads.path}/../secret",
        f"{uploads.path}/a/../a/clip.mp4",
        f"{uploads.path}/a/link",
        f"{uploads.path}/linked/secret",
        f"{uploads.path}/a/.hidden",
        f"{uploads.path}/a",
        f"{uploads.path}",
        f"{uploads.path}2/secret",
        f"file://{file}",
        f"{file}\0.png",
        str(file) + "x" * 5000,
        "http://127.0.0.1/x",
        "/etc/passwd",
        "",
    ):
        assert not uploads.holds(path), path
