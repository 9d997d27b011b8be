"""README and docs: links lead somewhere, and commands name recipes, verbs, tools and targets that exist."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
VERBS = {"check", "preprocess", "fit", "validate", "sample", "evaluate", "export"}
TOOLS = {"doctor", "references", "scenes", "caption"}


def anchor(heading: str) -> str:
    """A heading as links name it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_to_files_and_headings_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert heading in map(anchor, headings), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_name_what_exists(page):
    text = page.read_text()
    verbs = {
        verb for group in re.findall(r"-m ltx_module (\{[\w,]+\}|\w+)", text) for verb in re.findall(r"\w+", group)
    }
    assert verbs <= VERBS
    assert set(re.findall(r"-m datamodules ([a-z]+)", text)) <= TOOLS
    for name in re.findall(r"recipes/(?:overlays/)?[\w.-]+\.yaml", text):
        assert (ROOT / name).is_file() or name.endswith("NAME.yaml"), name
    trained = {path.stem.replace("_", "-") for path in (ROOT / "recipes").glob("*.yaml")}
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^(?:    |- )?make ([a-z][\w-]*)", text, re.MULTILINE):
        assert target.removeprefix("train-") in trained or f"\n{target}:" in makefile, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pieces_of_recipes_are_yaml(page):
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", page.read_text(), re.MULTILINE)
    for block in blocks:
        if re.match(r"\s*(#.*\n\s*)?(model|data|sample|trainer):", block):
            parsed = yaml.safe_load(block)
            assert set(parsed) <= {"model", "data", "sample", "trainer"}


def test_every_page_is_linked_from_the_readme():
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in PAGES[1:] if f"docs/{page.name}" not in readme] == []
