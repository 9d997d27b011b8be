"""`check` tells what the doctor finds, beside the plan of the data."""

import json
import shutil

import pytest

from datamodules.world.dataset import write_dataset


@pytest.fixture
def dataset(tmp_path):
    """Three clips, of which one is there twice, and one has a caption that says nothing."""
    folder = tmp_path / "clips"
    write_dataset(folder, clips=3, stills=0, width=64, height=64, frames=9, concept="style", seed=2)
    clips = sorted(folder.glob("*.mp4"))
    shutil.copy(clips[0], folder / "copy.mp4")
    (folder / "copy.txt").write_text("a nice video of something")
    return folder


def test_check_tells_what_the_plan_does_not(cli, dataset, tmp_path, capsys):
    cli("check", "style", f"--data.path={dataset}", f"--json={tmp_path / 'check.json'}")
    out = capsys.readouterr().out
    assert "caption-generic" in out
    assert "overfit-risk" in out
    assert "style takes 15 to 50" in out
    assert "exact-duplicate" not in out  # the plan says it
    assert "has the same bytes as" in out
    (health,) = json.loads((tmp_path / "check.json").read_text())["health"]
    assert {"caption-generic", "overfit-risk"} <= {finding["code"] for finding in health["findings"]}


def test_check_leaves_the_doctor_out_where_told_to(cli, dataset, tmp_path, capsys):
    cli("check", "style", f"--data.path={dataset}", f"--json={tmp_path / 'check.json'}", "--doctor=false")
    assert "caption-generic" not in capsys.readouterr().out
    assert json.loads((tmp_path / "check.json").read_text())["health"] == []
