"""What people type becomes what the parser takes."""

import pytest

from ltx_module.command_line import parser_words, require_recipe


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        ("sample --lora a --lora=b:0.5", "sample --lora+ a --lora+=b:0.5"),
        ("preprocess --prune", "preprocess --prune=true"),
        ("preprocess --decode --prune false --run x", "preprocess --decode=true --prune false --run x"),
        ("sample --sample.without_lora --lora none", "sample --sample.without_lora=true --lora+ none"),
        ("fit --model.lora.rank 8 --model.lora={}", "fit --model.lora.rank 8 --model.lora={}"),
    ],
)
def test_loras_repeat_and_switches_stand_alone(typed, parsed):
    assert parser_words(typed.split()) == parsed.split()


def test_a_new_list_of_classes_takes_nothing_from_the_one_before(tmp_path):
    recipe, overlay, plain = tmp_path / "recipe.yaml", tmp_path / "overlay.yaml", tmp_path / "plain.yaml"
    recipe.write_text("model: {conditions: [{class_path: A}]}\ntrainer: {callbacks: []}\n")
    overlay.write_text("model: {conditions: [{class_path: B}]}\n")
    plain.write_text("model: {lora: {rank: 4}}\n")
    words = ["fit", "--config", str(recipe), f"--config={plain}", f"--config={overlay}", "--trainer.callbacks=[C]"]
    assert parser_words(words) == [
        *("fit", "--config", str(recipe), f"--config={plain}"),
        *("--model.conditions=[]", f"--config={overlay}"),
        *("--trainer.callbacks=[]", "--trainer.callbacks=[C]"),
    ]


def test_a_verb_alone_is_told_to_take_a_recipe():
    with pytest.raises(ValueError, match=r"no recipe was given: fit --config recipes/style\.yaml"):
        require_recipe(["fit"], {"fit"})


@pytest.mark.parametrize("option", [["--config={}"], ["--config", "{}"]])
def test_a_recipe_that_is_no_yaml_is_named(option, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("model: {lora: {rank: 3\n")
    with pytest.raises(ValueError, match=r"mine\.yaml is not a YAML file: .*"):
        require_recipe(["fit", *(word.format(path) for word in option)], {"fit"})


def test_a_missing_recipe_is_left_to_the_parser():
    require_recipe(["fit", "--config", "nowhere.yaml"], {"fit"})
