"""Cards, one's own recipes, recipes of runs, and what two browser tabs must not do to each other."""

import re

import pytest

from tests.recipe_files import NAMES, RECIPES, ROOT, TRAINED
from ui.recipes.cards import CARDS
from ui.recipes.document import RecipeDocument
from ui.recipes.library import (
    cards,
    fingerprint,
    recipe_of_run,
    recipe_text,
    runs_with_recipes,
    save_as_mine,
)

STYLE = (RECIPES / "style.yaml").read_text()
GUIDE, HARDWARE = ((ROOT / "docs" / name).read_text() for name in ("choosing.md", "hardware.md"))


def test_every_shipped_recipe_has_a_card_with_words_of_its_own(workspace):
    assert set(CARDS) == set(NAMES)
    shown = cards(workspace)
    assert {card.name for card in shown} == set(NAMES)
    assert all(card.title and card.gives and card.data and card.hours for card in shown)
    assert len({card.gives for card in shown}) == len(NAMES)


@pytest.mark.parametrize("recipe", TRAINED)
def test_the_numbers_of_clips_on_a_card_stand_in_the_guide_or_the_recipe(recipe):
    said = re.sub(r"\s+", " ", GUIDE + (RECIPES / f"{recipe}.yaml").read_text().replace("# ", ""))
    for amount in re.findall(r"\d+ to \d+|\d+(?= clips| minutes| varied| lying)", CARDS[recipe].data):
        assert amount in said


@pytest.mark.parametrize("recipe", TRAINED)
def test_the_milliseconds_of_a_step_stand_in_the_table_of_measurements(recipe):
    measured = CARDS[recipe].step_ms
    assert measured is None or f"{measured} ms" in HARDWARE


def test_hours_are_steps_times_seconds_and_the_cost_of_keeping_the_base(workspace):
    hours = {card.name: card.hours for card in cards(workspace)}
    assert hours["video_outpaint"] == "about 0.4 h on an H200"  # 2000 x 0.752 s
    assert hours["style"] == "about 0.7 h on an H200"  # 1.67 times as much
    assert "not measured" in hours["text_to_audio"]


def test_a_recipe_of_ones_own_is_saved_and_has_a_card(workspace):
    assert save_as_mine(workspace, "mia", STYLE) == "mine/mia"
    assert recipe_text(workspace, "mine/mia") == STYLE
    card = cards(workspace)[-1]
    assert (card.name, card.title, card.group) == ("mine/mia", "mia", "Your recipes")
    assert card.gives == "A style LoRA: the look of 15 to 50 clips or stills, bound to a trigger word."


@pytest.mark.parametrize("name", ["", "../style", "a/b", ".hidden", "-x", "a b", "x" * 65, "a\0b", ".."])
def test_a_name_that_is_not_one_plain_file_is_refused(workspace, name):
    with pytest.raises(ValueError, match="cannot name"):
        save_as_mine(workspace, name, STYLE)
    assert not workspace.recipes.exists() or not list(workspace.recipes.iterdir())


def test_an_unsafe_recipe_is_not_saved(workspace):
    with pytest.raises(ValueError, match="tag"):
        save_as_mine(workspace, "mia", "a: !!python/name:os.system\n")
    assert not workspace.recipes.exists()


def test_a_recipe_that_is_there_is_not_replaced_unless_asked(workspace):
    save_as_mine(workspace, "mia", STYLE)
    other = STYLE.replace("mystyle", "mia1")
    with pytest.raises(ValueError, match="already"):
        save_as_mine(workspace, "mia", other)
    assert recipe_text(workspace, "mine/mia") == STYLE
    save_as_mine(workspace, "mia", other, replace=True)
    assert recipe_text(workspace, "mine/mia") == other


def test_a_tab_does_not_overwrite_what_another_tab_has_saved(workspace):
    save_as_mine(workspace, "mia", STYLE)
    loaded = fingerprint(STYLE)
    save_as_mine(workspace, "mia", STYLE.replace("mystyle", "first"), loaded=loaded)
    with pytest.raises(ValueError, match="changed since"):
        save_as_mine(workspace, "mia", STYLE.replace("mystyle", "second"), loaded=loaded)
    assert "first" in recipe_text(workspace, "mine/mia")


def test_a_broken_recipe_of_ones_own_keeps_its_card(workspace):
    workspace.recipes.mkdir(parents=True)
    (workspace.recipes / "broken.yaml").write_bytes(b"\xff\xfe: [")
    assert "cannot be read" in cards(workspace)[-1].gives


@pytest.mark.parametrize("name", ["../../etc/passwd", "mine/../../x", "/etc/passwd", "nothing", "mine/nothing", ""])
def test_a_recipe_elsewhere_is_not_read(workspace, name):
    with pytest.raises(ValueError, match=r"cannot name|no recipe"):
        recipe_text(workspace, name)


def test_a_link_to_a_file_elsewhere_is_not_read(workspace, tmp_path):
    workspace.recipes.mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("# secret\na: 1")
    (workspace.recipes / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(ValueError, match="outside"):
        recipe_text(workspace, "mine/link")
    assert cards(workspace)[-1].gives == "It cannot be read: open it in an editor."


def test_the_recipe_of_a_run_begins_another_run(workspace):
    run = workspace.runs / "style-3"
    run.mkdir()
    (run / "recipe.yaml").write_text(RecipeDocument(STYLE).set("trainer.default_root_dir", "runs/style-3").text)
    text, name = recipe_of_run(workspace, "style-3")
    assert name == "style"
    assert RecipeDocument(text).get("trainer.default_root_dir") is None
    assert runs_with_recipes(workspace) == ["style-3"]
    (run / "recipe-resumed-step_000100.yaml").write_text(STYLE.replace("mystyle", "later"))
    assert "later" in recipe_of_run(workspace, "style-3")[0]
