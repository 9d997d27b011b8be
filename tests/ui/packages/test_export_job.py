"""The command that makes a package."""

import pytest

from datamodules.atomic import write_json
from tests.ui.tries.made import write_run
from ui.packages.export_job import FAVOURITE, NEWEST, checkpoint_choices, export_words, start_export


@pytest.fixture
def marked(run):
    write_json(run / "favourite.json", {"schema": 1, "lora": "lora/step_000010.safetensors", "strength": 0.8})
    return run


def test_favourite_newest_and_each_step_can_be_exported(workspace, marked):
    assert checkpoint_choices(workspace, "mine-1") == [
        ("Favourite: step_000010 at strength 0.8", FAVOURITE),
        ("Newest: step 20", NEWEST),
        ("Step 20", "runs/mine-1/lora/step_000020.safetensors"),
        ("Step 10", "runs/mine-1/lora/step_000010.safetensors"),
    ]


@pytest.mark.parametrize(
    ("choice", "lora"),
    [
        (FAVOURITE, "runs/mine-1/lora/step_000010.safetensors:0.8"),
        (NEWEST, "runs/mine-1/lora/step_000020.safetensors:1"),
        ("runs/mine-1/lora/step_000010.safetensors", "runs/mine-1/lora/step_000010.safetensors:1"),
    ],
)
def test_the_command_names_recipe_run_and_lora(workspace, marked, choice, lora):
    words = export_words(workspace, "mine-1", choice)
    assert words == (
        *("-m", "ltx_module", "export", "--config", "runs/mine-1/recipe.yaml", "--run", "mine-1"),
        *("--lora", lora),
    )


@pytest.mark.parametrize("choice", [FAVOURITE, "/etc/passwd", "runs/other/lora/step_000010.safetensors", ""])
def test_what_cannot_be_exported_is_told(workspace, run, choice):
    with pytest.raises(ValueError, match=r"no favourite|no LoRA file"):
        export_words(workspace, "mine-1", choice)


def test_a_run_without_loras_offers_nothing(workspace, root):
    write_run(root, "bare", steps=())
    assert checkpoint_choices(workspace, "bare") == []
    with pytest.raises(ValueError, match="no LoRA file"):
        export_words(workspace, "bare", NEWEST)


def test_one_export_of_a_run_runs_at_a_time(workspace, runner, run):
    job = start_export(workspace, runner, "mine-1", NEWEST)
    assert (job.kind, job.devices) == ("export", 0)  # the recipe trains on the CPU
    with pytest.raises(ValueError, match="already"):
        start_export(workspace, runner, "mine-1", NEWEST)


def test_a_recipe_with_foreign_classes_is_not_run(workspace, runner, run):
    (run / "recipe.yaml").write_text((run / "recipe.yaml").read_text().replace("torch.optim.AdamW", "os.system"))
    with pytest.raises(ValueError, match=r"os\.system"):
        start_export(workspace, runner, "mine-1", NEWEST)
