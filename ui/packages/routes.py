"""The address `package/<run>`: a run's ComfyUI package as a zip file."""

from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from ui.packages.zip_file import zip_name, zip_stream
from ui.workspace import Workspace


def router(workspace: Workspace) -> APIRouter:
    """The address of the packages."""
    routes = APIRouter()

    @routes.get("/package/{run}")
    def package(run: str) -> Response:
        try:
            name, parts = zip_name(workspace, run), zip_stream(workspace, run)
        except (ValueError, OSError) as error:
            return PlainTextResponse(str(error), status_code=404)
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
            "Cache-Control": "no-store",
        }
        return StreamingResponse(parts, media_type="application/zip", headers=headers)

    return routes
