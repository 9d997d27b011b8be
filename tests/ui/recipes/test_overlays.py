"""Overlays laid over a recipe give what the command line gives."""

import pytest
from jsonargparse import ArgumentParser

from tests.recipe_files import NAMES, RECIPES, configs, on_pico
from ui.recipes.overlays import merged, model_of, overlay_text, overlays_for


def chosen(recipe: str, choice: str) -> list[str]:
    if choice in ("pico", "pico with everything"):
        return [*overlays_for(recipe, "pico"), *(["ema", "smoke"] if choice != "pico" else [])]
    return ["ltx-2.3-dev-fp8"] if choice == "fp8" else [choice]


def parsed(parser: ArgumentParser, words: list[str]) -> dict[str, str]:
    config = parser.parse_args(["check", *words])["check"]
    return {key: str(value) for key, value in config.items() if key != "config"}


def require_equal(parser, recipe, choice, path):
    overlays = chosen(recipe, choice)
    text = (RECIPES / f"{recipe}.yaml").read_text()
    path.write_text(merged(text, map(overlay_text, overlays)).text)
    assert parsed(parser, ["--config", str(path)]) == parsed(parser, configs(recipe, *overlays))


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["pico", "fp8", "ema", "smoke", "gpu_16gb", "gpu_auto", "pico with everything"])
@pytest.mark.parametrize("recipe", NAMES)
def test_a_merged_recipe_is_parsed_as_recipe_and_overlays_are(parser, recipe, choice, tmp_path):
    require_equal(parser, recipe, choice, tmp_path / "merged.yaml")


@pytest.mark.parametrize("recipe", ["video_extend", "ic_canny", "text_to_audio"])
def test_the_largest_merges_are_parsed_as_recipe_and_overlays_are(parser, recipe, tmp_path):
    require_equal(parser, recipe, "pico with everything", tmp_path / "merged.yaml")


@pytest.mark.parametrize("overlay", ["gpu_24gb", "gpu_80gb"])
def test_a_profile_changes_the_optimizer_and_keeps_its_rate(parser, overlay, tmp_path):
    require_equal(parser, "character", overlay, tmp_path / "merged.yaml")
    document = merged((RECIPES / "character.yaml").read_text(), [overlay_text(overlay)])
    assert document.get("model.optimizer.init_args.lr") == 5.0e-5


@pytest.mark.parametrize("recipe", NAMES)
def test_pico_gets_the_overlays_that_make_gives_it(recipe):
    assert [recipe, *overlays_for(recipe, "pico")] == on_pico(recipe)


def test_a_merge_keeps_the_comments_of_the_recipe():
    text = (RECIPES / "style.yaml").read_text()
    after = merged(text, [overlay_text("ema"), overlay_text("smoke")]).text
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == comments
    assert after.splitlines()[:6] == text.splitlines()[:6]


@pytest.mark.parametrize("model", ["ltx-2.3-dev", "ltx-2.3-dev-fp8", "pico"])
def test_the_model_of_a_merged_recipe_is_recognised(model):
    text = (RECIPES / "style.yaml").read_text()
    assert model_of(merged(text, map(overlay_text, overlays_for("style", model)))) == model
