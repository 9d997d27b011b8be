"""TensorBoard on the workspace's runs, started when it is first opened, below the page's own address.

It listens on this machine alone, on a port that the system picks. Requests reach it through `tensorboard/...` of this
server, and so through the guard; what they carry for the studio itself, such as its password, is not handed on.
"""

import asyncio
import contextlib
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from ui.workspace import Workspace

logger = logging.getLogger(__name__)

PREFIX = "/tensorboard"
_CODE = Path(__file__).resolve().parents[2]
_SECONDS_TO_START = 60.0
_SECONDS_TO_END = 5.0
_PAGES = ("", "index.html")
_LARGEST_BODY = 1_000_000
_HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    )
)
_KEPT_BACK = frozenset(("host", "authorization", "cookie", "origin", "referer", "content-length", "forwarded"))


class TensorBoard:
    """The process, started once and again if it has ended.

    Args:
        logdir: Directory of the runs.
        python: The interpreter.
    """

    def __init__(self, logdir: Path, python: str = sys.executable) -> None:
        self.logdir, self.python = logdir, python
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ""
        self._starting = asyncio.Lock()

    async def address(self) -> str:
        """Where it listens, such as `http://127.0.0.1:41234`; starts it if it does not run.

        Raises:
            OSError: If it does not start, with the end of what it said.
        """
        async with self._starting:
            if self._process is None or self._process.poll() is not None:
                await asyncio.to_thread(self.stop)
                self._address = await self._start()
            return self._address

    def stop(self) -> None:
        """End it, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    async def _start(self) -> str:
        self.logdir.mkdir(parents=True, exist_ok=True)
        words = [self.python, "-m", "ui.serving.tensorboard_process", str(self.logdir), PREFIX]
        self._process = process = subprocess.Popen(
            words, cwd=_CODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), _SECONDS_TO_START)
        except TimeoutError:
            process.kill()  # which also ends the thread that waits for the line
            line = b""
        found = urlsplit(line.decode(errors="replace").strip())
        if found.hostname is None or found.port is None:
            await asyncio.to_thread(self.stop)
            raise OSError(
                f"TensorBoard did not start within {_SECONDS_TO_START:.0f} s: `tensorboard --logdir {self.logdir}` in a"
                " terminal says why."
            )
        logger.info("TensorBoard listens on 127.0.0.1:%d", found.port)
        return f"http://127.0.0.1:{found.port}"


def router(workspace: Workspace) -> APIRouter:
    """The addresses `tensorboard/...`."""
    board = TensorBoard(workspace.runs)
    client = httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(60.0, connect=5.0), follow_redirects=False)

    @contextlib.asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        await client.aclose()
        await asyncio.to_thread(board.stop)

    routes = APIRouter(lifespan=lifespan)

    @routes.get(PREFIX)
    def beside() -> Response:
        return RedirectResponse("tensorboard/", status_code=307)

    @routes.api_route(f"{PREFIX}/{{path:path}}", methods=["GET", "POST"])
    async def forwarded(path: str, request: Request) -> Response:
        return await _forward(board, client, path, request)

    return routes


async def _forward(board: TensorBoard, client: httpx.AsyncClient, path: str, request: Request) -> Response:
    """Hand a request on, and the answer back while it comes."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            return PlainTextResponse("TensorBoard takes no requests of this size.", status_code=413)
    try:
        address = await board.address()
        url = httpx.URL(address).copy_with(raw_path=_target(path, request.url.query))
        upstream = client.build_request(request.method, url, headers=_request_headers(request.headers), content=body)
        answer = await client.send(upstream, stream=True)
    except (OSError, httpx.HTTPError) as error:
        logger.warning("TensorBoard does not answer: %s", error)
        return PlainTextResponse(f"TensorBoard does not answer. {error}", status_code=502)
    if path in _PAGES:
        return await _page(answer)
    return StreamingResponse(
        _parts(answer),
        status_code=answer.status_code,
        headers=_answer_headers(answer.headers),
        background=BackgroundTask(answer.aclose),
    )


async def _page(answer: httpx.Response) -> Response:
    """TensorBoard's page, which names its fonts from the root of the server (2.21); here they are below the page."""
    content = (await answer.aread()).replace(b"url(/font-roboto/", b"url(font-roboto/")
    await answer.aclose()
    headers = _answer_headers(answer.headers)
    kept = {
        name: value for name, value in headers.items() if name.lower() not in ("content-length", "content-encoding")
    }
    return Response(content, answer.status_code, kept)


def _target(path: str, query: str) -> bytes:
    """Path and query at TensorBoard; the path was decoded once and is encoded once again."""
    encoded = f"{PREFIX}/{quote(path, safe='/:@!$&()*+,;=~')}"
    return f"{encoded}?{query}".encode() if query else encoded.encode()


async def _parts(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The answer's bytes as they were sent, compressed or not."""
    async for part in answer.aiter_raw():
        yield part


def _request_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What TensorBoard may know of a request; what the browser cannot unpack is not to be packed."""
    passed = {
        name: value
        for name, value in headers.items()
        if name.lower() not in _HOP_BY_HOP | _KEPT_BACK and not name.lower().startswith("x-forwarded")
    }
    return {"accept-encoding": "identity", **passed}


def _answer_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What the browser may know of an answer."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in _HOP_BY_HOP | {"set-cookie", "server", "date"}
    }
