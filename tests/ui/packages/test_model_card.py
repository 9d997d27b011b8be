"""The model card: what hubs read, what people read, and that texts of files mean nothing in it."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from datamodules.atomic import write_json
from tests.ui.packages.made import export, write_package
from tests.ui.tries.made import ROOT
from ui.packages.card_file import card_of, draft, save_card
from ui.packages.markdown import escaped, front_matter, one_line
from ui.packages.package import package_of
from ui.runs.run_recipe import run_recipe


@pytest.fixture
def run(root):
    return write_package(root)


@pytest.fixture
def parts(workspace, run):
    return workspace, package_of(workspace, "mine-1"), run_recipe(workspace, "mine-1").document


def front(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_hubs_find_base_licence_trigger_and_samples(parts):
    found = front(draft(*parts))
    assert found["base_model"] == "Lightricks/LTX-2.3"
    assert found["license_name"] == "ltx-2-community-license-agreement"
    assert found["instance_prompt"] == "SKS"
    assert found["pipeline_tag"] == "text-to-video"
    assert [one["output"]["url"] for one in found["widget"]] == ["media/01-ball-seed7.mp4", "media/02-ball-seed7.mp4"]


def test_people_find_steps_rank_and_how_to_use_it(parts):
    text = draft(*parts)
    for line in ("| steps | 20 |", "| learning rate | 0.0001 |", "| optimizer | AdamW |", "**SKS**", "Strength 1."):
        assert line in text
    assert "Attachment A" in text


def test_the_licence_page_says_the_same():
    page = (ROOT / "docs" / "licence.md").read_text()
    assert "LTX-2 Community License Agreement" in page
    assert "https://github.com/Lightricks/LTX-2/blob/main/LICENSE-2" in page


def test_a_lora_of_the_embedded_model_is_under_its_licence(root, workspace, run):
    (root / "assets").symlink_to(ROOT / "assets")
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(text.replace("models/base", "assets/pico/ltx-2.3-pico"))
    found = front(draft(workspace, package_of(workspace, "mine-1"), run_recipe(workspace, "mine-1").document))
    assert found["license"] == "apache-2.0"
    assert "base_model" not in found


def test_the_strength_is_the_evaluations_where_it_judged_this_step(parts, run):
    verdict = {"best": {"checkpoint": "step_000020", "strength": 1.25, "reason": "most"}, "summary": "It is good."}
    (run / "evaluation").mkdir()
    write_json(run / "evaluation" / "evaluation.json", {"verdict": verdict})
    assert "Strength 1.25, which was best in the evaluation of the run (most)." in draft(*parts)
    assert "It is good." in draft(*parts)
    export(run, 10)
    older = package_of(parts[0], "mine-1")
    assert "Strength 1." in draft(parts[0], older, parts[2])


def test_texts_of_files_are_no_markup(parts):
    text = draft(*parts)
    assert "<script>" not in text.split("---\n", 2)[2]
    assert r"&lt;script&gt;alert(1)&lt;/script&gt; \| \[x\](y)" in text


@given(st.text(max_size=60))
def test_no_text_breaks_out_of_its_line(text):
    shown = escaped(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert not shown.startswith(("#", "- ", "+ "))


@given(st.dictionaries(st.text(max_size=10).map(one_line), st.text(max_size=40).map(one_line), max_size=3))
def test_the_front_matter_is_read_as_it_was_meant(values):
    text = front_matter(values)
    assert yaml.safe_load(text.removeprefix("---\n").removesuffix("---\n")) == values


def test_a_path_of_the_authors_machine_is_not_told(parts, workspace):
    assert str(workspace.root) not in draft(*parts)
    assert "datasets/" not in draft(*parts)


def test_a_card_is_saved_with_copies_of_its_samples_and_read_back(parts, run):
    card = card_of(*parts)
    assert not card.is_saved
    saved = save_card(*parts, "mine now\r\n", card.seen)
    folder = run / "export" / "model-card"
    assert (folder / "README.md").read_text() == "mine now\n"
    assert (folder / "media" / "01-ball-seed7.mp4").read_bytes() == b"video 1 20"
    again = card_of(*parts)
    assert (again.text, again.seen) == ("mine now\n", saved.seen)
    assert [file.role for file in package_of(parts[0], "mine-1").files][-3:] == ["model card", "sample", "sample"]


def test_a_card_that_somebody_else_saved_is_not_overwritten(parts, run):
    card = card_of(*parts)
    save_card(*parts, "first", card.seen)
    with pytest.raises(ValueError, match="has changed since"):
        save_card(*parts, "second", card.seen)
    assert (run / "export" / "model-card" / "README.md").read_text() == "first"


@pytest.mark.parametrize("text", ["", "  \n", "x" * 200_001])
def test_an_empty_or_endless_card_is_refused(parts, text):
    with pytest.raises(ValueError, match=r"empty|characters"):
        save_card(*parts, text, "")


def test_a_card_is_not_written_through_a_link(parts, run, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (run / "export" / "model-card").symlink_to(outside)
    with pytest.raises(ValueError, match="outside"):
        save_card(*parts, "text", "")
    assert list(outside.iterdir()) == []
