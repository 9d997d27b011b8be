"""Errors a user can mend are told without a traceback; all others keep theirs."""

from argparse import ArgumentError

import pytest
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from ltx_module.failures import explain, is_users, way_out


def told(error: Exception, capsys) -> str:
    with pytest.raises(SystemExit) as exit_info, explain("fit"):
        raise error
    assert exit_info.value.code == 2
    return capsys.readouterr().err


def test_a_wrong_value_is_told_in_two_lines(capsys):
    assert told(ValueError("`data.fps` is 0"), capsys) == (
        "error: `data.fps` is 0\nLTX_DEBUG=1 shows where it came from.\n"
    )


def test_a_key_of_the_parser_is_written_as_ours_are(capsys):
    shown = told(ArgumentError(None, 'Parser key "model.lora.rank":\n  must be positive'), capsys)
    assert shown.startswith("error: `model.lora.rank`: must be positive\n")
    assert "`python -m ltx_module fit --help`" in shown


def test_what_the_parser_says_around_a_cause_is_left_out(capsys):
    text = """Parser key "data.sets":
- Expected a path but [{"path":"x"}] either not accessible or invalid
  - Does not validate against any of the Union subtypes
  Subtypes: [list[datamodules.manifest.sets.ClipSet], <class 'NoneType'>]
  Errors:
    - Problem with given class_path 'datamodules.manifest.sets.ClipSet':
        Option 'repeat' is not accepted
    - Expected a <class 'NoneType'>
  Given value type: <class 'list'>
  Given value: [{'path': 'x', 'repeat': 2}]"""
    shown = told(ArgumentError(None, text), capsys)
    cause = "datamodules.manifest.sets.ClipSet: Option 'repeat' is not accepted"
    assert shown.startswith(f"error: `data.sets`: {cause}\nway out:")


def test_lightnings_complaints_are_about_the_trainer(capsys):
    assert told(MisconfigurationException("no such device"), capsys).startswith("error: `trainer`: no such device\n")


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("CUDA out of memory. Tried to allocate", "data.batch_size"),
        ("No space left on device", "data.cache_dir"),
        ("Failed to find C compiler. Please specify via CC environment variable", "model.compile"),
    ],
)
def test_known_failures_come_with_a_way_out(text, fix, capsys):
    error = RuntimeError(text)
    assert is_users(error)
    assert fix in way_out(error)
    assert f"way out: {way_out(error)}\n" in told(error, capsys)


def test_a_fault_of_ours_keeps_its_traceback():
    with pytest.raises(KeyError), explain():
        raise KeyError("transformer")


@pytest.mark.parametrize("error", [ValueError("x"), ArgumentError(None, "x")])
def test_the_debug_switch_keeps_every_traceback(error, monkeypatch):
    monkeypatch.setenv("LTX_DEBUG", "1")
    with pytest.raises(type(error)), explain():
        raise error


def test_ctrl_c_leaves_quietly():
    with pytest.raises(SystemExit) as exit_info, explain():
        raise KeyboardInterrupt
    assert exit_info.value.code == 130


def test_an_exit_passes_unchanged():
    with pytest.raises(SystemExit) as exit_info, explain():
        raise SystemExit(143)
    assert exit_info.value.code == 143
