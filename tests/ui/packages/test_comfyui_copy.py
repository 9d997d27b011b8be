"""Into a ComfyUI folder, over nothing that nobody has seen."""

import pytest

from tests.ui.packages.made import write_package
from tests.ui.tries.made import workspace_at
from ui.packages.comfyui_copy import copy_package, describe_copy, describe_done, plan_copy
from ui.packages.package import package_of

LORA = "models/loras/mine-1-000020.safetensors"
FAST = "user/default/workflows/mine-1-000020-fast.json"
QUALITY = "user/default/workflows/mine-1-000020-quality.json"


@pytest.fixture
def comfyui(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ComfyUI")
    (folder / "models").mkdir()
    return folder


@pytest.fixture
def workspace(root, comfyui):
    write_package(root)
    return workspace_at(root, comfyui=comfyui)


@pytest.fixture
def package(workspace):
    return package_of(workspace, "mine-1")


def test_the_lora_goes_to_the_loras_and_workflows_to_the_workflows(workspace, package, comfyui):
    steps = copy_package(workspace, package)
    files = sorted(path.relative_to(comfyui).as_posix() for path in comfyui.rglob("*") if path.is_file())
    assert files == [LORA, FAST, QUALITY]
    assert (comfyui / LORA).read_bytes() == package.lora.path.read_bytes()
    assert LORA in describe_done(comfyui, steps)


def test_what_is_there_already_is_left_alone(workspace, package, comfyui):
    copy_package(workspace, package)
    before = (comfyui / LORA).stat().st_mtime_ns
    assert [step.state for step in copy_package(workspace, package)] == ["same"] * 3
    assert (comfyui / LORA).stat().st_mtime_ns == before


def test_another_file_of_the_name_is_not_overwritten(workspace, package, comfyui):
    (comfyui / LORA).parent.mkdir(parents=True)
    (comfyui / LORA).write_text("somebody's")
    plan = plan_copy(workspace, package)
    assert describe_copy(plan)[0] == f"{LORA}: is there, but differs"
    with pytest.raises(ValueError, match="another file of this name"):
        copy_package(workspace, package)
    assert (comfyui / LORA).read_text() == "somebody's"
    assert not (comfyui / FAST).exists()


def test_a_file_is_replaced_as_it_was_shown_and_no_other(workspace, package, comfyui):
    (comfyui / LORA).parent.mkdir(parents=True)
    (comfyui / LORA).write_text("somebody's")
    seen = plan_copy(workspace, package).seen
    (comfyui / LORA).write_text("somebody else's")
    with pytest.raises(ValueError, match="has changed since"):
        copy_package(workspace, package, replace=True, seen=seen)
    assert (comfyui / LORA).read_text() == "somebody else's"
    copy_package(workspace, package, replace=True, seen=plan_copy(workspace, package).seen)
    assert (comfyui / LORA).read_bytes() == package.lora.path.read_bytes()


def test_without_a_folder_it_says_how_to_name_one(root):
    workspace = workspace_at(root)
    write_package(root)
    with pytest.raises(ValueError, match="--comfyui FOLDER"):
        plan_copy(workspace, package_of(workspace, "mine-1"))


def test_a_folder_that_is_none_of_comfyui_is_refused(root, tmp_path_factory):
    write_package(root)
    workspace = workspace_at(root, comfyui=tmp_path_factory.mktemp("other"))
    with pytest.raises(ValueError, match="no ComfyUI folder"):
        plan_copy(workspace, package_of(workspace, "mine-1"))


def test_a_link_in_comfyui_that_leads_elsewhere_is_not_followed(workspace, package, comfyui, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (comfyui / "models" / "loras").symlink_to(elsewhere)
    with pytest.raises(ValueError, match="outside"):
        copy_package(workspace, package)
    assert list(elsewhere.iterdir()) == []
