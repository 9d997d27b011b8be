"""The form: every field reads what it writes, loses nothing, and keeps the user's edits on another model."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recipe_files import NAMES, RECIPES
from ui.recipes.base import PROFILES, Start, stem_of
from ui.recipes.bucket_choices import bucket_choices
from ui.recipes.changes import rebased
from ui.recipes.document import RecipeDocument
from ui.recipes.fields import FIELDS, form_values, with_field
from ui.recipes.prompts import lines_of, prompts_of

OTHER = {
    "dataset": "datasets/mia",
    "trigger": "mia1",
    "steps": 1234,
    "rate": 3e-4,
    "rank": 16,
    "buckets": ["512x288x25"],
    "prompts": "one prompt\nanother: one, # with signs",
    "interval": 77,
    "dropout": 0.2,
    "validation": 0.25,
    "seed": 7,
    "devices": 2,
}


def text_of(recipe: str) -> str:
    return (RECIPES / f"{recipe}.yaml").read_text()


@pytest.mark.parametrize("recipe", NAMES)
def test_a_form_that_is_not_touched_changes_nothing(recipe):
    document = RecipeDocument(text_of(recipe))
    for name, value in form_values(document).items():
        assert value is not None, name
        document = with_field(document, name, value)
    assert document.text == text_of(recipe)


def test_the_form_of_a_runs_own_recipe_changes_nothing_either():
    text = text_of("demo").replace(
        "  accelerator: cpu", "  accelerator: cpu\n  devices: auto\n  default_root_dir: null"
    )
    document = RecipeDocument(text.replace("alpha: 16", "alpha: 16.0"))
    for name, value in form_values(document).items():
        assert with_field(document, name, value).text == document.text, name
    assert with_field(document, "devices", 2).get("trainer.devices") == 2


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
@pytest.mark.parametrize("recipe", ["style", "video_extend", "text_to_audio", "demo"])
def test_a_field_is_set_and_set_back(recipe, field):
    document = RecipeDocument(text_of(recipe))
    before = form_values(document)
    changed = with_field(RecipeDocument(document.text, like=document), field.name, OTHER[field.name])
    assert form_values(changed) == {**before, field.name: OTHER[field.name]}
    back = with_field(changed, field.name, before[field.name])
    added = {"trigger", "devices"}  # they stay with the value that a missing key stands for
    assert form_values(back) == before
    assert back.text == document.text or (field.name in added and not document.has(field.key))


@pytest.mark.parametrize("alpha", [None, 0, [32], "all"])
def test_a_rank_is_not_changed_beside_an_alpha_that_is_no_number(alpha):
    with pytest.raises(ValueError, match=r"model\.lora\.alpha"):
        with_field(RecipeDocument(text_of("style")).set("model.lora.alpha", alpha), "rank", 16)


def test_alpha_keeps_its_proportion_to_the_rank():
    style = RecipeDocument(text_of("style"))
    assert with_field(style, "rank", 16).get("model.lora") == {"rank": 16, "alpha": 16, "targets": "video"}
    assert with_field(style.set("model.lora.alpha", 640), "rank", 8).get("model.lora.alpha") == 160


def test_samples_and_files_keep_one_period_and_others_keep_theirs():
    document = with_field(RecipeDocument(text_of("demo")), "interval", 45)
    periods = {
        one["class_path"]: one["init_args"]["every_n_steps"]
        for one in document.get("trainer.callbacks")
        if "every_n_steps" in one.get("init_args", {})
    }
    assert {name for name, every in periods.items() if every == 45} == {
        "callbacks.SampleVideos",
        "callbacks.SaveLoRA",
        "callbacks.SaveResumeState",
    }
    assert periods["callbacks.LossBySigma"] == 30


@pytest.mark.parametrize(
    ("name", "value"), [("steps", 0), ("steps", 1.5), ("rate", "fast"), ("dropout", 2), ("seed", -1)]
)
def test_a_value_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match="is"):
        with_field(RecipeDocument(text_of("style")), name, value)


def test_every_bucket_to_choose_is_legal():
    from datamodules.geometry import Bucket

    for recipe in NAMES:
        for label, bucket in bucket_choices(RecipeDocument(text_of(recipe))):
            assert str(Bucket.parse(bucket)) in label


LINE = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).map(str.strip).filter(bool)


@settings(deadline=None)
@given(prompts=st.lists(st.one_of(LINE, st.builds(lambda p, i: {"prompt": p, "image": i}, LINE, LINE))))
def test_prompts_survive_the_form_or_are_left_to_the_text(prompts):
    lines = lines_of(prompts)
    plain = [{"prompt": one} if isinstance(one, str) else one for one in prompts]
    assert lines is None or [{"prompt": one} if isinstance(one, str) else one for one in prompts_of(lines)] == plain


def test_a_prompt_of_several_lines_is_left_to_the_text():
    assert lines_of(["one\ntwo"]) is None


@pytest.mark.parametrize("recipe", NAMES)
def test_edits_are_kept_on_another_model_and_the_way_back_is_the_identity(recipe, workspace):
    start = Start(text=text_of(recipe), name=recipe)
    first, second = start.base(workspace), replace(start, model="pico", ema=True).base(workspace)
    edited = with_field(with_field(first, "dropout", 0.2), "steps", 77)
    edited = RecipeDocument(f"# mine\n{edited.text}")
    moved = rebased(edited, first, second)
    assert (form_values(moved)["steps"], form_values(moved)["dropout"]) == (77, 0.2)
    assert moved.get("model.base_model") == second.get("model.base_model")
    assert moved.get("data.buckets") == second.get("data.buckets")
    assert moved.with_class("trainer.callbacks", "callbacks.AdapterEMA")
    assert rebased(moved, second, first).text == edited.text


@pytest.mark.parametrize("profile", PROFILES)
def test_a_memory_profile_is_the_overlay_of_its_name(profile, workspace):
    document = Start(text=text_of("style"), name="style", profile=profile).base(workspace)
    assert (document.get("model.compile") or False) is (profile != "recipe")
    assert document.get("model.lora.rank") == (16 if profile in ("gpu_16gb", "gpu_24gb") else 32)


def test_a_memory_profile_leaves_pico_alone(workspace):
    start = Start(text=text_of("style"), name="style", model="pico")
    assert replace(start, profile="gpu_24gb").base(workspace).text == start.base(workspace).text


def test_the_prompts_and_media_of_a_dataset_come_with_it(workspace):
    folder = workspace.root / "datasets" / "drawn"
    folder.mkdir()
    (folder / "samples.yaml").write_text("sample:\n  prompts: [{prompt: a, image: datasets/drawn/samples/1.png}]\n")
    document = Start(text=text_of("image_to_video"), name="image_to_video", dataset="datasets/drawn").base(workspace)
    assert document.get("data.path") == "datasets/drawn"
    assert document.get("sample.prompts") == [{"prompt": "a", "image": "datasets/drawn/samples/1.png"}]


def test_samples_that_reach_out_of_the_workspace_are_left_out(workspace):
    folder = workspace.root / "datasets" / "drawn"
    folder.mkdir()
    (folder / "samples.yaml").write_text("sample:\n  prompts: [{prompt: a, image: /etc/passwd}]\n")
    document = Start(text=text_of("style"), name="style", dataset="datasets/drawn").base(workspace)
    assert "/etc" not in document.text


def test_a_runs_recipe_is_named_after_what_it_was_started_from(workspace):
    assert stem_of(workspace.runs / "style-12" / "recipe.yaml") == "style"
    assert stem_of(workspace.runs / "tuesday" / "recipe.yaml") == "tuesday"
    assert stem_of(workspace.recipes / "mia.yaml") == "mia"


def test_a_dataset_that_is_not_trained_on_brings_nothing_along(workspace):
    text = RecipeDocument(text_of("style")).remove("data.path").set("data.sets", [{"path": "datasets/b"}]).text
    before = RecipeDocument(text)
    start = Start(text=text, name="style", dataset="datasets/drawn", trigger="ELSE")
    after = start.base(workspace)
    assert after.get("data") == before.get("data")
    assert after.get("sample.prompts") == before.get("sample.prompts")
