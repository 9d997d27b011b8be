"""Recipes and overlays parse for every verb, keep their values, and name their runs."""

import re
from pathlib import Path

import pytest
import yaml
from jsonargparse import ArgumentParser, Namespace

from ltx_module.cli import VERBS, RecipeCLI, main
from ltx_module.recipe import differences, recipe_name, run_path
from ltx_module.run_directory import RunDirectory

RECIPES = Path(__file__).parents[1] / "recipes"
NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))
OVERLAYS = sorted(path.stem for path in (RECIPES / "overlays").glob("*.yaml"))
FILES = sorted(RECIPES.rglob("*.yaml"))
LINKED = {"data.base_model", "data.text_encoder", "data.prompts"}  # follow `model` and `sample`


@pytest.fixture(scope="module")
def parser() -> ArgumentParser:
    """The command line's parser with all verbs, built once."""
    built: list[ArgumentParser] = []

    def keep(cli: RecipeCLI, parser: ArgumentParser, args: object) -> None:
        built.append(parser)
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecipeCLI, "parse_arguments", keep)
        with pytest.raises(SystemExit):
            main([])
    return built[0]


def configs(*names: str) -> list[str]:
    paths = [RECIPES / f"{name}.yaml" if name in NAMES else RECIPES / "overlays" / f"{name}.yaml" for name in names]
    return [word for path in paths for word in ("--config", str(path))]


def leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for child in value.values() for leaf in leaves(child)]
    return [leaf for child in value for leaf in leaves(child)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("recipe", NAMES)
def test_a_recipe_with_its_overlays_is_valid_for_every_verb(parser, recipe, verb):
    config = parser.parse_args([verb, *configs(recipe, "pico", "smoke")])[verb]
    assert config.model.base_model.name == "ltx-2.3-pico.safetensors"
    assert (config.trainer.max_steps, config.sample.steps) == (2, 2)
    listed = yaml.safe_load((RECIPES / f"{recipe}.yaml").read_text())["trainer"]["callbacks"]
    assert [callback.class_path for callback in config.trainer.callbacks] == [
        callback["class_path"] for callback in listed
    ]


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("recipe", NAMES)
def test_an_overlay_changes_what_it_names_and_nothing_else(parser, recipe, overlay):
    alone, with_overlay = (
        {key: str(value) for key, value in parser.parse_args(["check", *configs(*names)]).check.items()}
        for names in ((recipe,), (recipe, overlay))
    )
    changed = {key for key in alone if alone[key] != with_overlay[key] and key != "config"}
    named = yaml.safe_load((RECIPES / "overlays" / f"{overlay}.yaml").read_text())
    paths = {f"{group}.{key.rstrip('+')}" for group, values in named.items() for key in values}
    assert all(any(key == path or key.startswith(f"{path}.") for path in paths) for key in changed - LINKED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_numbers_are_written_so_that_every_yaml_reader_takes_them_for_numbers(path):
    texts = [leaf for leaf in leaves(yaml.safe_load(path.read_text())) if isinstance(leaf, str)]
    assert [text for text in texts if re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", text)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recipes_and_overlays_stay_short_and_say_what_they_are_for(path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# ")
    longest = 25 if path.stem == "pico" else 15  # that one changes the scale of everything
    assert len(lines) <= (longest if path.parent.name == "overlays" else 80)
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_never_replaces_callbacks_or_loggers(overlay):
    trainer = yaml.safe_load((RECIPES / "overlays" / f"{overlay}.yaml").read_text()).get("trainer", {})
    assert {"callbacks", "logger"}.isdisjoint(trainer)


def test_the_printed_config_of_a_printed_config_is_itself(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    printed = []
    sources = configs("audio_video", "pico")
    for number in range(2):
        with pytest.raises(SystemExit):
            main(["fit", *sources, "--print_config"])
        printed.append(capsys.readouterr().out)
        (tmp_path / f"{number}.yaml").write_text(printed[-1])
        sources = ["--config", str(tmp_path / f"{number}.yaml")]
    assert printed[0] == printed[1]
    assert yaml.safe_load(printed[0])["model"]["optimizer"]["init_args"]["lr"] == pytest.approx(1.0e-4)


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
