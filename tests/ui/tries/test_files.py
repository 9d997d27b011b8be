"""LoRAs and media that may be chosen, and what is refused."""

import shutil

import pytest

from datamodules.atomic import write_json
from tests.ui.tries.made import ROOT, write_lora, write_run, write_safetensors
from ui.tries.loras import first_lora, lora_choices, require_lora
from ui.tries.media_files import keep_upload, media_choices, require_medium
from ui.tries.settings import TryLoRA
from ui.workspace import OutsideError


@pytest.fixture(scope="session")
def clip(demo_folder):
    return min(demo_folder.glob("*.mp4"))


def test_the_runs_own_loras_come_first_then_those_of_others_and_of_models(workspace, root, run):
    write_run(root, "other", steps=(5, 6))
    write_lora(root / "models" / "loras" / "bought.safetensors")
    assert lora_choices(workspace, "mine-1") == [
        ("step 20 of this run", "runs/mine-1/lora/step_000020.safetensors"),
        ("step 10 of this run", "runs/mine-1/lora/step_000010.safetensors"),
        ("other, step 6", "runs/other/lora/step_000006.safetensors"),
        ("bought.safetensors", "models/loras/bought.safetensors"),
    ]


def test_a_try_begins_with_the_favourite_and_without_one_with_the_newest(workspace, run):
    newest = "runs/mine-1/lora/step_000020.safetensors"
    assert first_lora(workspace, "mine-1") == TryLoRA(file=newest)
    write_json(run / "favourite.json", {"schema": 1, "lora": "lora/step_000010.safetensors", "strength": 0.8})
    own = "runs/mine-1/lora/step_000010.safetensors"
    assert first_lora(workspace, "mine-1") == TryLoRA(file=own, strength=0.8)
    (run / own.removeprefix("runs/mine-1/")).unlink()
    assert first_lora(workspace, "mine-1") == TryLoRA(file=newest)


def test_a_base_model_is_no_lora(workspace, root):
    with pytest.raises(ValueError, match="no LoRA file"):
        require_lora(workspace, "models/base.safetensors")


@pytest.mark.parametrize("file", ["datasets/mine/x.safetensors", "../x.safetensors", "/etc/passwd", "runs/\0"])
def test_a_lora_from_elsewhere_is_refused(workspace, run, file):
    with pytest.raises(OutsideError):
        require_lora(workspace, file)


def test_a_lora_that_is_cut_off_or_gone_is_refused(workspace, run):
    lora = run / "lora" / "step_000020.safetensors"
    lora.write_bytes(lora.read_bytes()[:-8])
    with pytest.raises(ValueError, match="no LoRA file"):
        require_lora(workspace, "runs/mine-1/lora/step_000020.safetensors")
    with pytest.raises(ValueError, match="is not there"):
        require_lora(workspace, "runs/mine-1/lora/step_000030.safetensors")


def test_media_of_the_recipe_come_first_and_those_outside_are_not_listed(workspace, root, run, tmp_path_factory, clip):
    samples = root / "datasets" / "mine" / "samples"
    for name in ("b.mp4", "a.mp4"):
        shutil.copy(clip, samples / name)
    outside = tmp_path_factory.mktemp("outside") / "c.mp4"
    shutil.copy(clip, outside)
    (samples / "link.mp4").symlink_to(outside)
    prompts = [{"prompt": "x", "video": "datasets/mine/samples/b.mp4"}, {"prompt": "y", "video": str(outside)}]
    assert media_choices(workspace, "mine-1", "video", "datasets/mine", prompts) == [
        ("samples/b.mp4", "datasets/mine/samples/b.mp4"),
        ("samples/a.mp4", "datasets/mine/samples/a.mp4"),
    ]


@pytest.fixture
def upload(root, clip):
    """A file as Gradio leaves it."""
    path = root / ".studio" / "uploads" / "ab12" / "clip.mp4"
    path.parent.mkdir(parents=True)
    shutil.copy(clip, path)
    return path


def test_an_upload_is_kept_once_in_the_run_and_can_be_chosen_again(workspace, root, run, upload):
    kept = keep_upload(workspace, "mine-1", "video", upload, "My <b> clip.mp4")
    assert keep_upload(workspace, "mine-1", "video", upload, "My <b> clip.mp4") == kept
    assert kept.startswith("runs/mine-1/tries/media/My-b-clip-")
    assert (root / kept).read_bytes() == upload.read_bytes()
    assert [file for _, file in media_choices(workspace, "mine-1", "video", "", [])] == [kept]
    assert require_medium(workspace, "video", kept) == kept


def test_an_upload_of_another_kind_or_none_at_all_is_refused(workspace, run, upload):
    with pytest.raises(ValueError, match="does not fit"):
        keep_upload(workspace, "mine-1", "image", upload, "clip.mp4")
    upload.write_text("<html>")
    with pytest.raises(ValueError, match="cannot be used"):
        keep_upload(workspace, "mine-1", "video", upload, "page.mp4")


def test_the_name_of_an_upload_cannot_leave_the_run(workspace, run, upload):
    kept = keep_upload(workspace, "mine-1", "video", upload, "../../../evil.mp4")
    assert kept.startswith("runs/mine-1/tries/media/evil-")


def test_a_file_that_was_not_uploaded_is_not_taken(workspace, root, run, clip, upload):
    (root / ".studio" / "uploads" / "link.mp4").symlink_to(clip)
    for path in (clip, root / ".studio" / "uploads" / "link.mp4", run / "recipe.yaml"):
        with pytest.raises(OutsideError, match="was not uploaded"):
            keep_upload(workspace, "mine-1", "video", path)


@pytest.mark.parametrize("file", ["/etc/passwd", "models/base.safetensors", "../x.mp4"])
def test_a_medium_from_elsewhere_is_refused(workspace, file):
    with pytest.raises(OutsideError):
        require_medium(workspace, "video", file)


def test_a_medium_of_another_kind_is_refused(workspace, root):
    write_safetensors(root / "datasets" / "mine" / "x.safetensors", {})
    with pytest.raises(ValueError, match="not of this kind"):
        require_medium(workspace, "image", "datasets/mine/x.safetensors")


def test_the_models_of_the_project_are_looked_through_without_opening_weights(workspace, root, run):
    (root / "assets").symlink_to(ROOT / "assets")
    assert all("pico" not in file for _, file in lora_choices(workspace, "mine-1"))
