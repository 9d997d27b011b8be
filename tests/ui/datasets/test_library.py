import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ui.datasets.choices import read_recipe, read_trigger, replace_trigger, trigger_of, write_recipe, write_trigger
from ui.datasets.dataset import Dataset
from ui.datasets.library import create_dataset, dataset_cards, free_name
from ui.datasets.purpose import DEFAULT, purpose_of, recipe_names
from ui.workspace import OutsideError, Workspace

Make = Callable[..., Dataset]


def test_folders_and_their_manifests_are_listed(folder: Make, tmp_path: Path, workspace: Workspace) -> None:
    folder("mia", a="one")
    (folder("table").path / "clips.csv").write_text("video,caption\n")
    (workspace.datasets[0] / ".hidden").mkdir()
    (workspace.datasets[0] / "out").symlink_to(tmp_path)
    (workspace.root / "demo" / "clips").mkdir(parents=True)
    cards = dataset_cards(workspace)
    assert [card.shown for card in cards] == [
        "datasets/mia",
        "datasets/table",
        "datasets/table/clips.csv",
        "demo/clips",
    ]
    assert [card.label for card in cards] == ["mia", "table", "table/clips.csv", "demo/clips"]


def test_a_folder_of_clips_given_to_the_studio_is_a_dataset_itself(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(b"")
    workspace = Workspace(root=tmp_path / "root", more_datasets=(tmp_path / "clips",))
    assert [card.shown for card in dataset_cards(workspace)] == [str(tmp_path / "clips")]


def test_a_dataset_is_made_once(workspace: Workspace) -> None:
    assert create_dataset(workspace, " mia ").shown == "datasets/mia"
    with pytest.raises(ValueError, match="There is a dataset datasets/mia already"):
        create_dataset(workspace, "mia")
    assert free_name(workspace, "mia") == "mia-2"
    assert free_name(workspace, "example") == "example"


@pytest.mark.parametrize(
    "name", ["", "../mia", "/tmp/mia", "a/b", ".mia", "-mia", "a\nb", "x" * 65, "mia..", "..", "a\0"]
)
def test_an_unsafe_name_makes_nothing(workspace: Workspace, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a dataset"):
        create_dataset(workspace, name)
    assert list(workspace.datasets[0].iterdir()) == []


def test_the_trigger_is_remembered_for_each_dataset(folder: Make) -> None:
    one, other = folder("one", a=""), folder("other", a="")
    assert write_trigger(one, " mia1 ") == "mia1"
    write_recipe(one, "character")
    assert trigger_of(one.workspace, "datasets/one") == "mia1"
    assert trigger_of(one.workspace, str(one.path)) == "mia1"
    assert read_recipe(one) == "character"
    assert trigger_of(other.workspace, "datasets/other") == ""
    assert trigger_of(one.workspace, "datasets/none") == trigger_of(one.workspace, "../x") == ""
    for bad in ("two\nlines", "x" * 65):
        with pytest.raises(ValueError, match="trigger word"):
            write_trigger(one, bad)


def test_every_recipe_says_what_it_wants_of_clips(workspace: Workspace) -> None:
    names = recipe_names(workspace)
    purposes = {name: purpose_of(workspace, name) for name in names}
    assert DEFAULT in names
    assert all(purpose.buckets for purpose in purposes.values())
    assert purposes["ic_canny"].takes_references
    assert purposes["video_inpaint"].takes_masks
    assert not purposes["style"].takes_references
    assert str(purpose_of(workspace, "demo").buckets[0]) == "128x96x25"


def test_clips_are_judged_for_the_model_that_is_there(workspace: Workspace) -> None:
    published = {str(bucket) for bucket in purpose_of(workspace, "style").buckets}
    (workspace.root / "models").mkdir(exist_ok=True)
    (workspace.root / "models" / "ltx-2.3-pico.safetensors").touch()
    assert "960x544x49" in published
    assert "128x128x25" in {str(bucket) for bucket in purpose_of(workspace, "style").buckets}


def test_a_recipe_of_ones_own_is_read_when_it_changes(workspace: Workspace, tmp_path: Path) -> None:
    workspace.recipes.mkdir(parents=True)
    own = workspace.recipes / "small.yaml"
    own.write_text("data:\n  buckets: [64x64x9]\n  fps: 12\n")
    assert "mine/small" in recipe_names(workspace)
    assert purpose_of(workspace, "mine/small").fps == 12
    own.write_text("data:\n  buckets: [64x64x9]\n  fps: 30 \n")
    assert purpose_of(workspace, "mine/small").fps == 30
    own.write_text("data: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(ValueError, match="tags can build objects"):
        purpose_of(workspace, "mine/small")
    own.unlink()
    own.symlink_to(tmp_path / "elsewhere.yaml")
    (tmp_path / "elsewhere.yaml").write_text("data: {}\n")
    for name in ("mine/small", "../../x", "/etc/passwd"):
        with pytest.raises((OutsideError, FileNotFoundError)):
            purpose_of(workspace, name)


def test_a_folder_whose_name_is_no_text_does_not_hide_the_others(workspace: Workspace) -> None:
    (workspace.datasets[0] / "mia").mkdir(parents=True)
    (workspace.datasets[0] / os.fsdecode(b"\xff")).mkdir()
    assert [card.shown for card in dataset_cards(workspace)] == ["datasets/mia"]


def test_a_trigger_word_from_another_window_is_not_replaced_unseen(workspace: Workspace) -> None:
    one = create_dataset(workspace, "mia")
    assert replace_trigger(one, "mia1", "") == ("mia1", "")
    assert replace_trigger(one, "", "") == ("mia1", "")  # a click into and out of the old page's field
    kept, told = replace_trigger(one, "mia2", "")
    assert (kept, read_trigger(one)) == ("mia1", "mia1")
    assert "has become 'mia1' elsewhere" in told
    assert replace_trigger(one, "mia2", kept) == ("mia2", "")
