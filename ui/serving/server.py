"""The server: the page with its media, behind the guard, on one port."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from ltx_module.evaluation import template
from ui.app import build_ui
from ui.jobs.runner import Runner
from ui.packages import routes as packages
from ui.serving import media, tensorboard
from ui.serving.doors import Doors
from ui.serving.guard import Access, Guard
from ui.serving.page import Page
from ui.serving.posters import Posters
from ui.serving.proxy_path import ProxyPath
from ui.serving.uploads_folder import UploadsFolder
from ui.theme import theme
from ui.workspace import Workspace

STATIC = Path(__file__).parents[1] / "static"
_SHARED_SCRIPTS = (Path(template.__path__[0]) / "clock.js",)  # plays clips in step, as on the evaluation's page
_LOG = logging.getLogger(__name__)
_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_BETWEEN_CLEANINGS = 3600.0
_UPLOADS_KEPT = 4
"""Times the largest upload."""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How the page is served."""

    access: Access
    """Who may use it."""
    root_path: str = ""
    """Path below which a proxy shows the page, such as `/studio`; empty for the root."""
    max_upload_gib: float = 16.0
    """Largest upload, of one file or many."""

    @property
    def largest_upload(self) -> int:
        """Largest upload in bytes."""
        return round(self.max_upload_gib * 2**30)


def create_app(workspace: Workspace, serving: Serving) -> FastAPI:
    """The whole server as an application.

    Args:
        workspace: The folders it works on.
        serving: How it is served.
    """
    uploads = UploadsFolder(path=workspace.state / "uploads", largest_bytes=_UPLOADS_KEPT * serving.largest_upload)
    _keep_to_itself(uploads)
    runner, posters = Runner(workspace), Posters(workspace)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        repeated = ((runner.advance, _SECONDS_BETWEEN_LOOKS), (uploads.clean, _SECONDS_BETWEEN_CLEANINGS))
        tasks = [asyncio.create_task(_repeat(work, seconds)) for work, seconds in repeated]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.to_thread(posters.close)

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/studio-static/{name}", _static, methods=["GET"])
    for routes in (media.router(workspace, posters), packages.router(workspace), tensorboard.router(workspace)):
        app.include_router(routes)
    _mount_page(app, build_ui(workspace, runner), serving, uploads)
    # the outermost comes last
    app.add_middleware(Page)
    app.add_middleware(Guard, access=serving.access)
    app.add_middleware(ProxyPath, prefix=serving.root_path)
    return app


def _mount_page(app: FastAPI, blocks: gr.Blocks, serving: Serving, uploads: UploadsFolder) -> None:
    """Gradio behind the doors that the page needs."""
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        theme=theme(),
        head=_head(),
        footer_links=[],
        run_history=False,
        show_error=True,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        max_file_size=serving.largest_upload,
    )
    # Gradio 6.31 checks the paths of uploads, and treats SVG as unsafe, only in a page that it launched itself.
    blocks.has_launched = blocks.is_running = True
    mount = app.routes[-1]
    assert isinstance(mount, Mount)
    mount.app = Doors(mount.app, uploads, serving.largest_upload)


async def _repeat(work: Callable[[], None], seconds: float) -> None:
    """Do something now and then, whether or not a page is open."""
    while True:
        try:
            await asyncio.to_thread(work)
        except OSError as error:  # a full or vanished disk, which may come back
            _LOG.warning("%s", error)
        await asyncio.sleep(seconds)


def _keep_to_itself(uploads: UploadsFolder) -> None:
    """Nothing is sent anywhere, and what Gradio writes lies in the workspace."""
    uploads.path.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False",
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        GRADIO_TEMP_DIR=str(uploads.path),
        GRADIO_EXAMPLES_CACHE=str(uploads.path / "examples"),
    )


def _head() -> str:
    """Style sheets and scripts of the page, by addresses that change with their content."""
    return "".join(
        [
            f'<link rel="stylesheet" href="studio-static/studio.css?v={_version("css")}">',
            f'<script src="studio-static/studio.js?v={_version("js")}"></script>',
        ]
    )


def _static(name: str, request: Request) -> Response:
    """All scripts as one, or all style sheets."""
    kind = {"studio.js": "js", "studio.css": "css"}.get(name)
    if kind is None:
        return Response(status_code=404)
    types = {"js": "text/javascript", "css": "text/css"}
    fresh = "v" in request.query_params
    headers = {"Cache-Control": "public, max-age=31536000, immutable" if fresh else "no-cache"}
    return Response(_bundle(kind), media_type=types[kind], headers=headers)


@cache
def _bundle(kind: str) -> str:
    """The files of a kind behind one another, the shell's first."""
    files = sorted(STATIC.glob(f"*.{kind}"), key=lambda path: (path.stem != "studio", path.name))
    files = [*_SHARED_SCRIPTS, *files] if kind == "js" else files
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@cache
def _version(kind: str) -> str:
    """Changes when a file of the kind does."""
    import hashlib

    return hashlib.sha256(_bundle(kind).encode()).hexdigest()[:12]
