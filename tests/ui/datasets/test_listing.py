import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamodules.manifest.folder import scan_folder
from ui.datasets.dataset import Dataset, open_dataset
from ui.datasets.listing import list_clips
from ui.workspace import OutsideError, Workspace

Make = Callable[..., Dataset]


def test_a_folder_lists_the_clips_that_training_finds(folder: Make) -> None:
    dataset = folder(a="one", b=None, **{"c.2": "of a clip whose name looks numbered"})
    path = dataset.path
    (path / "a.2.txt").write_text("one, worded anew")
    (path / "a.wav").write_bytes(b"RIFF")
    (path / "night").mkdir()
    (path / "night" / "d.png").write_bytes(b"\x89PNG")
    (path / "references" / "canny").mkdir(parents=True)
    (path / "references" / "canny" / "a.mp4").write_bytes(b"")
    (path / "references" / "b.mp4").write_bytes(b"")
    (path / "masks" / "night").mkdir(parents=True)
    (path / "masks" / "night" / "d.png").write_bytes(b"")
    (path / "samples").mkdir()
    (path / "samples" / "shown.mp4").write_bytes(b"")
    (path / ".hidden.mp4").write_bytes(b"")

    listing = list_clips(dataset)
    found = {clip.name: clip for clip in scan_folder(path).clips}

    assert [entry.name for entry in listing.entries] == sorted(found)
    for entry in listing.entries:
        clip = found[entry.name]
        assert entry.media == clip.media
        assert entry.kind == clip.kind
        assert entry.sound == clip.audio
        assert dict(entry.references) == dict(clip.references)
        assert entry.masks == tuple(filter(None, [clip.video_mask]))
        assert len(entry.caption_files) == sum(bool(caption) for caption in clip.captions)


