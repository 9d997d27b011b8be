"""Videos, sounds, pictures and evaluation pages of the workspace, played where they lie."""

import asyncio
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path

from fastapi import APIRouter
from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from ui.serving.posters import Posters
from ui.workspace import OutsideError, Workspace

TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
"""What is served, by suffix; nothing else is."""

_SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " img-src data: blob:; media-src data: blob:; frame-ancestors 'self'"
)
"""For evaluation pages, which hold their clips themselves: they run apart from the studio and ask nobody."""
_NOTHING = "sandbox; default-src 'none'; frame-ancestors 'self'"
_POSTERS_WAITING = 4
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")


def router(workspace: Workspace, posters: Posters) -> APIRouter:
    """The addresses `media/...` and `poster/...`."""
    routes = APIRouter()
    drawing = ThreadPoolExecutor(_POSTERS_WAITING, thread_name_prefix="posters")

    @routes.api_route("/media/{area}/{path:path}", methods=["GET", "HEAD"])
    def served(area: str, path: str) -> Response:
        found = _find(workspace, area, path)
        if found is None:
            return PlainTextResponse("There is no such file in this studio.", status_code=404)
        policy = _SANDBOX if found.suffix.lower() == ".html" else _NOTHING
        return Played(found, TYPES[found.suffix.lower()], {"Content-Security-Policy": policy})

    @routes.api_route("/poster/{area}/{path:path}", methods=["GET", "HEAD"])
    async def picture(area: str, path: str) -> Response:
        drawn = await asyncio.get_running_loop().run_in_executor(drawing, _poster, workspace, posters, area, path)
        if drawn is None:
            return PlainTextResponse("There is no picture of that.", status_code=404)
        return drawn

    return routes


def _poster(workspace: Workspace, posters: Posters, area: str, path: str) -> Response | None:
    """The picture of an address; an answer without one where there is nothing to see, None where there is no file.

    A browser shows no picture for such an answer, and does not complain of it.
    """
    found = _find(workspace, area, path)
    if found is None:
        return None
    try:
        drawn = posters.poster(found)
        return Response(status_code=204) if drawn is None else Played(drawn, "image/jpeg", {})
    except FileNotFoundError:  # removed meanwhile
        return None


class Played(FileResponse):
    """A file, whole or one range of it, and not again to who has it.

    Args:
        path: The file.
        media_type: Its type.
        headers: Further headers.
    """

    def __init__(self, path: Path, media_type: str, headers: dict[str, str]) -> None:
        kept = {"Cache-Control": "private, max-age=86400", **headers}
        super().__init__(path, media_type=media_type, headers=kept, stat_result=path.stat())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        asked = Headers(scope=scope)
        if self._is_known(asked):
            kept = {key: self.headers[key] for key in ("etag", "cache-control", "last-modified")}
            await Response(status_code=304, headers=kept)(scope, receive, send)
            return
        wanted = asked.get("range", "")
        found = _RANGE.fullmatch(wanted)
        if found is None:  # several ranges, or nothing that is one: the whole file is a proper answer
            headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
            await super().__call__({**scope, "headers": headers}, receive, send)
            return
        start, end = found.groups()
        if not (start or end) or (start and end and int(end) < int(start)) or (not start and int(end) == 0):
            size = int(self.headers["content-length"])
            await Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def _is_known(self, asked: Headers) -> bool:
        """Whether the asker says that it has this very file."""
        tags, since = asked.get("if-none-match"), asked.get("if-modified-since")
        if tags is not None:
            return self.headers["etag"] in [tag.strip().removeprefix("W/") for tag in tags.split(",")]
        try:
            return since is not None and parsedate_to_datetime(since) >= parsedate_to_datetime(
                self.headers["last-modified"]
            )
        except (TypeError, ValueError):
            return False


def _find(workspace: Workspace, area: str, path: str) -> Path | None:
    """The file of an address; None where it is none of ours."""
    places = {**workspace.places("datasets"), **workspace.places("runs")}
    parts = path.split("/")
    if area not in places or not _is_plain(parts):
        return None
    try:
        found = workspace.inside(places[area].joinpath(*parts), "datasets", "runs")
        inner = next(found.relative_to(place) for place in places.values() if found.is_relative_to(place))
        is_file = stat.S_ISREG(found.stat().st_mode)
    except (OutsideError, OSError, ValueError):
        return None
    suffix = found.suffix.lower()
    if not is_file or suffix not in TYPES or not _is_plain(inner.parts):
        return None
    is_page = suffix == ".html"
    return None if is_page and not (area == "runs" and inner.match("*/evaluation/evaluation.html")) else found


def _is_plain(parts: list[str] | tuple[str, ...]) -> bool:
    """Whether names lead down, to nothing that is hidden."""
    return bool(parts) and not any(part.startswith(".") or not part or "\\" in part for part in parts)
