"""Recipes and overlays: valid for every verb, built of classes that exist, short, and with headers that work."""

import re
from functools import cache

import pytest
import yaml

from ltx_module.cli import VERBS, main
from ltx_module.condition_needs import require_media
from tests.recipe_files import NAMES, OVERLAYS, RECIPES, ROOT, TRAINED, conditions, configs, made, on_pico, written

FILES = sorted([*RECIPES.glob("*.yaml"), *RECIPES.glob("overlays/*.yaml")])  # not the user's own in mine/
LINKED = {"data.base_model", "data.text_encoder", "data.prompts", "data.with_audio"}  # follow `model` and `sample`


def leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for child in value.values() for leaf in leaves(child)]
    return [leaf for child in value for leaf in leaves(child)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("recipe", NAMES)
def test_a_recipe_with_its_overlays_is_valid_for_every_verb(parser, recipe, verb):
    config = parser.parse_args([verb, *configs(*on_pico(recipe), "smoke")])[verb]
    assert config.model.base_model.name == "ltx-2.3-pico.safetensors"
    assert (config.trainer.max_steps, config.sample.steps) == (2, 2)
    listed = written(recipe)["trainer"]["callbacks"]
    assert [callback.class_path for callback in config.trainer.callbacks] == [
        callback["class_path"] for callback in listed
    ]


@pytest.mark.parametrize("overlays", ["22B", "pico"])
@pytest.mark.parametrize("recipe", NAMES)
def test_everything_that_a_recipe_names_can_be_built(parser, recipe, overlays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sources = configs(*([recipe] if overlays == "22B" else on_pico(recipe)))
    built = parser.instantiate_classes(parser.parse_args(["check", *sources, "--trainer.precision=32-true"])).check
    assert [type(condition).__name__ for condition in built.model.conditions] == [
        condition["class_path"].rpartition(".")[2] for condition in conditions(recipe)
    ]
    for bucket in built.data.parsed_buckets:
        for check in built.model.needs.checks:
            check(bucket, built.data.fps)  # prefixes are shorter than the clips, crops lie inside
    if overlays == "22B":
        require_media(built.model.objective.conditions, built.sample.media_prompts)


@pytest.fixture(scope="module")
def values(parser):
    """Every key of a recipe with overlays, as the command line reads them."""

    @cache
    def of(*names: str) -> dict[str, str]:
        return {key: str(value) for key, value in parser.parse_args(["check", *configs(*names)]).check.items()}

    return of


@pytest.mark.parametrize(
    ("overlay", "recipe"),
    [(name, "audio_video") for name in OVERLAYS]
    + [(name, recipe) for name in OVERLAYS if "gpu" not in name for recipe in ("ic_union", "audio_extend")],
)
def test_an_overlay_changes_what_it_names_and_nothing_else(values, recipe, overlay):
    alone, with_overlay = values(recipe), values(recipe, overlay)
    keys = (alone.keys() | with_overlay.keys()) - {"config"}
    changed = {key for key in keys if alone.get(key) != with_overlay.get(key)}
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


@pytest.mark.parametrize("recipe", TRAINED)
def test_the_commands_in_a_header_are_of_this_recipe_and_exist(recipe):
    header = [line for line in (RECIPES / f"{recipe}.yaml").read_text().splitlines() if line.startswith("#   ")]
    commands = [re.split(r"\s{2,}", line.removeprefix("#   "))[0] for line in header]
    for verb in ("check", "fit"):
        assert f"python -m ltx_module {verb} --config recipes/{recipe}.yaml" in commands
    assert any(command.startswith(f"make train-{recipe.replace('_', '-')} MODEL=pico") for command in commands)
    tools = {command.split()[3] for command in commands if command.startswith("python -m datamodules ")}
    assert tools <= {"doctor", "references", "scenes", "caption"}


@pytest.mark.parametrize("recipe", TRAINED)
def test_make_trains_a_recipe_on_drawn_clips_or_on_ones_own(recipe):
    target = f"train-{recipe.replace('_', '-')}"
    drawn = made(target, "MODEL=pico")
    kind = r"--(?:mode|concept) " + recipe
    assert re.search(rf"datamodules\.world demo/{recipe} {kind}\b", drawn)
    assert on_pico(recipe)[:2] == [recipe, "pico"]
    own = made(target, "MODEL=pico", "DATA=datasets/mine")
    assert "datamodules.world" not in own
    assert 'set="datasets/mine"' in own
    assert f'set="datasets/{recipe}"' in made(target)
    assert [f"--data.path={written(recipe)['data']['path']}"] == [f"--data.path=datasets/{recipe}"]


@pytest.mark.parametrize("recipe", NAMES)
def test_media_of_samples_lie_in_the_datasets_own_folder(recipe):
    prompts = [prompt for prompt in written(recipe)["sample"]["prompts"] if isinstance(prompt, dict)]
    media = [path for prompt in prompts for key, path in prompt.items() if key != "prompt"]
    assert all(path.startswith(f"datasets/{recipe}/samples/") for path in media)
    needs_media = conditions(recipe) or written(recipe)["model"].get("frozen")
    assert bool(media) == bool(needs_media)


def test_the_printed_config_of_a_printed_config_is_itself(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    printed = []
    sources = configs("audio_video_ic", "pico")
    for number in range(2):
        with pytest.raises(SystemExit):
            main(["fit", *sources, "--print_config"])
        printed.append(capsys.readouterr().out)
        (tmp_path / f"{number}.yaml").write_text(printed[-1])
        sources = ["--config", str(tmp_path / f"{number}.yaml")]
    assert printed[0] == printed[1]
    assert yaml.safe_load(printed[0])["model"]["optimizer"]["init_args"]["lr"] == pytest.approx(2.0e-4)


def test_every_recipe_is_in_the_guide_and_in_the_readme():
    guide, readme = (ROOT / "docs/choosing.md").read_text(), (ROOT / "README.md").read_text()
    assert [name for name in TRAINED if f"`{name}`" not in guide] == []
    assert [name for name in TRAINED if f"`{name}`" not in readme] == []


def test_a_condition_that_does_not_exist_is_refused_by_name(parser):
    wrong = '--model.conditions=[{"class_path": "ltx_module.diffusion.conditioning.FirstFrames"}]'
    with pytest.raises(Exception, match="FirstFrames"):
        parser.parse_args(["check", *configs("style"), wrong])


def test_a_misspelt_key_is_refused(parser):
    with pytest.raises(Exception, match="condition"):
        parser.parse_args(["check", *configs("style"), "--model.condition=[]"])
