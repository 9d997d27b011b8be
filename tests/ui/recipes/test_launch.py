"""From text to command: errors are told before anything starts, and what is shown is what runs."""

import shlex

import pytest

from tests.recipe_files import RECIPES, ROOT
from ui.jobs.job import Job
from ui.recipes import launch
from ui.recipes.document import RecipeDocument
from ui.recipes.plan import plan_of
from ui.recipes.quick_checks import DOWNLOADS, remarks

DEMO = (RECIPES / "demo.yaml").read_text()


class Recorder:
    """A runner that starts nothing."""

    def __init__(self):
        self.jobs = []

    def active(self):
        return []

    def submit(self, kind, title, words, **options):
        self.jobs.append((kind, title, tuple(words), options))
        return Job(id="1", kind=kind, title=title, words=tuple(words))


@pytest.fixture
def ready(workspace):
    """A workspace in which the demo may start."""
    clips, models = workspace.root / "demo" / "clips", workspace.root / "assets" / "pico"
    clips.mkdir()
    (clips / "a.mp4").write_bytes(b"")
    (clips / "a.txt").write_text("DUSK a star")
    (models / "gemma").mkdir(parents=True)
    (models / "ltx-2.3-pico.safetensors").write_bytes(b"")
    return workspace


def told(workspace, text):
    return [one.text for one in remarks(RecipeDocument(text), workspace) if one.tone == "bad"]


def edited(*pairs):
    document = RecipeDocument(DEMO)
    for key, value in pairs:
        document = document.set(key, value)
    return document.text


def test_a_recipe_that_is_ready_has_nothing_against_it(ready):
    assert told(ready, DEMO) == []


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("data.buckets", ["100x96x25"]), "multiple of 32"),
        (("data.buckets", ["128x96x24"]), "8k + 1"),
        (("data.buckets", ["large"]), "WIDTHxHEIGHTxFRAMES"),
        (("data.buckets", ["4s"]), "WIDTHxHEIGHTxFRAMES"),
        (("data.buckets", []), "empty"),
        (("sample.size", "128x96x26"), "sample.size"),
        (("data.reference_downscale_factor", 2), "64"),
        (("data.path", "demo/none"), "no dataset"),
        (("data.path", "/etc"), "outside"),
        (("data.path", ""), "data.path"),
        (("model.base_model", "models/ltx-2.3-22b-dev.safetensors"), "hf download Lightricks/LTX-2.3"),
        (("model.text_encoder", "models/gemma-3-12b-it-qat-q4_0-unquantized"), "hf download google/gemma"),
        (("sample.prompts", [{"prompt": "a", "image": "demo/clips/none.png"}]), "none.png"),
        (("trainer.max_steps", 0), "max_steps"),
        (("model.conditions", [{"class_path": "ltx_module.diffusion.conditioning.Reference"}]), "needs a reference"),
        (("model.conditions", [{"class_path": "ltx_module.diffusion.conditioning.Mask"}]), "needs a mask"),
        (("trainer.strategy", "os.system"), "os.system"),
    ],
)
def test_each_fault_is_told_and_keeps_the_training_from_starting(ready, pair, said):
    text, runner = edited(pair), Recorder()
    assert any(said in one for one in told(ready, text))
    for submit in (launch.submit_check, launch.submit_fit):
        with pytest.raises(ValueError, match=r".") as raised:
            submit(ready, runner, text, "demo")
        assert said in str(raised.value)
    assert runner.jobs == []


