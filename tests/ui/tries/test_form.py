"""What the page shows of a run before anything is typed."""

import pytest

from ltx_module.sample_config import NEGATIVE_PROMPT
from tests.ui.tries.made import REFERENCE, write_run
from ui.tries.form import form_of
from ui.workspace import OutsideError


def test_a_try_begins_with_the_recipes_sample_and_the_newest_lora(workspace, run):
    form = form_of(workspace, "mine-1")
    begin = form.settings
    assert (begin.prompt, begin.seed, begin.steps, begin.size) == ("a red ball", 7, 10, "128x96x25")
    assert [one.file for one in begin.loras] == ["runs/mine-1/lora/step_000020.safetensors"]
    assert form.sizes == ("128x96", "96x128")
    assert form.trigger == "SKS"


def test_the_recipe_in_force_is_that_of_the_latest_resume(workspace, run):
    resumed = (run / "recipe.yaml").read_text().replace("seed: 7", "seed: 8")
    (run / "recipe-resumed-step_000010.yaml").write_text(resumed)
    assert form_of(workspace, "mine-1").settings.seed == 8


def test_a_recipe_without_sound_says_so(workspace, root):
    write_run(root, "silent", streams="video")
    assert any("no sound" in note for note in form_of(workspace, "silent").notes)


def test_an_ic_lora_asks_for_its_reference_and_knows_the_sizes_that_fit(workspace, root):
    prompts = "[{prompt: a ball, reference_video: datasets/mine/samples/1.mp4}]"
    write_run(root, "ic", conditions=REFERENCE, prompts=prompts, factor=2)
    form = form_of(workspace, "ic")
    assert form.media == {"reference_video": True}
    assert form.settings.media == {"reference_video": "datasets/mine/samples/1.mp4"}
    assert any("multiples of 64" in note for note in form.notes)


def test_a_recipe_of_sound_alone_has_seconds_for_a_size(workspace, root):
    write_run(root, "sound", streams="audio", size="4s")
    form = form_of(workspace, "sound")
    assert (form.is_sound, form.settings.size) == (True, "4s")


def test_conditions_of_ones_own_are_named(workspace, root):
    write_run(root, "own", conditions="[{class_path: mine.Special}]")
    assert any("conditions of its own" in note for note in form_of(workspace, "own").notes)


def test_a_run_without_prompts_or_loras_can_still_be_tried(workspace, root):
    write_run(root, "bare", steps=(), prompts="[]")
    form = form_of(workspace, "bare")
    assert form.settings.loras == ()
    assert form.settings.prompt


def test_a_run_that_has_not_begun_is_told_of(workspace, root):
    (root / "runs" / "waiting").mkdir(parents=True)
    with pytest.raises(ValueError, match="training has not begun"):
        form_of(workspace, "waiting")


@pytest.mark.parametrize("name", ["../datasets", "a/b", "", ".hidden"])
def test_a_name_that_is_none_is_refused(workspace, name):
    with pytest.raises(ValueError, match="choose"):
        form_of(workspace, name)


def test_a_run_that_leads_elsewhere_is_refused(workspace, root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "recipe.yaml").write_text("seed_everything: 1")
    (root / "runs").mkdir(exist_ok=True)
    (root / "runs" / "linked").symlink_to(elsewhere)
    with pytest.raises(OutsideError):
        form_of(workspace, "linked")


def test_the_negative_prompt_to_begin_with_is_that_of_the_command_line(workspace, run):
    assert form_of(workspace, run.name).settings.negative_prompt == NEGATIVE_PROMPT
