"""Recipes with several sets of clips, as a user writes and runs them."""

import json
from collections import Counter

import pytest
import yaml

from datamodules.world.dataset import write_dataset
from tests.end_to_end.runs import assert_equal, every, weights


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three clips, of which two have several captions, and one clip of another look."""
    directory = tmp_path_factory.mktemp("sets")
    write_dataset(directory / "shapes", clips=3, stills=0, width=64, height=64, frames=9)
    write_dataset(directory / "more", clips=1, stills=0, width=64, height=64, frames=9, seed=7)
    for number, clip in enumerate(sorted((directory / "shapes").glob("*.mp4"))):
        clip.with_suffix(".txt").write_text(f"shape {number} goes to the left" if number == 2 else f"shape {number}")
        if number < 2:
            clip.with_suffix(".2.txt").write_text(f"another view of shape {number}")
    return directory


@pytest.fixture
def overlay(folders, tmp_path):
    """A recipe's part with two sets, one of which is mirrored."""
    sets = [
        {"path": str(folders / "shapes"), "repeats": 2, "flip": True, "caption_dropout": 0.1},
        {"path": str(folders / "more"), "share": 0.25, "trigger": "moreshape"},
    ]
    path = tmp_path / "sets.yaml"
    path.write_text(yaml.safe_dump({"data": {"path": None, "sets": sets, "cache_dir": str(folders / "cache")}}))
    return path


@pytest.fixture
def run(cli, overlay):
    """Runs a verb on the sets; an overlay comes after `--data.path`, which it replaces."""
    return lambda verb, *more: cli(verb, "style", "--config", str(overlay), *more)


def test_check_shows_each_set_and_what_is_mirrored(run, folders, tmp_path, capsys):
    run("check", f"--json={tmp_path / 'check.json'}")
    shown = capsys.readouterr().out
    assert f"data.sets[0].path {folders / 'shapes'}: 3 clips, each seen 2 times in a pass, 75.0% of the items" in shown
    assert ", caption dropout 0.1, 2 also mirrored" in shown
    assert f"{folders / 'shapes'}, {folders / 'more'}: 4 clips to train on, 0 held out" in shown
    assert f"data.sets[1].path {folders / 'more'}: 1 clips, each seen 2 times in a pass, 25.0% of the items" in shown
    assert "2 clips have 2 captions, which take turns" in shown
    assert "is not mirrored, because its caption says 'left'" in shown
    report = json.loads((tmp_path / "check.json").read_text())["data"]
    assert [each["mirrored"] for each in report["sets"]] == [2, 0]


def test_a_resumed_run_sees_the_clips_and_captions_of_one_that_was_not_stopped(run, tmp_path):
    recorders = {}
    for name in ("whole", "halves"):
        (tmp_path / name).mkdir()
        recorders[name] = json.dumps(
            {
                "class_path": "tests.end_to_end.record_clips.RecordClips",
                "init_args": {"directory": str(tmp_path / name)},
            }
        )
    options = (every(4, "SaveLoRA", "SaveResumeState"), "--data.num_workers=1", "--model.lr_scheduler=null")
    run("fit", *options, f"--trainer.callbacks+={recorders['whole']}", "--trainer.max_steps=16", "--run=whole")
    for steps, more in ((8, ()), (16, ("--ckpt_path=last",))):
        callbacks = f"--trainer.callbacks+={recorders['halves']}"
        run("fit", *options, callbacks, f"--trainer.max_steps={steps}", "--run=halves", *more)
    records = {
        name: [json.loads(line) for line in (tmp_path / name / "rank-0.jsonl").read_text().splitlines()]
        for name in recorders
    }
    seen = {
        name: [(record["clips"][0], record["captions"][0]) for record in rows if "clips" in record]
        for name, rows in records.items()
    }
    assert seen["whole"] == seen["halves"]
    assert_equal(weights(tmp_path / "runs/whole", 16), weights(tmp_path / "runs/halves", 16))
    sets = Counter(clip.split("/")[0] for clip, _ in seen["whole"])  # two passes of eight items
    assert sets == {"shapes": 12, "more": 4}
    assert {caption for _, caption in seen["whole"]} == {0, 1}
    assert any(clip.endswith(" mirrored") for clip, _ in seen["whole"])
    recipe = yaml.safe_load((tmp_path / "runs/whole/recipe.yaml").read_text())
    assert [each["repeats"] for each in recipe["data"]["sets"]] == [2.0, 1.0]
    assert [each.get("share") for each in recipe["data"]["sets"]] == [None, 0.25]


def test_the_recorded_recipe_of_a_run_with_sets_replays(run, cli, tmp_path, capsys):
    run("fit", "--trainer.max_steps=1", every(1, "SaveLoRA"), "--run=mine")
    recorded = tmp_path / "runs/mine/recipe.yaml"
    capsys.readouterr()
    cli("check", "style", "--config", str(recorded))
    assert "25.0% of the items" in capsys.readouterr().out


def test_dropout_of_a_set_without_the_callback_is_warned_of(run, capsys):
    run("check", "--trainer.callbacks=null")
    shown = capsys.readouterr().err
    assert "`data.sets[0].caption_dropout` is 0.1, but the recipe has no callbacks.DropCaptions" in shown


REFUSED = {
    "path and sets": (("--data.path={shapes}",), "`data.path` is '{shapes}' and `data.sets` has 2 sets"),
    "no path, no sets": (("--data.sets=null",), "Neither `data.path` nor `data.sets` is given"),
    "a missing set": (
        ('--data.sets=[{{"path": "{shapes}"}}, {{"path": "nowhere"}}]',),
        "`data.sets[1].path` is 'nowhere', but there is nothing",
    ),
    "no repeats": (
        ('--data.sets=[{{"path": "{shapes}", "repeats": 0}}]',),
        "`data.sets[0].repeats` is 0",
    ),
    "shares that leave nothing": (
        ('--data.sets=[{{"path": "{shapes}"}}, {{"path": "{more}", "share": 1}}]',),
        "The shares of `data.sets` sum to 1, which leaves nothing for `data.sets[0]`",
    ),
    "an unknown key": (('--data.sets=[{{"path": "{shapes}", "weight": 2}}]',), "data.sets"),
    "no path of a set": (('--data.sets=[{{"repeats": 2}}]',), "data.sets"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_sets_that_make_no_sense_are_refused(name, run, folders, capsys):
    options, first = REFUSED[name]
    places = {"shapes": folders / "shapes", "more": folders / "more"}
    with pytest.raises(SystemExit) as exit_info:
        run("check", *(option.format_map(places) for option in options))
    shown = capsys.readouterr().err
    assert exit_info.value.code == 2
    message = shown[shown.index("error: ") :]
    assert first.format_map(places) in message.splitlines()[0]
    assert "Traceback" not in shown