def test_regularisation_clips_that_lead_out_keep_the_training_from_starting(ready, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.mp4").write_bytes(b"")
    beside = ready.root / "demo" / "ordinary"
    beside.mkdir()
    (beside / "a.mp4").symlink_to(tmp_path / "elsewhere" / "a.mp4")
    assert any("a.mp4" in one for one in told(ready, edited(("data.regularisation", ["demo/ordinary"]))))


def test_all_faults_are_told_at_once(ready):
    assert len(told(ready, edited(("data.buckets", ["100x96x25"]), ("data.path", "demo/none")))) == 2


def test_captions_without_the_trigger_are_counted(ready):
    (ready.root / "demo" / "clips" / "b.mp4").write_bytes(b"")
    (ready.root / "demo" / "clips" / "b.txt").write_text("a square")
    found = remarks(RecipeDocument(DEMO), ready)
    assert [one.text for one in found] == [
        "1 of 2 captions do not name the trigger word DUSK: training puts it in front of them."
    ]
    assert found[0].tone == "info"


def test_the_commands_to_get_the_published_model_are_those_of_the_readme():
    readme = (ROOT / "README.md").read_text()
    for name in ("ltx-2.3-22b-dev.safetensors", "gemma-3-12b-it-qat-q4_0-unquantized"):
        assert DOWNLOADS[name] in readme


def test_what_is_shown_is_what_runs_and_the_file_holds_the_text(ready):
    runner = Recorder()
    shown = ["-m", "ltx_module", *launch.fit_command(ready, DEMO, "demo", "demo-1")[2:]]
    launch.submit_fit(ready, runner, DEMO, "demo")
    kind, title, words, options = runner.jobs[0]
    assert (kind, title, list(words)) == ("fit", "Train demo-1", shown)
    assert (options["run"], options["devices"], options["subject"]) == ("demo-1", 1, "demo/clips")
    config = words[words.index("--config") + 1]
    assert (ready.root / config).read_text() == DEMO
    assert config.endswith("/demo.yaml")
    assert shlex.join(words) == " ".join(words)


def test_another_text_is_another_file(ready):
    assert launch.config_path(ready, DEMO, "demo") != launch.config_path(ready, edited(("seed_everything", 1)), "demo")


def test_a_run_takes_the_first_free_number(ready):
    run = ready.runs / "demo-1"
    run.mkdir()
    (run / "recipe.yaml").write_text(DEMO)
    assert launch.free_run(ready, Recorder(), "demo") == "demo-2"
    with pytest.raises(ValueError, match="already"):
        launch.submit_fit(ready, Recorder(), DEMO, "demo", "demo-1")


@pytest.mark.parametrize("run", ["../x", "a/b", "-x", "."])
def test_a_run_name_that_is_no_folder_name_is_refused(ready, run):
    with pytest.raises(ValueError, match="cannot name"):
        launch.submit_fit(ready, Recorder(), DEMO, "demo", run)


@pytest.mark.parametrize(
    ("recipe", "file"), [("mine/mia", "mia"), ("a b/../c", "a-b-..-c"), ("", "mine"), ("recipe", "recipe-of-mine")]
)
def test_the_file_is_named_after_the_recipe(recipe, file):
    assert launch.file_name(recipe) == file


def test_a_recipe_for_two_gpus_waits_for_two(ready):
    runner = Recorder()
    launch.submit_fit(ready, runner, edited(("trainer.devices", 2)), "demo")
    assert runner.jobs[0][3]["devices"] == 2


def test_a_report_is_shown_in_words():
    row = {"status": "train", "bucket": "128x96x25", "has_audio": True, "name": "a"}
    plan = plan_of(
        {
            "max_steps": 90,
            "device": "cpu",
            "run_bytes": 2**20,
            "run_free_bytes": 2**31,
            "work": {
                "seconds_per_step": 60.0,
                "memory_gib": 0.5,
                "bucket": "128x96x25",
                "trainable": {"a": 2_000_000},
                "memory": {"estimate": {"parts": {"weights": 2**28, "gradients": 0, "kept": 2**20}}},
            },
            "data": {
                "rows": [
                    row,
                    {**row, "status": "validation"},
                    {"status": "dropped", "name": "b", "reason": "too short"},
                ],
                "clips": {"train": 1, "validation": 1, "dropped": 1},
                "findings": [{"name": "c", "action": "warned", "reason": "soft", "fix": "sharpen"}],
                "problems": ["nothing to train"],
            },
        }
    )
    facts = dict(plan["facts"])
    assert facts["Clips"] == "1 to train, 1 held out, 1 dropped"
    assert facts["Time"] == "about 1 h 30 min for 90 steps, without samples"
    assert facts["Memory"] == "about 512.0 MiB, largest bucket 128x96x25"
    assert facts["Of which"] == "256.0 MiB frozen weights, 1.0 MiB kept for backward"
    assert plan["buckets"] == [{"bucket": "128x96x25", "count": 2, "held_out": 1, "with_sound": 2}]
    assert plan["dropped"] == [{"name": "b", "reason": "too short"}]
    assert plan["findings"] == [{"tone": "warn", "text": "c: soft; sharpen"}]
    assert plan["problems"] == ["nothing to train"]


@pytest.mark.parametrize("report", [{}, {"data": 3, "work": []}, {"data": {"rows": [1, None]}}])
def test_a_report_of_another_make_does_not_break_the_page(report):
    assert plan_of(report)["buckets"] == []
