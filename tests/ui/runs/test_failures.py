"""Why a command failed, in words."""

import re
from pathlib import Path

import pytest

from ui.runs.failures import CATALOGUE, LOST, Failure, explain, from_status

TRACE = "Traceback (most recent call last):\n  File x\n"


def test_the_programs_own_words_come_first():
    log = (
        "torch.OutOfMemoryError: CUDA out of memory\nerror: `data.path` is x\nway out: give y\nLTX_DEBUG=1 shows ...\n"
    )
    assert explain(log, 2) == Failure(text="`data.path` is x", fix="give y")


def test_an_error_of_several_lines_is_told_whole():
    log = "step 1\nerror: 3 clips are unusable:\n  a.mp4: no frames\n  b.mp4: too short\nLTX_DEBUG=1 shows where.\n"
    assert explain(log, 2).text == "3 clips are unusable:\n  a.mp4: no frames\n  b.mp4: too short"


def test_the_pointer_to_the_command_lines_help_becomes_one_to_the_page():
    way = "way out: `python -m ltx_module fit --help` lists the keys and what they take."
    log = f"error: unrecognized arguments: --x\n{way}\n"
    assert explain(log, 2).fix == "The recipes on the Recipe page show the keys and what they take."


def test_the_last_error_counts():
    assert explain("error: first\nLTX_DEBUG=1 x\nerror: second\nLTX_DEBUG=1 x\n", 2).text == "second"


def test_an_error_of_our_own_without_way_out_gets_that_of_the_catalogue():
    failure = explain("error: CUDA out of memory. Tried to allocate 2 GiB\nLTX_DEBUG=1 x\n", 2)
    assert failure.text.startswith("The GPU's memory is full.")
    assert "Tried to allocate 2 GiB" in failure.text
    assert "data.batch_size" in failure.fix


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20 MiB", "GPU's memory"),
        ("OSError: [Errno 28] No space left on device: 'runs/x'", "disk is full"),
        ("RuntimeError: DataLoader worker (pid 12) is killed by signal: Bus error.", "shared memory"),
        ("RuntimeError: DataLoader worker (pid 12) is killed by signal: Killed.", "loads the data"),
        ("RuntimeError: [enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory", "main memory"),
        ("huggingface_hub.errors.GatedRepoError: 401 Client Error.", "licence"),
        ("NotFiniteError: the loss of step 12 is nan, with a, b", "not a number"),
        ("The NVIDIA driver on your system is too old (found version 11040)", "driver"),
        ("RuntimeError: No CUDA GPUs are available", "No usable NVIDIA GPU"),
        ("torch.distributed.DistBackendError: NCCL error in: x", "lost each other"),
        ("RuntimeError: CUDA error: an illegal memory access was encountered", "GPU reported"),
        ("RuntimeError: The server socket has failed to listen. EADDRINUSE", "port"),
        ("PermissionError: [Errno 13] Permission denied: '/x'", "may not be written"),
        ("ModuleNotFoundError: No module named 'bitsandbytes'", "package"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'models/x'", "not there"),
    ],
)
def test_tracebacks_of_other_programs_are_told_in_words_with_their_line(line, words):
    failure = explain(f"{TRACE}{line}\n", 1)
    assert words in failure.text
    assert line in failure.text
    assert failure.fix


@pytest.mark.parametrize(
    ("code", "words"),
    [(-9, "want of main memory"), (137, "want of main memory"), (-15, "SIGTERM"), (143, "SIGTERM"), (-11, "crashed")],
)
def test_signals_are_told_in_words(code, words):
    assert words in explain("step 3/90\n", code).text


def test_what_nobody_knows_shows_the_last_lines():
    failure = explain("".join(f"line {number}\n" for number in range(50)), 1)
    assert failure.text.splitlines() == [f"line {number}" for number in range(44, 50)]
    assert "LTX_DEBUG" in failure.fix


def test_a_silent_failure_says_its_code():
    assert explain("", 3).text == "The command ended with code 3 and said nothing."
    assert explain("", None) == LOST


def test_texts_are_bounded():
    assert len(explain("error: " + "x" * 100_000, 2).text) < 2000
    assert len(explain("x" * 100_000, 1).text) < 2000


def test_the_error_of_a_run_is_taken_from_its_status():
    assert from_status({"error": {"text": "no", "fix": "yes"}}) == Failure(text="no", fix="yes")
    assert from_status({"error": {"text": "CUDA out of memory", "fix": ""}}).fix == CATALOGUE[0].fix
    for status in ({}, {"error": None}, {"error": "x"}, {"error": {}}, {"error": {"fix": "x"}}):
        assert from_status(status) is None


def test_keys_named_in_fixes_exist_in_some_recipe_or_its_documentation():
    root = Path(__file__).parents[3]
    known = "".join(path.read_text() for path in [*root.glob("recipes/**/*.yaml"), *root.glob("docs/*.md")])
    known += "".join(path.read_text() for path in [*root.glob("ltx_module/*.py"), *root.glob("datamodules/*.py")])
    keys = {key for sign in CATALOGUE for key in re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", sign.fix)}
    assert keys
    assert all(key.rsplit(".", 1)[1] in known for key in keys)
