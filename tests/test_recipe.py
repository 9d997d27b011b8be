"""The resolved recipe of a run: its name, its directory, and what changed since."""

from pathlib import Path

import pytest
from jsonargparse import Namespace

from ltx_module.recipe import differences, recipe_name, run_path
from ltx_module.run_directory import RunDirectory


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("recipes/style.yaml", "style"),
        ("runs/style-2/recipe.yaml", "style"),
        ("runs/my-cat-12/recipe-resumed-step_000250.yaml", "my-cat"),
        ("runs/a-night/recipe.yaml", "a-night"),
        ("recipes/recipe_of_mine.yaml", "recipe_of_mine"),
    ],
)
def test_a_run_is_named_after_its_recipe(file, name):
    assert recipe_name(Namespace(config=[Path(file), Path("recipes/overlays/pico.yaml")])) == name


def test_a_recipe_without_a_file_has_a_name():
    assert recipe_name(Namespace(config=[])) == "recipe"


def chosen(verb: str, *, run: str | None = None, root: str | None = None, resume: bool = False) -> str:
    """The directory that a call works in."""
    config = Namespace(config=[Path("recipes/style.yaml")], run=run, trainer=Namespace(default_root_dir=root))
    if verb == "fit":
        config.ckpt_path = "last" if resume else None
    return str(run_path(config, verb))


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """A working directory with two runs of style, of which the second is the newest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTX_RUN", "")
    for name in ("style-1", "style-2"):
        run = RunDirectory(tmp_path / "runs" / name)
        run.path.mkdir(parents=True)
        run.recipe.touch()
    return tmp_path / "runs"


def test_a_fit_takes_the_next_number_and_the_other_verbs_the_newest_run(runs):
    assert chosen("fit") == "runs/style-3"
    assert chosen("fit", resume=True) == "runs/style-2"
    assert chosen("sample") == "runs/style-2"


def test_a_named_run_is_taken_at_its_word(runs):
    assert chosen("fit", run="mine") == "runs/mine"
    assert chosen("export", run="style-1") == "runs/style-1"
    assert chosen("fit", run="style-1", resume=True) == "runs/style-1"
    with pytest.raises(ValueError, match=r"`--run` is style-1, but runs.style-1 holds a run already"):
        chosen("fit", run="style-1")


def test_a_saved_recipe_starts_a_new_run_beside_its_own(runs):
    assert chosen("fit", root="runs/style-1") == "runs/style-3"
    assert chosen("fit", root="runs/style-1", resume=True) == "runs/style-1"
    assert chosen("sample", root="runs/style-1") == "runs/style-1"
    assert chosen("fit", root="elsewhere/first") == "elsewhere/first"


def test_launched_ranks_work_in_the_directory_of_the_first(runs, monkeypatch):
    first = chosen("fit")
    assert RunDirectory(runs / "style-3").path.is_dir()
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert chosen("fit") == first


def test_ranks_of_a_cluster_job_agree_on_a_directory(runs, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert chosen("fit") == "runs/style-4711"


def test_differences_are_dotted_keys_with_both_values():
    old, new = "model: {lora: {rank: 8, targets: [a]}}\nseed: 1", "model: {lora: {rank: 8, targets: [a, b]}}\nfps: 24"
    assert differences(old, new) == {
        "fps": (None, 24),
        "model.lora.targets": (["a"], ["a", "b"]),
        "seed": (1, None),
    }
