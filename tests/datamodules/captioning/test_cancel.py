import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from datamodules import atomic
from datamodules.captioning.cancelling import Cancelling
from datamodules.captioning.memory import FILE_NAME
from tests.datamodules.captioning.fake_endpoint import CAPTION, Reply


def _captions(folder):
    return {file.name: file.read_text() for file in folder.glob("*.txt")}


def _leftovers(folder):
    return [file for file in folder.rglob("*") if file.name.endswith(".tmp")]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_an_interrupt_leaves_what_is_done_and_a_second_run_goes_on(run, clips, endpoint, signal_number, concurrency):
    handler = signal.getsignal(signal.SIGTERM)

    def reply(number, request):
        if number < 2:
            return Reply()
        if number == 2:
            os.kill(os.getpid(), signal_number)
        return Reply(hangs=True)

    endpoint.reply = reply
    assert run(clips, concurrency=concurrency) == 130
    done = _captions(clips)
    assert len(done) == 2 if concurrency == 1 else len(done) <= 2
    assert set(done.values()) <= {f"{CAPTION}\n"}
    assert _leftovers(clips) == []
    assert signal.getsignal(signal.SIGTERM) is handler
    endpoint.reply = lambda number, request: Reply()
    assert run(clips, model="second") == 0
    assert [request["model"] for request in endpoint.requests].count("second") == 4 - len(done)
    assert len(_captions(clips)) == 4


def test_an_interrupt_in_the_middle_of_writing_waits_for_the_file(run, clips, monkeypatch):
    flush = atomic._flush

    def interrupted(path):
        os.kill(os.getpid(), signal.SIGINT)
        monkeypatch.setattr(atomic, "_flush", flush)
        flush(path)

    monkeypatch.setattr(atomic, "_flush", interrupted)
    assert run(clips, concurrency=1) == 130
    assert set(_captions(clips).values()) == {f"{CAPTION}\n"}
    assert _leftovers(clips) == []
    assert json.loads((clips / FILE_NAME).read_text())["captions"].keys() == set(_captions(clips))


def test_a_second_signal_interrupts_at_once_and_handlers_are_given_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    ended = threading.Event()
    with Cancelling(ended.set) as cancelling:
        os.kill(os.getpid(), signal.SIGTERM)
        assert cancelling.is_cancelled
        assert ended.wait(10)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_run_in_another_thread_leaves_the_signals_alone(run, clips):
    before = signal.getsignal(signal.SIGINT)
    codes = []
    thread = threading.Thread(target=lambda: codes.append(run(clips)))
    thread.start()
    thread.join()
    assert codes == [0]
    assert signal.getsignal(signal.SIGINT) is before


def test_overwriting_all_goes_on_where_it_was_stopped(run, clips, endpoint):
    for name in ("dance", "silent", "still"):
        (clips / f"{name}.txt").write_text("by a person")

    def reply(number, request):
        if number == 2:
            os.kill(os.getpid(), signal.SIGINT)
            return Reply(hangs=True)
        return Reply()

    endpoint.reply = reply
    assert run(clips, overwrite="all", concurrency=1) == 130
    endpoint.requests.clear()
    endpoint.reply = lambda number, request: Reply()
    assert run(clips, overwrite="all", concurrency=1) == 0
    assert len(endpoint.requests) == 2
    assert set(_captions(clips).values()) == {f"{CAPTION}\n"}


def test_a_killed_process_leaves_whole_files(clips, endpoint):
    process: list[subprocess.Popen] = []

    def reply(number, request):
        if number == 2:
            process[0].kill()
            return Reply(hangs=True)
        return Reply()

    endpoint.reply = reply
    endpoint.arrived.clear()
    process.append(_start(clips, endpoint.url, "--concurrency", "1"))
    assert process[0].wait() == -signal.SIGKILL
    assert len(_captions(clips)) == 2
    assert set(_captions(clips).values()) == {f"{CAPTION}\n"}
    assert json.loads((clips / FILE_NAME).read_text())["captions"].keys() == set(_captions(clips))


def test_an_interrupted_process_ends_with_130_and_says_how_to_go_on(clips, endpoint):
    process: list[subprocess.Popen] = []
    first = iter([signal.SIGINT])  # a second one would end it before it has said anything

    def reply(number, request):
        for interrupt in first:
            process[0].send_signal(interrupt)
        return Reply(hangs=True)

    endpoint.reply = reply
    process.append(_start(clips, endpoint.url))
    errors = process[0].communicate()[1]
    assert process[0].returncode == 130
    assert "0 of 4 captions written" in errors
    assert "the same command goes on from here" in errors
    assert "Traceback" not in errors


_WITHOUT_TORCH = """
import sys
from datamodules.__main__ import main
code = main(sys.argv[1:])
heavy = sorted({name.split(".")[0] for name in sys.modules} & {"torch", "transformers", "lightning"})
sys.exit(f"imported {heavy}" if heavy else code)
"""


def test_the_endpoint_is_asked_without_torch(clips, endpoint):
    words = ["caption", str(clips), "--endpoint", endpoint.url, "--model", "tiny-vl", "--sound", "--max-side", "40"]
    done = subprocess.run([sys.executable, "-c", _WITHOUT_TORCH, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, len(_captions(clips))) == (0, 4), done.stderr
    assert sum(len(endpoint.parts("input_audio", number)) for number in range(4)) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "No model is given"),
        (["--model", "no/such/directory"], "`--model` is 'no/such/directory', which does not exist"),
        (["--endpoint", "localhost"], "it must begin with http"),
        (["--model", ".", "--sound"], "`--sound` needs `--endpoint`"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(clips, words, message):
    done = subprocess.run(
        [sys.executable, "-m", "datamodules", "caption", str(clips), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert _captions(clips) == {}


def _start(folder, url, *words):
    command = [sys.executable, "-m", "datamodules", "caption", str(folder), "--endpoint", url, "--model", "m", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
