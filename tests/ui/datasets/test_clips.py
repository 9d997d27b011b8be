import json
from collections.abc import Callable
from pathlib import Path

import pytest

from datamodules.media import index
from tests.ui.datasets.drawn import write_clip, write_still
from ui.datasets.clips import Judgement, Query, clip_page
from ui.datasets.dataset import Dataset, open_dataset
from ui.datasets.health import read_health, report_path
from ui.datasets.listing import list_clips
from ui.datasets.purpose import purpose_of
from ui.datasets.seen import Seen
from ui.workspace import Workspace

Make = Callable[..., Dataset]


def _page(dataset: Dataset, seen: Seen | None = None, trigger: str = "", recipe: str = "demo", **query: object) -> dict:
    judgement = Judgement(purpose=purpose_of(dataset.workspace, recipe), trigger=trigger, health=read_health(dataset))
    page = clip_page(list_clips(dataset), seen or Seen(dataset.workspace), Query(**query), judgement)
    json.dumps(page).encode("utf-8")
    return page


def _names(page: dict) -> list[str]:
    return [clip["name"] for clip in page["clips"]]


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The media files that are opened."""
    opened: list[Path] = []
    probe = index.probe
    monkeypatch.setattr(index, "probe", lambda path: (opened.append(path), probe(path))[1])
    return opened


def test_a_page_shows_facts_captions_and_buckets(folder: Make) -> None:
    dataset = folder(drawn=True, a="a star moves")
    write_still(dataset.path / "b.png", width=64, height=96)
    first, second = _page(dataset)["clips"]
    assert first["facts"] == ["1.2 s", "24 fps", "96 x 64", "no sound"]
    assert first["bucket"] == "128x96x25"
    assert first["fate"] == "enlarged 1.5 times"
    assert first["captions"] == [{"number": 1, "text": "a star moves"}]
    assert first["media"].startswith("media/datasets/mine/a.mp4?v=")
    assert first["poster"].startswith("poster/datasets/mine/a.mp4?v=")
    assert second["facts"] == ["64 x 96", "still"]
    assert second["bucket"] == "96x128x1"
    assert second["captions"] == [{"number": 1, "text": ""}]


def test_a_clip_that_is_too_short_says_so(folder: Make) -> None:
    dataset = folder()
    write_clip(dataset.path / "a.mp4", frames=12)
    clip = _page(dataset)["clips"][0]
    assert (clip["bucket"], clip["fate"]) == ("", "too short: 12 frames, the shortest bucket takes 25")


def test_only_the_files_of_the_page_are_read_and_only_once(folder: Make, looked_at: list[Path]) -> None:
    dataset = folder()
    original = write_clip(dataset.path / "0000.mp4", frames=5)
    for number in range(1000):
        if number:
            (dataset.path / f"{number:04d}.mp4").hardlink_to(original)
        (dataset.path / f"{number:04d}.txt").write_text(f"clip {number}")
    seen = Seen(dataset.workspace)
    page = _page(dataset, seen, page=3)
    assert (page["total"], page["pages"], page["first"], len(page["clips"])) == (1000, 42, 49, 24)
    assert len(looked_at) == 24
    assert seen.num_captions_read == 24
    assert len(json.dumps(page)) < 30_000
    _page(dataset, seen, page=3)
    assert (len(looked_at), seen.num_captions_read) == (24, 24)
    _page(dataset, Seen(dataset.workspace), page=3)
    assert len(looked_at) == 24, "a restarted server remembers what is in the files"
    _page(dataset, seen, search="clip 99")
    assert (len(looked_at), seen.num_captions_read) == (35, 1000)
    _page(dataset, seen, search="clip 99")
    assert seen.num_captions_read == 1000


def test_a_changed_file_is_looked_at_again(folder: Make) -> None:
    dataset = folder(drawn=True, a="one")
    seen = Seen(dataset.workspace)
    before = _page(dataset, seen)["clips"][0]
    (dataset.path / "a.txt").write_text("another caption")
    write_clip(dataset.path / "a.mp4", width=64, height=64)
    after = _page(dataset, seen)["clips"][0]
    assert after["captions"][0]["text"] == "another caption"
    assert (before["facts"][2], after["facts"][2]) == ("96 x 64", "64 x 64")
    assert before["media"] != after["media"]


def test_filters_choose_clips(folder: Make) -> None:
    dataset = folder(dance="mia1 dances", walk="She WALKS", sit="", run=None)
    (dataset.path / "dance.2.txt").write_text("a dance, once more")
    assert _names(_page(dataset, search="walks")) == ["walk.mp4"]
    assert _names(_page(dataset, search="RUN.mp")) == ["run.mp4"]
    assert _names(_page(dataset, search="once more")) == ["dance.mp4"]
    assert _names(_page(dataset, show="uncaptioned")) == ["run.mp4", "sit.mp4"]
    assert _names(_page(dataset, show="triggerless", trigger="mia1")) == ["dance.mp4", "walk.mp4"]
    assert _names(_page(dataset, show="triggerless")) == []
    assert _names(_page(dataset, show="uncaptioned", search="sit")) == ["sit.mp4"]


def test_findings_of_the_doctor_stand_by_their_clips(folder: Make) -> None:
    dataset = folder(drawn=True, a="one", b="two")
    finding = {"code": "frozen", "severity": "warning", "name": "b.mp4", "message": "<b>still</b>", "fix": "cut it"}
    report_path(dataset).parent.mkdir(parents=True)
    report_path(dataset).write_text(json.dumps({"verdict": "Look.", "clips": 2, "seconds": 2.5, "findings": [finding]}))
    page = _page(dataset, show="findings")
    assert _names(page) == ["b.mp4"]
    told = {"severity": "warning", "message": "<b>still</b>", "fix": "cut it"}
    assert page["clips"][0]["findings"] == [told]


@pytest.mark.parametrize("report", ["", "[]", '{"findings": 3}', '{"findings": [1, {"severity": []}]}'])
def test_a_damaged_report_is_as_good_as_none(folder: Make, report: str) -> None:
    dataset = folder(a="one")
    report_path(dataset).parent.mkdir(parents=True)
    report_path(dataset).write_text(report)
    assert _page(dataset)["total"] == 1


def test_what_leads_out_is_neither_read_nor_served(folder: Make, secret: Path, looked_at: list[Path]) -> None:
    dataset = folder()
    (dataset.path / "a.mp4").symlink_to("/etc/passwd")
    (dataset.path / "b.mp4").symlink_to(secret)
    (dataset.path / "b.txt").symlink_to(secret)
    write_clip(dataset.path / "c.mp4")
    (dataset.path / "references").mkdir()
    (dataset.path / "references" / "c.mp4").symlink_to("/etc/passwd")
    page = _page(dataset)
    assert "secret words" not in json.dumps(page)
    assert looked_at == [dataset.path / "c.mp4"]
    for clip in page["clips"][:2]:
        assert (clip["media"], clip["poster"], clip["facts"]) == ("", "", [])
        assert "leads out" in clip["findings"][0]["message"]
    assert page["clips"][2]["references"] == []


def test_a_playlist_under_the_name_of_a_clip_is_not_opened(folder: Make, looked_at: list[Path]) -> None:
    dataset = folder()
    (dataset.path / "a.mp4").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    (dataset.path / "b.mp4").write_text("ffconcat version 1.0\nfile ../secret.txt\n")
    page = _page(dataset)
    assert looked_at == []
    assert [clip["media"] for clip in page["clips"]] == ["", ""]
    assert "not what its name says" in page["clips"][0]["findings"][0]["message"]


def test_damaged_empty_and_missing_files_are_told(folder: Make) -> None:
    dataset = folder(corrupt="one")
    (dataset.path / "empty.mp4").write_bytes(b"")
    manifest = dataset.path / "clips.csv"
    manifest.write_text("video,caption\ncorrupt.mp4,one\nempty.mp4,two\ngone.mp4,three\n")
    messages = [
        clip["findings"][0]["message"] for clip in _page(open_dataset(dataset.workspace, str(manifest)))["clips"]
    ]
    assert "damaged" in messages[0]
    assert "empty" in messages[1]
    assert "not there" in messages[2]


def test_a_caption_that_is_no_text_or_endless_is_not_shown(folder: Make) -> None:
    dataset = folder(drawn=True, a="one", b="two", c="three")
    (dataset.path / "a.txt").write_bytes(b"\xff\xfe\xfa\xfb\xfc")
    (dataset.path / "b.txt").write_text("x" * 100_000)
    (dataset.path / "c.txt").write_bytes("une fa\u00e7ade".encode("utf-16"))
    clips = _page(dataset)["clips"]
    assert "not UTF-8" in clips[0]["locked"]
    assert "longer than" in clips[1]["locked"]
    assert clips[2]["captions"][0]["text"] == "une fa\u00e7ade"


def test_names_with_markup_quotes_and_line_breaks_stay_what_they_are(folder: Make) -> None:
    dataset = folder()
    for name in (
        "<img src=x onerror=alert(1)>.mp4",
        'it\'s "so"\nlong.mp4',
        "\u6620\u753b %2e%2e.mp4",
        "x" * 240 + ".mp4",
    ):
        write_clip(dataset.path / name, frames=3)
    clips = _page(dataset)["clips"]
    assert {clip["name"] for clip in clips} == {path.name for path in dataset.path.iterdir()}
    assert all(bool(clip["media"]) == bool(clip["poster"]) == ("\n" not in clip["name"]) for clip in clips)
    assert not any(set('<>"\n') & set(clip["media"]) for clip in clips)


def test_a_page_past_the_end_is_the_last(folder: Make) -> None:
    dataset = folder(**{f"c{number}": "" for number in range(30)})
    assert (_page(dataset, page=9)["page"], len(_page(dataset, page=9)["clips"])) == (2, 6)
    assert _page(dataset, page=-3, per_page=10**9)["page"] == 1


def test_an_empty_folder_has_an_empty_page(workspace: Workspace) -> None:
    (workspace.datasets[0] / "new").mkdir()
    page = _page(open_dataset(workspace, "datasets/new"))
    assert (page["total"], page["pages"], page["clips"]) == (0, 1, [])
