"""A reverse proxy as people put in front: it shows the studio below a path."""

import contextlib
import threading
import time
from collections.abc import Iterator

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.ui.browser.studio import free_port

_OWN = {"transfer-encoding", "connection", "content-encoding", "content-length"}


@contextlib.contextmanager
def proxied(target: str, prefix: str, *, strips: bool, keeps_host: bool) -> Iterator[str]:
    """The address at which the studio at `target` is shown below `prefix`.

    Args:
        target: Address of the studio, such as `http://127.0.0.1:7860`.
        prefix: Such as `/studio`.
        strips: Whether the studio is asked without the prefix.
        keeps_host: Whether the studio sees the `Host` that the browser asked for; else `X-Forwarded-Host` tells it.
    """
    client = httpx.AsyncClient(base_url=target, timeout=None)

    async def forward(request) -> Response:
        if not request.url.path.startswith(prefix + "/"):
            return PlainTextResponse("not below the prefix", 404)
        path = request.scope["raw_path"].decode()
        headers = [(name, value) for name, value in request.headers.items() if keeps_host or name != "host"]
        headers += [] if keeps_host else [("x-forwarded-host", request.headers["host"])]
        asked = client.build_request(
            request.method,
            (path.removeprefix(prefix) if strips else path) + (f"?{request.url.query}" if request.url.query else ""),
            headers=headers,
            content=request.stream() if request.method == "POST" else None,
        )
        answer = await client.send(asked, stream=True)
        kept = {name: value for name, value in answer.headers.items() if name not in _OWN - {"content-encoding"}}
        return StreamingResponse(answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose))

    everything = Route("/{path:path}", forward, methods=["GET", "HEAD", "POST", "OPTIONS"])
    port = free_port()
    config = uvicorn.Config(Starlette(routes=[everything]), port=port, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the proxy does not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}{prefix}/"
    finally:
        server.should_exit = True
        thread.join(10)
