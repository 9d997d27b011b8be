import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ui.datasets.dataset import Dataset, open_dataset
from ui.datasets.health import read_health
from ui.datasets.jobs import (
    Captioning,
    Referencing,
    draw_example,
    examine,
    make_references,
    model_folders,
    split_scenes,
    write_captions,
)
from ui.datasets.purpose import purpose_of
from ui.workspace import OutsideError, Workspace

Make = Callable[..., Dataset]
_CODE = Path(__file__).resolve().parents[3]


class _Noted:
    """Notes what a runner is asked to start."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.options: dict[str, Any] = {}

    def submit(self, kind: str, title: str, words: Sequence[str], **options: Any) -> None:
        self.words, self.options = list(words), {"kind": kind, "title": title, **options}


def _run(workspace: Workspace, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=workspace.root,
        env={"PYTHONPATH": str(_CODE), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_example_is_drawn_checked_and_mended(workspace: Workspace) -> None:
    noted = _Noted()
    _, shown = draw_example(noted, workspace)
    drawn = _run(workspace, noted.words)
    assert drawn.returncode == 0, drawn.stderr
    dataset = open_dataset(workspace, shown)
    assert len(list(dataset.path.glob("*.mp4"))) == 12
    examine(noted, dataset, recipe="demo", trigger="DUSK")
    assert _run(workspace, noted.words).returncode in (0, 1)
    health = read_health(dataset)
    assert health is not None
    assert health.clips == 12
    assert health.verdict
    assert health.count("problem") == 0
    examine(noted, dataset, recipe="demo", trigger="DUSK", mended="mended")
    mended = _run(workspace, noted.words)
    assert mended.returncode in (0, 1), mended.stderr
    assert len(list((workspace.datasets[0] / "mended").glob("*.mp4"))) == 12


def test_clips_are_checked_in_the_shapes_of_the_model_that_is_there(folder: Make) -> None:
    dataset, noted = folder(a="one"), _Noted()
    models = dataset.workspace.root / "models"
    (models / "pico").mkdir(parents=True, exist_ok=True)
    (models / "pico" / "ltx-2.3-pico.safetensors").touch()
    examine(noted, dataset, recipe="style")
    shapes = noted.words[noted.words.index("--buckets") + 1].split(",")
    assert shapes == [str(bucket) for bucket in purpose_of(dataset.workspace, "style").buckets]
    assert "960x544x49" not in shapes
    (models / "ltx-2.3-22b-dev.safetensors").touch()
    examine(noted, dataset, recipe="style")
    assert "--buckets" not in noted.words


@pytest.mark.slow
def test_edges_are_made_for_a_dataset(folder: Make) -> None:
    dataset = folder(drawn=True, a="one", b="two")
    noted = _Noted()
    make_references(noted, dataset, Referencing(signal="canny", short_side=32))
    made = _run(dataset.workspace, noted.words)
    assert made.returncode == 0, made.stderr
    assert {path.name for path in (dataset.path / "references" / "canny").glob("*.mp4")} == {"a.mp4", "b.mp4"}


def test_captions_by_an_endpoint_wait_for_no_gpu(folder: Make) -> None:
    dataset, noted = folder(a=None), _Noted()
    how = Captioning(kind="character", endpoint="http://127.0.0.1:8000/v1", trigger="-mia", subject="woman")
    write_captions(noted, dataset, how)
    assert noted.words[:6] == ["-m", "datamodules", "caption", "datasets/mine", "--kind", "character"]
    assert "--endpoint" in noted.words
    assert "--trigger=-mia" in noted.words
    assert noted.options["devices"] == 0
    assert noted.options["unique"] == "caption:datasets/mine"


def test_captions_by_a_model_wait_for_a_gpu(folder: Make) -> None:
    dataset, noted = folder(a=None), _Noted()
    model = dataset.workspace.models[0] / "qwen"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    assert model_folders(dataset.workspace) == ["models/qwen"]
    write_captions(noted, dataset, Captioning(model="models/qwen"))
    assert noted.options["devices"] == 1
    assert noted.words[noted.words.index("--model") + 1] == "models/qwen"


def test_captions_of_a_manifest_go_to_a_copy(folder: Make) -> None:
    dataset, noted = folder(a=None), _Noted()
    (dataset.path / "clips.csv").write_text("video,caption\na.mp4,\n")
    table = open_dataset(dataset.workspace, "datasets/mine/clips.csv")
    write_captions(noted, table, Captioning(endpoint="http://127.0.0.1:8000/v1"))
    assert noted.words[-2:] == ["--out", "datasets/mine/clips-captioned.csv"]
    make_references(noted, table, Referencing())
    assert noted.words[-2:] == ["--write_manifest", "datasets/mine/clips-canny.csv"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (Captioning(), "No model is given"),
        (Captioning(model="../elsewhere"), "lies outside"),
        (Captioning(model="models/none"), "no model folder"),
        (Captioning(endpoint="file:///etc/passwd"), "http"),
        (Captioning(endpoint="http://u:p@host/v1"), "password"),
        (Captioning(endpoint="http://127.0.0.1/v1", trigger="a\nb"), "one line"),
        (Captioning(endpoint="http://127.0.0.1/v1", kind="--out"), "it is one of"),  # type: ignore[arg-type]
        (Captioning(endpoint="http://127.0.0.1/v1", overwrite="all"), "it is one of"),  # type: ignore[arg-type]
    ],
)
def test_captioning_that_cannot_work_is_not_started(folder: Make, how: Captioning, message: str) -> None:
    noted = _Noted()
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        write_captions(noted, folder(a=None), how)
    assert noted.words == []


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (Referencing(signal="depth"), "need a model"),
        (Referencing(signal="depth", model="/etc"), "lies outside"),
        (Referencing(short_side=33), "even number"),
        (Referencing(signal="--force"), "it is one of"),  # type: ignore[arg-type]
    ],
)
def test_references_that_cannot_be_made_are_not_started(folder: Make, how: Referencing, message: str) -> None:
    noted = _Noted()
    with pytest.raises(ValueError, match=message):
        make_references(noted, folder(a=None), how)
    assert noted.words == []


def test_films_come_from_the_dataset_folders(folder: Make, tmp_path: Path) -> None:
    films, dataset, noted = folder("films", film=None), folder("mine"), _Noted()
    split_scenes(noted, dataset, "datasets/films/film.mp4", shortest=0.5, longest=4)
    assert noted.words == [
        *("-m", "datamodules", "scenes", "datasets/films/film.mp4", "--out", "datasets/mine"),
        *("--min", "0.5", "--max", "4"),
    ]
    (films.path / "notes.txt").write_text("")
    (tmp_path / "film.mp4").write_bytes(b"")
    for source, error in (
        (str(tmp_path / "film.mp4"), OutsideError),
        ("datasets/films/none.mp4", FileNotFoundError),
        ("datasets/films/notes.txt", ValueError),
    ):
        with pytest.raises(error):
            split_scenes(noted, dataset, source)
    with pytest.raises(ValueError, match="at least twice"):
        split_scenes(noted, dataset, "datasets/films", shortest=6, longest=10)


def test_no_command_is_let_loose_on_a_dataset_that_leads_out(folder: Make, secret: Path) -> None:
    dataset, noted = folder(a="one"), _Noted()
    (dataset.path / "b.mp4").symlink_to(secret)
    starts: list[Callable[[], object]] = [
        lambda: examine(noted, dataset),
        lambda: write_captions(noted, dataset, Captioning(endpoint="http://127.0.0.1/v1")),
        lambda: make_references(noted, dataset, Referencing()),
        lambda: split_scenes(noted, folder("other"), "datasets/mine"),
    ]
    for start in starts:
        with pytest.raises(ValueError, match="leads out"):
            start()
    assert noted.words == []


def test_a_mended_copy_takes_a_new_name(folder: Make) -> None:
    dataset, noted = folder(a="one"), _Noted()
    for name in ("mine", "../mine", "/tmp/x"):
        with pytest.raises(ValueError, match=r"already|cannot name"):
            examine(noted, dataset, mended=name)
    examine(noted, dataset, mended="mine-mended")
    assert noted.words[-2:] == ["--fix", "datasets/mine-mended"]
    json.dumps(noted.words)
