"""Preservation, a regularisation set and the balance of sound in whole runs: logged, resumed bit-equal, refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from datamodules.world import write_dataset
from tests.end_to_end.runs import assert_equal, every, rows_of, weights

PRESERVATION = "--model.preservation=ltx_module.preservation.Preservation"


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory) -> Path:
    """Clips and a still that are not the demo's, without the trigger."""
    directory = tmp_path_factory.mktemp("media") / "ordinary"
    write_dataset(directory, clips=2, stills=1, seed=11)
    return directory


@pytest.fixture
def everything(ordinary) -> tuple[str, ...]:
    """Options that switch all of it on."""
    return (
        PRESERVATION,
        "--model.preservation.class_word=thing",
        "--model.preservation.class_probability=0.4",
        "--model.preservation.blank_probability=0.2",
        "--model.audio_loss_weight=auto",
        f"--data.regularisation={ordinary}",
        "--data.regularisation_every_n_batches=3",
        "--model.regularisation_loss_weight=0.5",
        "--model.lora.dropout=0.1",
        "--model.lr_scheduler=null",
        "--data.num_workers=0",
        "--trainer.log_every_n_steps=1",
    )


def balance_of(run: Path, step: int) -> dict[str, list[float]]:
    return torch.load(run / "checkpoints" / f"step_{step:06d}.ckpt", weights_only=True)["loss_balance"]


def test_a_stopped_run_with_everything_on_goes_on_bit_for_bit(cli, everything, tmp_path):
    options = (*everything, "--trainer.max_steps=9", every(3, "SaveResumeState"))
    cli("fit", "audio_video", *options, "--run=whole")
    for name in ("control", "checkpoints"):
        (tmp_path / "runs/halves" / name).mkdir(parents=True)
    (tmp_path / "runs/halves/control/stop").touch()
    cli("fit", "audio_video", *options, "--run=halves")
    cli("fit", "audio_video", *options, "--run=halves", "--ckpt_path=last")
    whole, halves = tmp_path / "runs/whole", tmp_path / "runs/halves"
    assert_equal(weights(whole, 9), weights(halves, 9))
    assert balance_of(whole, 9) == balance_of(halves, 9)
    assert rows_of(whole) == rows_of(halves)
    rows = rows_of(whole)
    assert [row["step"] for row in rows if "train/loss_regularisation" in row] == ["3", "6", "9"]
    assert all(("train/loss_video" in row) == ("train/loss_regularisation" not in row) for row in rows)
    assert all("train/audio_loss_weight" in row for row in rows)
    preserved = [row for row in rows if "train/loss_preservation" in row]
    assert 0 < len(preserved) < len(rows)  # drawn for 6 in 10
    assert any(float(row["train/loss_preservation"]) > 0 for row in preserved)


def test_nothing_is_pulled_in_the_first_step(cli, tmp_path):
    cli(
        *("fit", "style", PRESERVATION, "--model.preservation.class_probability=1", "--trainer.max_steps=2"),
        *("--trainer.log_every_n_steps=1", "--model.lr_scheduler=null", every(2, "SaveLoRA")),
    )
    first, second = (float(row["train/loss_preservation"]) for row in rows_of(tmp_path / "runs/style-1"))
    assert first == 0
    assert second > 0


def test_switching_it_off_leaves_training_as_it_was(cli, tmp_path):
    options = ("--trainer.max_steps=3", "--model.lora.dropout=0.1", every(3, "SaveResumeState"))
    cli("fit", "style", *options, "--model.preservation=null", "--run=without")
    never = ("--model.preservation.class_probability=0", "--model.preservation.blank_probability=0")
    cli("fit", "style", *options, PRESERVATION, *never, "--run=never")
    assert_equal(weights(tmp_path / "runs/without", 3), weights(tmp_path / "runs/never", 3))


def test_check_names_the_ordinary_clips_and_the_cost(cli, everything, ordinary, tmp_path, capsys):
    cli("check", "audio_video", *everything, f"--json={tmp_path / 'check.json'}")
    shown = capsys.readouterr().out
    assert f"regularisation {ordinary}: 3 windows in 64x64x1, 64x64x9, 2 with sound; one batch in 3 is of it" in shown
    # recomputation makes a step 3 passes; 4 more in 6 of 10 steps
    assert "(`model.preservation`) makes that 1.80 times as long as without" in shown
    report = json.loads((tmp_path / "check.json").read_text())
    assert report["data"]["regularisation"]["clips"] == 3
    assert report["work"]["preservation_slowdown"] == pytest.approx(1 + 0.6 * 4 / 3)


def test_doubts_about_the_ordinary_clips_are_named(cli, ordinary, demo_folder, tmp_path, capsys):
    folder = tmp_path / "mixed up"
    shutil.copytree(ordinary, folder)
    named = sorted(folder.glob("*.mp4"))[0]
    named.with_suffix(".txt").write_text("a Demoshape on a lawn")
    uncaptioned = sorted(folder.glob("*.mp4"))[1]
    uncaptioned.with_suffix(".txt").unlink()
    shutil.copy(sorted(demo_folder.glob("*.mp4"))[0], folder / "same.mp4")
    cli("check", "style", f"--data.regularisation={folder}")
    shown = capsys.readouterr().out
    assert f"warned  {named.name}: its caption holds the trigger 'demoshape'" in shown
    assert "it trains on the empty caption" in shown
    assert "dropped  same.mp4: has the same bytes as a clip of `data.path`" in shown


def test_blank_captions_that_are_taught_and_held_back_are_warned_of(cli, capsys):
    blank = ("--model.preservation.class_probability=0", "--model.preservation.blank_probability=1")
    cli("fit", "style", PRESERVATION, *blank, "--trainer.max_steps=1", every(1, "SaveLoRA"))
    assert "callbacks.DropCaptions trains the empty caption on 0.5 of the clips" in capsys.readouterr().err


REFUSED = {
    "the trigger as class word": (
        ("--model.preservation.class_word=a Demoshape",),
        "`model.preservation.init_args.class_word` is 'a Demoshape'",
    ),
    "no trigger": (("--data.trigger=",), "`model.preservation` keeps the base under captions without the trigger"),
    "both prompts at once": (
        ("--model.preservation.blank_probability=0.9",),
        "`model.preservation.init_args.class_probability` is",
    ),
    "missing ordinary clips": (("--data.regularisation=nowhere",), "`data.regularisation` is 'nowhere'"),
    "ordinary clips alone": (
        ("--data.regularisation=.", "--data.regularisation_every_n_batches=1"),
        "`data.regularisation_every_n_batches` is 1",
    ),
    "weight of sound": (("--model.audio_loss_weight=equal",), "`model.audio_loss_weight`"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_refused_with_its_key(name, cli, capsys):
    options, message = REFUSED[name]
    with pytest.raises(SystemExit) as exit_info:
        cli("check", "style", PRESERVATION, "--model.preservation.class_probability=0.5", *options)
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err


def test_ordinary_clips_that_are_all_the_concepts_are_refused(cli, demo_folder, tmp_path, capsys):
    shutil.copytree(demo_folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".ltx-cache"))
    with pytest.raises(SystemExit):
        cli("fit", "style", f"--data.regularisation={tmp_path / 'copy'}")
    assert "`data.regularisation`" in (shown := capsys.readouterr().err)
    assert "leave it in one of them" in shown
