"""Ctrl-C and SIGTERM, sent to real processes at every stage of a run."""

import hashlib
import multiprocessing
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from safetensors import safe_open

from callbacks import signal_watch
from tests.end_to_end.runs import SHORT, every, finish, rows_of, start, status_of, wait_until

ENDLESS = ("--trainer.max_steps=100000", "--trainer.log_every_n_steps=1")


def has_reached(run: Path, state: str) -> bool:
    return (run / "status.json").is_file() and status_of(run)["state"] == state


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_saves_and_prints_how_to_go_on(arguments, tmp_path, number, code):
    log, run = tmp_path / "log", tmp_path / "runs/style-1"
    options = (*ENDLESS, every(1000, "SaveLoRA", "SaveResumeState"))
    process = start(arguments("fit", "style", *options), tmp_path, log)
    wait_until(lambda: (run / "metrics.csv").is_file() and len(rows_of(run)) > 2, process)
    process._popen._send_signal(number)
    assert finish(process) == code
    status = status_of(run)
    step = status["step"]
    assert status["state"] == "stopped"
    assert rows_of(run)[-1]["step"] == str(step)
    with safe_open(run / f"lora/step_{step:06d}.safetensors", "pt") as file:
        assert file.metadata()["step"] == str(step)
    command = re.search(r"  python -m ltx_module (fit .*)", log.read_text())
    assert command is not None
    more = start([*command.group(1).split(), f"--trainer.max_steps={step + 2}"], tmp_path, tmp_path / "log2")
    assert finish(more) == 0
    assert (status_of(run)["state"], status_of(run)["step"]) == ("finished", step + 2)
    assert [row["step"] for row in rows_of(run)] == [str(number + 1) for number in range(step + 2)]


def test_a_second_ctrl_c_leaves_at_once(arguments, tmp_path):
    log, run = tmp_path / "log", tmp_path / "runs/style-1"
    options = (*SHORT, every(3, "SampleVideos", "SaveLoRA"), "--sample.steps=5000")
    process = start(arguments("fit", "style", *options), tmp_path, log)
    wait_until(lambda: has_reached(run, "sampling"), process)
    process._popen._send_signal(signal.SIGINT)
    wait_until(lambda: "Ctrl-C again leaves at once" in log.read_text(), process)
    process._popen._send_signal(signal.SIGINT)
    assert finish(process, seconds=5) == 130
    assert not (run / "lora").exists()


@pytest.mark.slow
def test_a_sigterm_that_is_handed_on_is_one_and_a_later_one_leaves_at_once(arguments, tmp_path):
    log, run = tmp_path / "log", tmp_path / "runs/style-1"
    options = (*SHORT, every(3, "SampleVideos", "SaveLoRA"), "--sample.steps=5000")
    process = start(arguments("fit", "style", *options), tmp_path, log)
    wait_until(lambda: has_reached(run, "sampling"), process)
    time.sleep(0.5)  # the first sample has begun, and takes minutes
    for _ in range(3):
        process._popen._send_signal(signal.SIGTERM)
    wait_until(lambda: "Ctrl-C again leaves at once" in log.read_text(), process)
    time.sleep(2.5)
    assert process.is_alive()
    process._popen._send_signal(signal.SIGTERM)
    assert finish(process, seconds=5) == 143
    assert not (run / "lora").exists()


def wait_in_c(seconds: float, began: Path) -> None:
    """What a process does whose other ranks have gone: it waits in a call that Python cannot interrupt."""
    signal_watch._STUCK_SECONDS = seconds
    handled = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: handled.append(1))
    signal_watch.SignalWatch(lambda: bool(handled)).start()
    began.touch()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # some minutes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "times", "stuck", "code"), [(signal.SIGINT, 2, 60.0, 130), (signal.SIGTERM, 1, 1.0, 143)]
)
def test_a_process_that_waits_for_ever_can_be_left(tmp_path, number, times, stuck, code):
    process = multiprocessing.get_context("forkserver").Process(target=wait_in_c, args=(stuck, tmp_path / "began"))
    process.start()
    wait_until((tmp_path / "began").exists, process)
    for _ in range(times):
        time.sleep(0.2)
        process._popen._send_signal(number)
    assert finish(process, seconds=10) == code


@pytest.mark.slow
def test_ctrl_c_while_encoding_leaves_quickly_and_the_next_run_goes_on(arguments, demo_folder, tmp_path):
    clips, run = tmp_path / "clips", tmp_path / "runs/audio_video-1"
    shutil.copytree(demo_folder, clips, ignore=shutil.ignore_patterns(".ltx-cache"))
    options = (f"--data.path={clips}", "--data.buckets=[128x128x33,128x128x1]")
    training = (*options, *SHORT, every(6, "SaveLoRA"))
    encoded = 0
    for verb in ("preprocess", "fit"):
        log = tmp_path / f"log-{verb}"
        process = start(arguments(verb, "audio_video", *(training if verb == "fit" else options)), tmp_path, log)
        enough = encoded + 2
        wait_until(lambda enough=enough: count_encoded(clips) >= enough, process)
        process._popen._send_signal(signal.SIGINT)
        assert finish(process, seconds=10) == 130
        assert "Traceback" not in log.read_text()
        encoded = count_encoded(clips)
        assert encoded < 10
    assert status_of(run)["state"] == "stopped"
    assert "give the same command again" in log.read_text()
    more = start(arguments("fit", "audio_video", *training), tmp_path, tmp_path / "log")
    assert finish(more) == 0
    assert f"encoding video: {10 - encoded} clips" in (tmp_path / "log").read_text()
    assert status_of(run)["state"] == "finished"


def count_encoded(clips: Path) -> int:
    return len(list((clips / ".ltx-cache").glob("video/*/*.safetensors")))
