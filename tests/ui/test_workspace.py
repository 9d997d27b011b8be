import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.workspace import SHIPPED_RECIPES, OutsideError, Workspace, safe_name

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda name: name not in (".", "..") and not name.startswith("~")
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace beside a folder that it may not touch."""
    place = tmp_path_factory.mktemp("place").resolve()
    for name in ("home/datasets/mia", "home/runs/mia-1", "home/models", "home/.studio", "outside", "more", "home 2"):
        (place / name).mkdir(parents=True)
    (place / "outside" / "secret").write_text("secret")
    (place / "home/datasets/away").symlink_to(place / "outside")
    (place / "home/datasets/loop").symlink_to(place / "home/datasets/loop")
    return place


@pytest.fixture(scope="module")
def workspace(place) -> Workspace:
    return Workspace(root=place / "home", more_datasets=(place / "more",))


@given(
    parts=st.lists(st.one_of(NAMES, st.sampled_from(["..", ".", "", "away", "loop", "mia", "~", "~root"])), max_size=8)
)
def test_whatever_is_asked_for_what_is_given_lies_inside(workspace, parts):
    for text in ("/".join(parts), "/" + "/".join(parts), "datasets/" + "/".join(parts)):
        try:
            found = workspace.inside(text, "datasets")
        except OutsideError:
            continue
        real = os.path.realpath(found)
        assert real == str(found)
        assert any(os.path.commonpath([real, place]) == str(place) for place in workspace.datasets)


@given(parts=st.lists(NAMES, min_size=1, max_size=4))
def test_every_plain_path_below_a_folder_is_inside(workspace, parts):
    path = workspace.root / "runs" / "/".join(parts)
    assert workspace.inside(path, "datasets", "runs") == path
    assert workspace.inside(workspace.shown(path), "runs") == path


@pytest.mark.parametrize(
    "path",
    [
        "datasets/away/secret",
        "datasets/away",
        "datasets/loop",
        "datasets/loop/x",
        "datasets/../../outside/secret",
        "datasets/mia/../../.studio/x",
        "../outside/secret",
        "/etc/passwd",
        "~/x",
        "~nobody-of-this-name/x",
        "../home 2",
        "../home/../outside",
        ".studio/jobs",
        "runs/mia-1",
        "",
        "   ",
        "\0",
        "datasets/\0",
        "datasets/" + "x/" * 5000,
    ],
)
def test_a_path_outside_is_refused_with_what_to_do(workspace, path):
    with pytest.raises(OutsideError, match=r"name (another|a) |--datasets"):
        workspace.inside(path, "datasets")


def test_a_folder_whose_name_only_begins_alike_is_outside(place):
    (place / "home" / "datasets 2").mkdir()
    with pytest.raises(OutsideError):
        Workspace(root=place / "home").inside("datasets 2/x", "datasets")


def test_areas_are_apart(workspace):
    assert workspace.inside("runs/mia-1", "runs") == workspace.runs / "mia-1"
    assert workspace.inside(SHIPPED_RECIPES / "demo.yaml", "recipes").is_file()
    for area in ("datasets", "models", "recipes", "comfyui"):
        with pytest.raises(OutsideError):
            workspace.inside("runs/mia-1", area)
    with pytest.raises(OutsideError):
        workspace.inside("runs/mia-1")


def test_a_folder_that_was_named_may_be_a_link_itself(place):
    (place / "linked").symlink_to(place / "more")
    workspace = Workspace(root=place / "home", more_datasets=(place / "linked",))
    assert workspace.inside(place / "more" / "clip.mp4", "datasets") == place / "more" / "clip.mp4"


@given(name=NAMES, folder=st.sampled_from(["home/datasets/mia", "home/runs/mia-1", "more"]))
def test_an_address_leads_back_to_its_file(place, workspace, name, folder):
    if len(name.encode()) > 255:
        return
    file = place / folder / name
    file.touch()
    kind, area, rest = workspace.url(file).split("/", 2)
    path, version = rest.rsplit("?", 1)
    assert (kind, version[:2]) == ("media", "v=")
    assert not set(path) & set(" \"'<>#?\\\n")
    assert workspace.place(area) / unquote(path) == file
    file.unlink()


def test_an_address_changes_with_its_file(place, workspace):
    file = place / "more" / "a.mp4"
    file.touch()
    first = workspace.url(file)
    os.utime(file, (1, 1))
    assert workspace.url(file) != first


def test_what_is_not_played_has_no_address(place, workspace):
    for path in (place / "outside" / "secret", workspace.models[0], SHIPPED_RECIPES / "demo.yaml"):
        with pytest.raises(OutsideError):
            workspace.url(path)


@given(text=st.text(max_size=80))
def test_a_safe_name_is_one_plain_folder(text):
    try:
        name = safe_name(text, "dataset")
    except ValueError:
        return
    assert name == text.strip()
    assert (Path("/x") / name).resolve() == Path("/x", name)
    assert Path(name).name == name
    assert name[0] not in ".-"


@pytest.mark.parametrize("text", ["mia", "Mia_2.1-b", "0", "_x", "a" * 64])
def test_ordinary_names_are_taken(text):
    assert safe_name(f" {text} ", "run") == text


@pytest.mark.parametrize(
    "text", ["", " ", ".", "..", ".git", "-rf", "a/b", "a\\b", "a b", "a..b", "a.", "é", "a\0", "x" * 65]
)
def test_other_names_are_refused(text):
    with pytest.raises(ValueError, match="cannot name a run"):
        safe_name(text, "run")


def test_a_folder_that_is_not_there_cannot_be_named(place):
    with pytest.raises(FileNotFoundError, match="make it, or name another"):
        Workspace(root=place / "home", comfyui=place / "nowhere")
