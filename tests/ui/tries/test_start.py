"""From settings to a command, and what the history shows of it."""

import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ui.tries.made import REFERENCE, write_lora, write_run
from ui.recipes.document import RecipeDocument
from ui.runs.run_recipe import run_recipe
from ui.tries.history import PAGE, history, remove, stop, used_again
from ui.tries.settings import TryLoRA, TrySettings
from ui.tries.start import start_try, try_recipe

NEWEST = "runs/mine-1/lora/step_000020.safetensors"
ASKED = TrySettings(prompt="a blue <b>ball</b>", loras=(TryLoRA(file=NEWEST, strength=0.8),), size="128x96x25", seed=3)


@pytest.fixture
def started(workspace, runner, run):
    return start_try(workspace, runner, "mine-1", ASKED)


def written(root, identity, name):
    return (root / "runs" / "mine-1" / "tries" / identity / name).read_text()


def test_a_try_is_the_runs_recipe_with_another_sample_block(root, run, started):
    made = yaml.safe_load(written(root, started, "try.yaml"))
    own = yaml.safe_load((run / "recipe.yaml").read_text())
    assert made["sample"]["prompts"] == ["a blue <b>ball</b>"]
    assert (made["sample"]["seed"], made["sample"]["without_lora"], made["sample"]["strength"]) == (3, True, 1.0)
    assert {key: value for key, value in made.items() if key != "sample"} == {
        key: value for key, value in own.items() if key != "sample"
    }


def test_the_command_names_recipe_run_loras_and_place(runner, started):
    (job,) = runner.jobs.values()
    place = f"runs/mine-1/tries/{started}"
    assert job.command == (
        f"python -m ltx_module sample --config {place}/try.yaml --run mine-1 --lora {NEWEST}:0.8 --out {place}"
    )
    assert (job.kind, job.run, job.devices) == ("sample", "mine-1", 1)


def test_three_loras_are_named_one_after_another_and_none_is_the_base(workspace, root, runner, run):
    write_lora(root / "models" / "other.safetensors")
    own = "runs/mine-1/lora/step_000010.safetensors"
    files = (TryLoRA(file=NEWEST), TryLoRA(file=own, strength=-0.5), TryLoRA(file="models/other.safetensors"))
    words = runner.jobs[start_try(workspace, runner, "mine-1", replace(ASKED, loras=files))].words
    assert [words[number + 1] for number, word in enumerate(words) if word == "--lora"] == [
        f"{NEWEST}:1",
        f"{own}:-0.5",
        "models/other.safetensors:1",
    ]
    base = start_try(workspace, runner, "mine-1", replace(ASKED, loras=()))
    assert "--lora none" in runner.jobs[base].command
    assert yaml.safe_load(written(root, base, "try.yaml"))["sample"]["without_lora"] is False


def test_media_go_into_the_prompt(workspace, root, runner, demo_folder):
    target = root / "datasets" / "mine" / "samples" / "1.mp4"
    target.write_bytes(min(demo_folder.glob("*.mp4")).read_bytes())
    run = write_run(root, "mine-1", conditions=REFERENCE)
    asked = replace(ASKED, media={"reference_video": str(target)})
    identity = start_try(workspace, runner, run.name, asked)
    assert yaml.safe_load(written(root, identity, "try.yaml"))["sample"]["prompts"] == [
        {"prompt": ASKED.prompt, "reference_video": "datasets/mine/samples/1.mp4"}
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"loras": (TryLoRA(file="/etc/passwd"),)}, "outside"),
        ({"loras": (TryLoRA(file=NEWEST), TryLoRA(file=NEWEST))}, "twice"),
        ({"media": {"image": "datasets/mine/a.png"}}, "not there"),
        ({"size": "4s"}, "makes pictures"),
    ],
)
def test_what_cannot_be_done_leaves_nothing_behind(workspace, runner, run, change, said):
    with pytest.raises(ValueError, match=said):
        start_try(workspace, runner, "mine-1", replace(ASKED, **change))
    assert not (run / "tries").exists()
    assert runner.jobs == {}


def test_a_double_click_starts_one_try(workspace, runner, run, started):
    with pytest.raises(ValueError, match="already"):
        start_try(workspace, runner, "mine-1", ASKED)
    assert [path.name for path in (run / "tries").iterdir()] == [started]
    start_try(workspace, runner, "mine-1", replace(ASKED, seed=4))


def test_a_reference_of_half_the_size_needs_sizes_that_it_divides(workspace, root, runner):
    write_run(root, "half", factor=2)
    with pytest.raises(ValueError, match="multiples of 64"):
        start_try(workspace, runner, "half", replace(ASKED, loras=()))


def test_a_recipe_with_foreign_classes_is_not_started(workspace, root, runner):
    run = write_run(root)
    text = (run / "recipe.yaml").read_text().replace("torch.optim.AdamW", "os.system")
    (run / "recipe.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"os\.system"):
        start_try(workspace, runner, "mine-1", ASKED)
    assert runner.jobs == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=st.text(min_size=1, max_size=60), negative=st.text(max_size=30))
