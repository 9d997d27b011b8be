"""Which LoRA files a verb takes, and how strongly."""

from pathlib import Path

import pytest

from ltx_module.adapter_files import AdapterFile, choose_adapters, label_of
from ltx_module.run_directory import RunDirectory


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    """A run with the LoRA files of three steps."""
    run = RunDirectory(tmp_path / "style-1")
    for step in (1000, 250, 20000):
        run.lora(step).parent.mkdir(parents=True, exist_ok=True)
        run.lora(step).touch()
    return run


def test_the_newest_file_of_the_run_is_the_default(run):
    assert choose_adapters(None, run) == (AdapterFile(run.lora(20000)),)
    assert choose_adapters([], run) == (AdapterFile(run.lora(20000)),)


def test_none_is_the_base_model(run):
    assert choose_adapters(["none"], run) == ()


def test_files_come_with_their_strength_and_in_order(run):
    given = [f"{run.lora(1000)}:0.5", str(run.lora(250)), f"{run.lora(250)}:-1.5"]
    assert choose_adapters(given, run) == (
        AdapterFile(run.lora(1000), 0.5),
        AdapterFile(run.lora(250)),
        AdapterFile(run.lora(250), -1.5),
    )


def test_a_colon_may_be_part_of_a_name(tmp_path):
    path = tmp_path / "take:2"
    path.touch()
    assert AdapterFile.parse(str(path)) == AdapterFile(path)
    assert AdapterFile.parse(f"{path}:0.25") == AdapterFile(path, 0.25)


@pytest.mark.parametrize("text", ["gone.safetensors", "gone.safetensors:0.5", "gone:much", "."])
def test_what_is_no_file_is_refused_by_name(text):
    with pytest.raises(FileNotFoundError, match=r"`--lora` is .*FILE:STRENGTH"):
        AdapterFile.parse(text)


def test_a_run_without_a_lora_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"style-1 has no LoRA yet .*run `fit` first"):
        choose_adapters(None, RunDirectory(tmp_path / "style-1"))


def test_a_label_tells_files_and_strengths_apart():
    files = (AdapterFile(Path("a/step_000250.safetensors"), 0.5), AdapterFile(Path("b/other.safetensors")))
    run = RunDirectory(Path("runs/style-1"))
    assert label_of(files, run) == "step_000250@0.5+other@1"
    assert label_of((), run) == "base"


def test_a_label_of_another_runs_file_carries_that_run():
    own, other = (AdapterFile(Path(f"runs/style-{number}/lora/step_000250.safetensors")) for number in (1, 2))
    run = RunDirectory(Path("runs/style-1"))
    assert label_of((own,), run) == "step_000250@1"
    assert label_of((other,), run) == "style-2-step_000250@1"


def test_none_beside_a_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`none` means no LoRA at all"):
        choose_adapters(["none", "x.safetensors"], RunDirectory(tmp_path))
