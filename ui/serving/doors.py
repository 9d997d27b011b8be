"""The doors to Gradio: those that the page uses, with a look at what is carried through.

Gradio answers many addresses besides: files by path, other servers by proxy, an interface for programs, monitoring.
They stay shut. Gradio mounted in a server (6.31) does not check the paths of the "files" that a request names, so that
they are checked here: only what was uploaded may be named.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.serving.uploads_folder import FullError, UploadsFolder

_PAGES = frozenset({"/", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/gradio_api/theme.css"})
_FILES = ("/assets/", "/static/", "/svelte/", "/gradio_api/heartbeat/")
_STREAMS = frozenset(
    {"/gradio_api/queue/data", "/gradio_api/upload_progress", "/gradio_api/startup-events", "/gradio_api/app_id"}
)
_CALLS = frozenset(
    {
        "/gradio_api/queue/join",
        "/gradio_api/run/predict",
        "/gradio_api/api/predict",
        "/gradio_api/component_server",
        "/gradio_api/component_server/",  # as the page itself calls it
        "/gradio_api/cancel",
        "/gradio_api/reset",
    }
)
_PLAIN = re.compile(r"(/(?!\.\.)[\w.@+~-]{1,200}){2,8}")
_UPLOAD, _FILE = "/gradio_api/upload", "/gradio_api/file="
_LARGEST_CALL = 16 * 2**20
_FORM_OVERHEAD = 2**20
"""Bytes of an upload beside its files."""
_TYPES: dict[str, type | tuple[type, ...]] = {
    "session_hash": str,
    "fn_name": str,
    "fn_index": (int, type(None)),
    "component_id": (int, str),
    "event_id": (str, type(None)),
}


class RefusedError(ValueError):
    """A request that is not let through; the status belongs to HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Doors:
    """ASGI middleware between the server and Gradio.

    Args:
        app: Gradio.
        uploads: Where uploads lie.
        largest_upload: Bytes.
    """

    def __init__(self, app: ASGIApp, uploads: UploadsFolder, largest_upload: int) -> None:
        self.app, self.uploads, self.largest_upload = app, uploads, largest_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "websocket":
            await PlainTextResponse("There is no such address.", 404)(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            passed = await self._checked(scope, receive)
        except (RefusedError, FullError) as error:
            status = error.status if isinstance(error, RefusedError) else 507
            await PlainTextResponse(str(error), status, {"Connection": "close"})(scope, receive, send)
            return
        await self.app(scope, passed, _sandboxed(send) if scope["path"].startswith(_FILE) else send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        """What the request carries, to be read by Gradio.

        Raises:
            RefusedError: If it may not pass.
            FullError: If there is no room for an upload.
        """
        method, path = scope["method"], scope["path"]
        if method in ("GET", "HEAD"):
            if path.startswith(_FILE) and self.uploads.holds(path.removeprefix(_FILE)):
                return receive
            if path in _PAGES or path in _STREAMS or (path.startswith(_FILES) and _PLAIN.fullmatch(path)):
                return receive
        if method == "POST" and path == _UPLOAD:
            return self._upload(Headers(scope=scope), receive)
        if method == "POST" and path in _CALLS:
            return await self._call(Headers(scope=scope), receive)
        raise RefusedError(404, "There is no such address in this studio.")

    def _upload(self, headers: Headers, receive: Receive) -> Receive:
        """Counts what is received and stops at the limit."""
        limit = self.largest_upload + _FORM_OVERHEAD
        told = headers.get("content-length", "")
        expected = int(told) if told.isdecimal() else 0
        if expected > limit:
            raise RefusedError(413, f"This upload has {_size(expected)}; {self._rule()}")
        self.uploads.make_room(expected)
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            # Gradio stops reading, answers and removes what it has written so far.
            return {"type": "http.disconnect"} if received > limit else message

        return counted

    def _rule(self) -> str:
        return (
            f"at most {_size(self.largest_upload)} are taken: copy large files into the workspace's datasets folder, or"
            " start the studio with a larger --max-upload."
        )

    async def _call(self, headers: Headers, receive: Receive) -> Receive:
        """The body of a call to one of the page's functions, read and checked."""
        if headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise RefusedError(415, "Calls must be JSON.")
        body = await _body(receive)
        try:
            content = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RefusedError(400, "This is not JSON.") from error
        if not isinstance(content, dict):
            raise RefusedError(400, "A call must be a JSON object.")
        for key, kind in _TYPES.items():
            if not isinstance(content.get(key, "" if key != "fn_index" else None), kind):
                raise RefusedError(400, f"`{key}` is of the wrong type.")
        for named in _files_named(content):
            if not self.uploads.holds(named):
                raise RefusedError(403, "This names a file that was not uploaded here.")
        return _replayed(body, receive)


def _files_named(content: Any) -> Iterator[str]:
    """Paths of everything that Gradio takes for a file, whatever its type."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            meta = value.get("meta")
            if isinstance(meta, dict) and "_type" in meta:
                path = value.get("path")
                yield path if isinstance(path, str) else ""
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "The request broke off.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _LARGEST_CALL:
            raise RefusedError(413, f"A call may have {_size(_LARGEST_CALL)} at most.")
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _sandboxed(send: Send) -> Send:
    """What was uploaded never runs as a page of ours."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Content-Security-Policy"] = "sandbox; default-src 'none'"
        await send(message)

    return sending


def _size(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