def test_any_prompt_arrives_as_it_was_typed(workspace, run, prompt, negative):
    try:
        asked = TrySettings(prompt=prompt, negative_prompt=negative, size="128x96x25")
    except ValueError:
        return
    made = try_recipe(run_recipe(workspace, "mine-1").document, asked)
    read = yaml.safe_load(made.text)
    assert read["sample"]["prompts"] == [prompt]
    assert read["sample"]["negative_prompt"] == negative
    assert RecipeDocument(made.text).get("model") == run_recipe(workspace, "mine-1").document.get("model")


def finish(run, identity, *, both=True):
    folder = run / "tries" / identity
    for name in ("01-ball-seed3", *(["01-ball-seed3-without-lora"] if both else [])):
        (folder / f"{name}.mp4").write_bytes(b"video")
        (folder / f"{name}.json").write_text("{}")


def test_the_history_shows_both_videos_side_by_side(workspace, runner, run, started):
    finish(run, started)
    runner.states[started] = "finished"
    page = history(workspace, runner, "mine-1")
    (one,) = page["tries"]
    assert one["prompt"] == "a blue <b>ball</b>"
    assert one["with"]["url"].startswith(f"media/runs/mine-1/tries/{started}/01-ball-seed3.mp4?v=")
    assert one["without"]["url"].startswith(f"media/runs/mine-1/tries/{started}/01-ball-seed3-without-lora.mp4?v=")
    assert (one["state"], one["news"], one["error"]) == ("finished", "", None)
    json.dumps(page)


def test_a_try_that_waits_says_where_in_the_queue(workspace, runner, started):
    page = history(workspace, runner, "mine-1")
    assert "place 1" in page["tries"][0]["news"]
    assert page["tries"][0]["state"] in ("queued", "running")


def test_a_failed_try_says_why_in_words(workspace, runner, started):
    runner.states[started] = "failed"
    error = history(workspace, runner, "mine-1")["tries"][0]["error"]
    assert error == {"text": "The GPU's memory is full.", "fix": "Use a smaller size.", "log": f"log of {started}"}


def test_videos_outlive_what_the_runner_remembers(workspace, runner, run, started):
    finish(run, started)
    runner.jobs.clear()
    assert history(workspace, runner, "mine-1")["tries"][0]["state"] == "finished"


def test_a_try_without_videos_that_nobody_knows_is_told_of(workspace, runner, run, started):
    runner.jobs.clear()
    (one,) = history(workspace, runner, "mine-1")["tries"]
    assert one["state"] == "lost"
    assert "start it again" in one["news"]


def test_the_history_is_newest_first_and_paged(workspace, runner, run):
    made = [start_try(workspace, runner, "mine-1", replace(ASKED, seed=seed)) for seed in range(PAGE + 2)]
    first, last = history(workspace, runner, "mine-1"), history(workspace, runner, "mine-1", 99)
    assert [one["id"] for one in first["tries"]] == made[::-1][:PAGE]
    assert [one["id"] for one in last["tries"]] == made[1::-1]
    assert (last["page"], last["pages"], last["total"]) == (1, 2, PAGE + 2)


def test_the_settings_of_a_try_can_be_used_again(workspace, runner, started):
    assert used_again(workspace, "mine-1", started) == ASKED


def test_used_again_a_lora_that_is_gone_is_left_out(workspace, runner, run, started):
    (run / "lora" / "step_000020.safetensors").unlink()
    assert used_again(workspace, "mine-1", started).loras == ()


def test_a_try_is_removed_with_its_videos_but_not_while_it_runs(workspace, runner, run, started):
    with pytest.raises(ValueError, match="stop it first"):
        remove(workspace, runner, "mine-1", started)
    runner.states[started] = "finished"
    remove(workspace, runner, "mine-1", started)
    assert history(workspace, runner, "mine-1")["total"] == 0


@pytest.mark.parametrize("identity", ["..", "media", "../../..", "20260101-000000-000000-ffff"])
def test_nothing_but_a_try_is_removed_or_stopped(workspace, runner, run, started, identity):
    (run / "tries" / "media").mkdir()
    with pytest.raises(ValueError, match=r"no try|cannot name"):
        remove(workspace, runner, "mine-1", identity)
    assert (run / "recipe.yaml").is_file()
    assert (run / "tries" / "media").is_dir()


def test_stopping_goes_to_the_job_of_the_try(workspace, runner, started):
    stop(workspace, runner, "mine-1", started)
    assert runner.stopped == [started]


def test_a_run_without_tries_has_an_empty_history(workspace, runner, run):
    assert history(workspace, runner, "mine-1")["tries"] == []
    assert history(workspace, runner, "")["total"] == 0
