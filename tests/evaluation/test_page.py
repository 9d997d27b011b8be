import base64
import hashlib
import json
import math
import re
import shutil
import sys
import zipfile
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from datamodules.media.write import write_video
from ltx_module.evaluation.page import embedded_json, write_page

ROOT = Path(__file__).parents[2]
HOSTILE = "</script><script>window.hacked = 1</script> <!-- <img src=x onerror=alert(1)> & \u2028 \ud800 {{clips}}"


class _Page(HTMLParser):
    """The elements of a page, and what stands in its scripts and style, as a browser would part them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags, self.inside, self.texts = [], None, {}
        self.attributes = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id", tag) if tag in ("script", "style", "title") else None

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.texts[self.inside] = self.texts.get(self.inside, "") + data

    @property
    def content(self):
        return json.loads(self.texts["data"])

    @property
    def policy(self):
        metas = [attributes for tag, attributes in self.attributes if tag == "meta"]
        return next(meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy")


def _clip(path: Path, brightness: int) -> None:
    write_video(path, torch.full((4, 3, 32, 48), brightness, dtype=torch.uint8), 12)


def _sample(file: str, **changes) -> dict:
    known = {"checkpoint": "base", "group": "trigger", "prompt": "a red circle", "seed": 1, "strength": 0.0}
    return {**known, "file": file, "has_audio": False, "scores": {}, **changes}


def _evaluation(*samples: dict, **changes) -> dict:
    known = {
        "schema": 1,
        "recipe": "style.yaml",
        "run": "runs/style-1",
        "trigger": "zork",
        "base_model": "pico",
        "created": "2026-11-21T12:00:00+00:00",
        "seeds": [1],
        "strengths": [1.0],
        "verdict": {"summary": "Good.", "best": None, "findings": []},
        "checkpoints": [],
        "metrics": {},
    }
    return {**known, "samples": list(samples), **changes}


@pytest.fixture
def folder(tmp_path):
    directory = tmp_path / "evaluation"
    for number in range(3):
        _clip(directory / f"samples/{number}.mp4", 60 * number)
    return directory


def test_each_different_clip_is_stored_once_and_unchanged(folder):
    shutil.copy(folder / "samples/1.mp4", folder / "samples/copy.mp4")
    names = ["samples/0.mp4", "samples/1.mp4", "samples/0.mp4", "samples/copy.mp4"]
    page = _Page(write_page(_evaluation(*(_sample(name) for name in names)), folder))
    stored = {key: text for key, text in page.texts.items() if key.startswith("clip-")}
    assert [sample["clip"] for sample in page.content["evaluation"]["samples"]] == [0, 1, 0, 1]
    assert list(stored) == ["clip-0", "clip-1"]
    for number, text in enumerate(stored.values()):
        start = "data:video/mp4;base64,"
        assert text.startswith(start)
        assert base64.b64decode(text.removeprefix(start)) == (folder / f"samples/{number}.mp4").read_bytes()


def test_the_page_knows_size_length_and_rate_of_a_clip_before_it_loads(folder):
    page = _Page(write_page(_evaluation(_sample("samples/0.mp4")), folder))
    assert page.content["clips"] == [{"id": "clip-0", "url": None, "width": 48, "height": 32, "frames": 4, "fps": 12.0}]


def test_no_text_can_become_markup(folder):
    harmless = _Page(write_page(_evaluation(_sample("samples/0.mp4")), folder))
    hostile = _evaluation(_sample("samples/0.mp4", prompt=HOSTILE), run=HOSTILE.replace("\ud800", ""), trigger=HOSTILE)
    page = _Page(write_page(hostile, folder))
    assert page.tags == harmless.tags
    assert page.texts["script"] == harmless.texts["script"]
    assert page.content["evaluation"]["samples"][0]["prompt"] == HOSTILE


def test_only_its_own_script_and_style_may_run_and_nothing_may_be_fetched(folder):
    page = _Page(write_page(_evaluation(_sample("samples/0.mp4")), folder))
    digests = {
        name: base64.b64encode(hashlib.sha256(page.texts[name].encode()).digest()).decode()
        for name in ("script", "style")
    }
    rules = dict(rule.split(" ", 1) for rule in page.policy.split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": f"'sha256-{digests['script']}'",
        "style-src": f"'sha256-{digests['style']}'",
        "media-src": "blob:",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_the_page_names_no_address(folder):
    text = write_page(_evaluation(_sample("samples/0.mp4")), folder).read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"'\s]*", text)) == {"http://www.w3.org/2000/svg"}  # a name, never fetched


def test_the_same_evaluation_gives_the_same_bytes(folder, tmp_path):
    evaluation = _evaluation(_sample("samples/0.mp4"), _sample("samples/1.mp4", seed=2))
    first = write_page(evaluation, folder).read_bytes()
    shutil.copytree(folder, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("*.html"))
    assert write_page(evaluation, tmp_path / "elsewhere").read_bytes() == first


def test_clips_too_large_for_one_file_stay_beside_it_and_the_page_says_so(folder):
    _clip(folder / "samples/50% #1.mp4", 90)
    evaluation = _evaluation(_sample("samples/50% #1.mp4"))
    size = math.ceil((folder / "samples/50% #1.mp4").stat().st_size / 3) * 4  # base64: four letters for three bytes
    assert _Page(write_page(evaluation, folder, max_inline_bytes=size)).content["inline"]
    page = _Page(write_page(evaluation, folder, max_inline_bytes=size - 1))
    assert not [key for key in page.texts if key.startswith("clip-")]
    assert page.content["clips"][0]["url"] == "samples/50%25%20%231.mp4"
    assert "Keep or send the whole folder." in page.content["notices"][0]


def test_a_missing_or_damaged_clip_is_named_and_the_rest_is_shown(folder):
    (folder / "samples/1.mp4").unlink()
    (folder / "samples/2.mp4").write_bytes(b"not a video")
    page = _Page(write_page(_evaluation(*(_sample(f"samples/{number}.mp4") for number in range(3))), folder))
    shown = page.content["evaluation"]["samples"]
    assert [sample["clip"] for sample in shown] == [0, None, None]
    assert shown[1]["problem"] == "the file is missing"
    assert page.content["notices"] == ["2 of 3 clips cannot be shown: samples/1.mp4, samples/2.mp4."]


@pytest.mark.parametrize("name", ["../secret.mp4", "/etc/passwd", "samples/../../secret.mp4", "..\\secret.mp4"])
def test_a_file_outside_the_folder_is_refused(folder, name):
    with pytest.raises(ValueError, match=r"`samples\[0\]\.file`.*below"):
        write_page(_evaluation(_sample(name)), folder)


def test_another_schema_is_refused_with_the_way_out(folder):
    with pytest.raises(ValueError, match="shows schema 1: run `evaluate` again"):
        write_page(_evaluation(schema=2), folder)


def test_a_refused_evaluation_leaves_the_page_of_the_last_one(folder):
    page = write_page(_evaluation(), folder)
    before = page.read_bytes()
    with pytest.raises(ValueError, match="schema"):
        write_page(_evaluation(schema=None), folder)
    assert page.read_bytes() == before


def test_numbers_that_are_not_finite_arrive_as_missing():
    assert json.loads(embedded_json({"a": math.nan, "b": [math.inf, 1.5], "c": (2,)})) == {
        "a": None,
        "b": [None, 1.5],
        "c": [2],
    }


def test_every_file_of_the_template_is_part_of_the_page(folder):
    text = write_page(_evaluation(), folder).read_text(encoding="utf-8")
    for file in files("ltx_module.evaluation.template").iterdir():
        if file.name.endswith((".css", ".js")):
            assert file.read_text(encoding="utf-8") in text, file.name


@pytest.mark.slow
def test_an_installed_package_can_write_the_page(tmp_path, monkeypatch):
    build_meta = pytest.importorskip("setuptools.build_meta")
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("ltx_module", "datamodules", "callbacks"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    monkeypatch.chdir(source)
    monkeypatch.setattr(sys, "argv", ["setup.py"])
    wheel = build_meta.build_wheel(str(tmp_path))
    packed = set(zipfile.ZipFile(tmp_path / wheel).namelist())
    written = {file.name for file in files("ltx_module.evaluation.template").iterdir() if "." in file.name}
    assert {f"ltx_module/evaluation/template/{name}" for name in written} <= packed
