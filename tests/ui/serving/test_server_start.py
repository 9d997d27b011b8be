import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.ui.browser.studio import Studio
from ui.__main__ import main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def studio(tmp_path):
    one = Studio(tmp_path)
    yield one
    one.stop()


def python(code: str, *words: str, **environment: str) -> subprocess.CompletedProcess:
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *words], env=variables, capture_output=True, text=True, timeout=120
    )


def said(capsys, *words: str) -> tuple[int, str]:
    code = main(list(words))
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 lets other machines in, which could then read your datasets"),
        (["--host", "::"], "--auth USER:PASSWORD"),
        (["--share"], "--share lets other machines in"),
        (["--share", "--auth", "me:short"], "is 5: take 8 characters"),
        (["--auth", "me"], "USER:PASSWORD"),
        (["--auth", ":password1"], "USER:PASSWORD"),
        (["--auth", "me:"], "USER:PASSWORD"),
        (["--workspace", "/nowhere"], "--workspace /nowhere is not a folder"),
        (["--datasets", "/nowhere"], "--datasets /nowhere is not a folder"),
        (["--comfyui", "/nowhere"], "--comfyui /nowhere is not a folder"),
        (["--port", "70000"], "between 0 and 65535"),
        (["--port", "-1"], "between 0 and 65535"),
        (["--max-upload", "0"], "`--max-upload` is 0"),
        (["--max-upload", "nan"], "`--max-upload` is nan"),
        (["--root-path", "http://x/y"], "such as /studio"),
        (["--root-path", "/a/../b"], "such as /studio"),
        (["--root-path", "/" + "a" * 100 + "!"], "such as /studio"),
        (["--name", "https://studio.example"], "a host name alone"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(capsys, words, reason):
    code, text = said(capsys, *words)
    assert code == 2
    assert text.startswith("error: ")
    assert reason in text


def test_a_password_may_come_from_the_environment(capsys, monkeypatch):
    monkeypatch.setenv("LTX_STUDIO_AUTH", "me:short")
    assert "is 5: take 8 characters" in said(capsys, "--host", "0.0.0.0")[1]
    assert "LTX_STUDIO_AUTH" not in os.environ


def test_a_port_in_use_is_told_with_one_that_is_free(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text = said(capsys, "--port", str(port))
    assert code == 1
    assert f"port {port} of 127.0.0.1 is in use" in text
    free = int(re.search(r"--port (\d+), which is free", text)[1])
    socket.create_server(("127.0.0.1", free)).close()


def test_an_address_of_another_machine_cannot_be_listened_at(capsys):
    code, text = said(capsys, "--host", "192.0.2.1", "--auth", "me:password1")
    assert code == 1
    assert "cannot listen at --host 192.0.2.1" in text


def test_a_relay_that_does_not_answer_is_told(capsys, monkeypatch):
    monkeypatch.setenv("GRADIO_SHARE_SERVER_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr("gradio.networking.GRADIO_API_SERVER", "http://127.0.0.1:1/")
    code, text = said(capsys, "--share", "--auth", "me:password1", "--port", "0")
    assert code == 1
    assert "no public address could be had from Gradio's relay" in text


@pytest.mark.slow
def test_the_studio_starts_soon_without_torch(tmp_path):
    code = """
import sys, time
start = time.process_time()
from pathlib import Path
from ui.serving.guard import Access
from ui.serving.server import Serving, create_app
from ui.workspace import Workspace
create_app(Workspace(root=Path(sys.argv[1])), Serving(access=Access()))
heavy = {"torch", "lightning", "transformers", "diffusers", "jsonargparse", "peft", "av", "cv2", "matplotlib"}
print(time.process_time() - start, ",".join(sorted(heavy & set(sys.modules))))
"""
    told = python(code, str(tmp_path))
    assert told.returncode == 0, told.stderr
    seconds, heavy = told.stdout.strip().split(" ")[0], told.stdout.strip().split(" ")[1:]
    assert heavy == []
    assert float(seconds) < 8.0  # of the processor, since the machine may be busy; 3.5 where it is not


@pytest.mark.slow
def test_a_started_server_asks_nobody(tmp_path):
    code = """
import socket, sys
real, asked = socket.socket.connect, []
def connect(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        asked.append(address)
        raise OSError("no network")
    return real(self, address)
looked_up, lookup = [], socket.getaddrinfo
def getaddrinfo(host, *rest, **more):
    if host not in ("127.0.0.1", "::1", "localhost", None):
        looked_up.append(host)
        raise socket.gaierror("no network")
    return lookup(host, *rest, **more)
socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo = connect, connect, getaddrinfo
from pathlib import Path
from starlette.testclient import TestClient
from ui.serving.guard import Access
from ui.serving.server import Serving, create_app
from ui.workspace import Workspace
app = create_app(Workspace(root=Path(sys.argv[1])), Serving(access=Access()))
with TestClient(app, base_url="http://127.0.0.1") as client:
    assert client.get("/").status_code == 200
    assert client.get("/config").status_code == 200
    for _ in range(3):
        client.get("/theme.css"); client.get("/gradio_api/startup-events")
print(asked, looked_up)
"""
    told = python(code, str(tmp_path), HF_HUB_OFFLINE="0", GRADIO_ANALYTICS_ENABLED="True")
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == "[] []"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_studio_soon_though_a_page_is_open(studio, number):
    studio.start()
    with urllib.request.urlopen(f"{studio.url}gradio_api/heartbeat/abc", timeout=10) as heartbeat:
        heartbeat.readline()
        start = time.monotonic()
        studio.process.send_signal(number)
        assert studio.process.wait(20) == 0
        assert time.monotonic() - start < 10
    log = (studio.workspace / "server.log").read_text()
    assert "Traceback" not in log
    assert f"open http://127.0.0.1:{studio.port}" in log


@pytest.mark.slow
def test_a_second_studio_at_the_same_port_does_not_start(studio, capsys):
    studio.start()
    code, text = said(capsys, "--port", str(studio.port), "--workspace", str(studio.workspace))
    assert code == 1
    assert "perhaps by a studio that runs already" in text


@pytest.mark.slow
def test_a_large_file_streams_in_constant_memory(studio):
    import psutil

    large = studio.workspace / "runs" / "a" / "large.mp4"
    large.parent.mkdir(parents=True)
    with large.open("wb") as file:
        file.truncate(2**30)
    studio.start()
    server = psutil.Process(studio.process.pid)
    before, most, size = server.memory_info().rss, 0, 0
    with urllib.request.urlopen(f"{studio.url}media/runs/a/large.mp4", timeout=30) as answer:
        while chunk := answer.read(8 * 2**20):
            size += len(chunk)
            most = max(most, server.memory_info().rss)
    assert size == 2**30
    assert most - before < 100 * 2**20