_NAMES = st.sampled_from(
    ["a", "b", "a.2", "a.3", "sub/a", "references/a", "references/canny/a", "masks/b", "samples/a"]
)
_SUFFIXES = st.sampled_from([".mp4", ".txt", ".wav", ".png", ".csv", ".avi"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(names=st.sets(st.tuples(_NAMES, _SUFFIXES), min_size=1, max_size=10))
def test_any_folder_lists_what_training_finds_or_names_the_clash(
    names: set[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("work")
    path = root / "datasets" / "any"
    for stem, suffix in names:
        file = path / f"{stem}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("words")
    listing = list_clips(open_dataset(Workspace(root=root), "datasets/any"))
    try:
        clips = scan_folder(path).clips
    except ValueError:  # what only the user can settle
        return
    assert {(entry.name, len(entry.caption_files)) for entry in listing.entries} == {
        (clip.name, sum(bool(caption) for caption in clip.captions)) for clip in clips
    }
    pictured = {clip.name: set(clip.references) for clip in clips}
    assert all(pictured[entry.name] <= set(entry.references) for entry in listing.entries)


def test_files_that_share_a_stem_are_shown_with_the_clash(folder: Make) -> None:
    dataset = folder(a="one")
    (dataset.path / "a.png").write_bytes(b"")
    listing = list_clips(dataset)
    assert [entry.name for entry in listing.entries] == ["a.mp4", "a.png"]
    assert {issue.code for entry in listing.entries for issue in entry.issues} == {"shared-stem"}


def test_a_clip_that_links_out_is_named_and_not_touched(folder: Make, secret: Path) -> None:
    dataset = folder(a="one")
    (dataset.path / "b.mp4").symlink_to("/etc/passwd")
    (dataset.path / "c.mp4").write_bytes(b"")
    (dataset.path / "c.txt").symlink_to(secret)
    listing = list_clips(dataset)
    refused = listing.entry("b.mp4")
    assert refused.media is None
    assert "leads out" in refused.issues[0].message
    captioned = listing.entry("c.mp4")
    assert captioned.caption_files == ()
    assert "not read" in captioned.locked
    assert set(listing.leads_out) == {"b.mp4", "c.txt"}
    with pytest.raises(ValueError, match="leads out of the dataset folders"):
        listing.require_contained()


def test_a_folder_that_links_out_is_not_entered(folder: Make, tmp_path: Path) -> None:
    dataset = folder(a="one")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "private.mp4").write_bytes(b"")
    (dataset.path / "more").symlink_to(elsewhere)
    listing = list_clips(dataset)
    assert [entry.name for entry in listing.entries] == ["a.mp4"]
    assert [issue.name for issue in listing.issues] == ["more"]


def test_links_inside_the_dataset_folders_are_followed_once(folder: Make) -> None:
    other = folder("other", b="two")
    dataset = folder(a="one")
    (dataset.path / "more").symlink_to(other.path)
    (dataset.path / "loop").symlink_to(dataset.path)
    assert [entry.name for entry in list_clips(dataset).entries] == ["a.mp4", "more/b.mp4"]


def test_a_pipe_called_like_a_clip_is_not_a_clip(folder: Make) -> None:
    dataset = folder(a="one")
    os.mkfifo(dataset.path / "b.mp4")
    assert [entry.name for entry in list_clips(dataset).entries] == ["a.mp4"]


def test_a_name_that_is_no_text_is_shown_and_refused(folder: Make) -> None:
    dataset = folder(a="one")
    (Path(os.fsdecode(os.fsencode(dataset.path) + b"/b\xff.mp4"))).write_bytes(b"")
    entry = list_clips(dataset).entries[1]
    assert entry.media is None
    entry.name.encode("utf-8")
    assert entry.issues[0].code == "name-not-utf8"


@pytest.mark.parametrize(
    "path", ["../../../secret.mp4", "/etc/passwd.mp4", "~/secret.mp4", "~nobody/x.mp4", "a/../../../x.mp4"]
)
def test_a_manifest_row_that_leads_out_is_refused(folder: Make, path: str) -> None:
    dataset = folder(a="one")
    manifest = dataset.path / "clips.csv"
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows([["video", "caption", "video_mask"], ["a.mp4", "one", ""], [path, "two", path]])
    listing = list_clips(open_dataset(dataset.workspace, str(manifest)))
    assert listing.entries[0].media == dataset.path / "a.mp4"
    assert listing.entries[1].media is None
    assert listing.entries[1].masks == ()
    assert listing.leads_out[0] == path


def test_a_manifest_lists_captions_references_and_masks(folder: Make) -> None:
    dataset = folder(a=None, edges=None, mask=None)
    manifest = dataset.path / "clips.json"
    row = {"video": "a.mp4", "caption": ["one", "two"], "reference_video_canny": "edges.mp4", "video_mask": "mask.mp4"}
    manifest.write_text(json.dumps([row, {"audio": "voice.wav", "caption": ""}]))
    first, second = list_clips(open_dataset(dataset.workspace, str(manifest))).entries
    assert first.captions == ((1, "one"), (2, "two"))
    assert first.references == {"canny": dataset.path / "edges.mp4"}
    assert first.masks == (dataset.path / "mask.mp4",)
    assert (second.kind, second.captions) == ("sound", ((1, ""),))


def test_a_dataset_elsewhere_is_not_opened(workspace: Workspace, tmp_path: Path, secret: Path) -> None:
    outside = tmp_path / "clips.csv"
    outside.write_text("video,caption\n")
    link = workspace.datasets[0] / "link"
    link.symlink_to(tmp_path)
    for path in (str(outside), "../clips.csv", "datasets/../../clips.csv", "datasets/link", "/etc", "datasets/\0"):
        with pytest.raises(OutsideError):
            open_dataset(workspace, path)
    (workspace.datasets[0] / "notes.txt").write_text("")
    with pytest.raises(ValueError, match="is no dataset"):
        open_dataset(workspace, "datasets/notes.txt")
