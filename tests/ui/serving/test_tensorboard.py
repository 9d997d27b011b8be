"""TensorBoard through the server: started on demand, streamed, and gone with the server."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.ui.tries.made import ROOT, workspace_at
from ui.serving.tensorboard import TensorBoard, router

pytestmark = pytest.mark.slow


def wait_until(fulfilled, seconds=20.0):
    end = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    root = tmp_path_factory.mktemp("workspace")
    app = FastAPI()
    app.include_router(router(workspace_at(root)))
    with TestClient(app) as client:
        yield client


def test_the_page_of_tensorboard_comes_through(client):
    answer = client.get("/tensorboard/")
    assert answer.status_code == 200
    assert "<title>TensorBoard" in answer.text
    assert "url(/" not in answer.text


def test_what_its_page_names_is_there(client):
    page = client.get("/tensorboard/").text
    font = re.search(r"url\((font-roboto/[^)]+)\)", page)[1]
    assert client.get(f"/tensorboard/{font}").status_code == 200


def test_a_browser_that_cannot_unpack_gets_plain_data(client):
    answer = client.get("/tensorboard/data/runs", headers={"Accept-Encoding": "identity"})
    assert answer.headers.get("content-encoding", "identity") == "identity"


def test_its_data_comes_through_and_hop_by_hop_headers_do_not(client):
    answer = client.get("/tensorboard/data/environment", headers={"Connection": "keep-alive, x-a", "X-A": "1"})
    assert answer.json()["window_title"] == ""
    assert not {"transfer-encoding", "keep-alive", "server"} & set(answer.headers)


def test_the_address_without_a_slash_leads_on_wherever_a_proxy_shows_it(client):
    answer = client.get("/tensorboard", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "tensorboard/")


def test_paths_stay_with_tensorboard(client):
    for path in ("/tensorboard/../../etc/passwd", "/tensorboard/%2e%2e/%2e%2e/etc/passwd", "/tensorboard/nothing"):
        assert client.get(path).status_code in (400, 404)


def test_other_methods_and_large_bodies_are_refused(client):
    assert client.put("/tensorboard/data/runs").status_code == 405
    assert client.post("/tensorboard/data/plugin/scalars/scalars_multirun", content=b"x" * 1_100_000).status_code == 413


def test_what_belongs_to_the_studio_is_not_handed_on():
    from ui.serving.tensorboard import _answer_headers, _request_headers

    given = {"authorization": "Basic x", "cookie": "a=b", "host": "studio", "accept": "*/*", "x-forwarded-for": "1"}
    assert _request_headers(given) == {"accept": "*/*", "accept-encoding": "identity"}
    assert _answer_headers({"content-type": "a", "set-cookie": "b", "connection": "close"}) == {"content-type": "a"}


def test_one_process_serves_many_and_starts_again_when_it_has_ended(tmp_path):
    async def drive():
        board = TensorBoard(tmp_path / "runs")
        first = set(await asyncio.gather(*(board.address() for _ in range(5))))
        assert len(first) == 1
        process = board._process
        process.kill()
        process.wait()
        second = await board.address()
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{second}/tensorboard/data/runs")).json() == []
        pid = board._process.pid
        board.stop()
        assert not is_alive(pid)

    asyncio.run(drive())


def test_a_python_without_tensorboard_is_told_in_words(tmp_path):
    async def drive():
        with pytest.raises(OSError, match="did not start"):
            await TensorBoard(tmp_path, python="/bin/false").address()

    asyncio.run(drive())


def test_it_ends_with_a_server_that_is_killed(tmp_path):
    script = (
        "import asyncio, sys, time\n"
        "from pathlib import Path\n"
        "from ui.serving.tensorboard import TensorBoard\n"
        f"board = TensorBoard(Path({str(tmp_path)!r}))\n"
        "asyncio.run(board.address())\n"
        "print(board._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    server = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        pid = int(server.stdout.readline())
        assert is_alive(pid)
        server.send_signal(signal.SIGKILL)
        server.wait()
        wait_until(lambda: not is_alive(pid))
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
