"""A folder as users have them trains, and the report says what became of every file."""

import json

import pytest

from tests.end_to_end.runs import every, rows_of
from tests.mixed_folder import MIXED_FILES

TRAINED_WITH_SOUND = {
    "portrait.mp4",
    "landscape 23.976.mp4",
    "empty caption.mp4",
    "caf\u00e9 \u6620\u753b.mp4",
    "other sound.mp4",
}
TRAINED_SILENT = {"thirty.mov", "sixty.mkv", "variable rate.mkv", "silent.webm", "sub folder/rotated.mp4"}
STILLS = {"one frame.mp4", "alpha.png", "photo.jpg"}
DROPPED = {"corrupt.mp4", "truncated.mp4"}
COPIES = {"the same portrait.mp4"}
NOTED = {
    "landscape 23.976.mp4": ("noted", "23.976 fps is resampled to 24 fps"),
    "thirty.mov": ("noted", "30 fps is resampled to 24 fps"),
    "sixty.mkv": ("noted", "60 fps is resampled to 24 fps"),
    "variable rate.mkv": ("noted", "variable rate"),
    "one frame.mp4": ("noted", "trained as a still"),
    "alpha.png": ("noted", "laid over black"),
    "empty caption.mp4": ("warned", "empty"),
    "the same portrait.mp4": ("warned", "has the same bytes as portrait.mp4"),
    "corrupt.mp4": ("dropped", ""),
    "truncated.mp4": ("dropped", ""),
    "other sound.mp4": ("noted", "other sound.wav"),
}


@pytest.fixture
def mixed(mixed_folder, tmp_path):
    return (f"--data.path={mixed_folder}", f"--data.cache_dir={tmp_path / 'cache'}")


def test_the_report_accounts_for_every_file(cli, mixed, tmp_path):
    cli("check", "audio_video", *mixed, f"--json={tmp_path / 'check.json'}")
    data = json.loads((tmp_path / "check.json").read_text())["data"]
    rows = {row["name"].rpartition("@")[0] or row["name"]: row for row in data["rows"]}
    kept = {name: row for name, row in rows.items() if row["status"] == "train"}
    assert {name for name, row in kept.items() if row["has_audio"]} == TRAINED_WITH_SOUND
    assert {name for name, row in kept.items() if row["bucket"] == "64x64x1"} == STILLS
    assert kept.keys() == TRAINED_WITH_SOUND | TRAINED_SILENT | STILLS
    assert {name for name, row in rows.items() if row["status"] == "dropped"} == DROPPED
    assert rows.keys() | COPIES == MIXED_FILES.keys()
    assert {name.partition("@")[0] for name in data["silent"]} == TRAINED_SILENT
    assert {name.partition("@")[0] for name in data["stills"]} == STILLS
    found = [(finding["name"], finding["action"], finding["reason"]) for finding in data["findings"]]
    for name, (action, reason) in NOTED.items():
        assert any((name, action) == each[:2] and reason in each[2] for each in found), (name, found)
    assert data["problems"] == []


def test_it_trains_with_the_trigger_alone_for_the_empty_caption(cli, mixed, tmp_path, capsys):
    cli("fit", "audio_video", *mixed, "--trainer.max_steps=3", "--trainer.log_every_n_steps=1", every(3, "SaveLoRA"))
    assert len(rows_of(tmp_path / "runs/audio_video-1")) == 3
    assert (tmp_path / "runs/audio_video-1/lora/step_000003.safetensors").is_file()
    shown = capsys.readouterr().err
    assert "13 clips to train on, 0 held out, 2 dropped" in shown
    assert "empty caption.mp4" in shown
    captions = {tensors_caption(path) for path in (tmp_path / "cache/text").rglob("*.safetensors")}
    assert "demoshape" in captions
    assert "demoshape a red circle stays still" in captions
    assert "demoshape a red circle, once more" not in captions


def tensors_caption(path) -> str:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return file.metadata()["caption"]
