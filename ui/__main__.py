"""`python -m ui`: the studio at http://127.0.0.1:7860."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from ui.serving.guard import Access
from ui.serving.listening import address, listen, open_tunnel, serve
from ui.workspace import Workspace

_LARGEST_UPLOAD_GIB = 1024
_PREFIX = re.compile(r"/?([\w~-][\w.~-]*(/[\w~-][\w.~-]*)*/?)?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_.-]+")


def main(words: Sequence[str] | None = None) -> int:
    """Serve the page until Ctrl-C.

    Args:
        words: Command line in place of `sys.argv`.

    Returns:
        The exit code: 0, 1 if it cannot listen there, or 2 for bad input.
    """
    options = _parser().parse_args(words)
    try:
        _require_sense(options)
        access = _access(options)
        workspace = Workspace(
            root=options.workspace,
            more_datasets=tuple(options.datasets),
            more_models=tuple(options.models),
            comfyui=options.comfyui,
        )
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return _serve(options, access, workspace)


def _serve(options: argparse.Namespace, access: Access, workspace: Workspace) -> int:
    try:
        # first, since it takes no time: what comes next takes seconds
        listening = listen(access.host, options.port)
        port = listening.getsockname()[1]
        if access.shared:
            public = open_tunnel(access.host, port)
            access = replace(access, names=(*access.names, urlsplit(public).hostname or ""))
    except OSError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    from ui.serving.server import Serving, create_app

    app = create_app(workspace, Serving(access=access, root_path=options.root_path, max_upload_gib=options.max_upload))
    sys.stderr.write(f"LTX Recipes works in {workspace.root}\nopen {address(access.host, port)}\n")
    if access.shared:
        sys.stderr.write(f"or, from anywhere, {public}\n")
    serve(app, listening)
    return 0


def _require_sense(options: argparse.Namespace) -> None:
    """Check single values.

    Raises:
        ValueError: If one makes no sense.
    """
    if not 0 < options.max_upload <= _LARGEST_UPLOAD_GIB:
        raise ValueError(f"`--max-upload` is {options.max_upload:g}, but must be above 0 and at most 1024 GiB.")
    if not 0 <= options.port < 2**16:
        raise ValueError(f"`--port` is {options.port}, but must be between 0 and 65535.")
    if not _PREFIX.fullmatch(options.root_path):
        raise ValueError(
            f"`--root-path` is {options.root_path!r}, but must be the path below which the proxy shows the page, such"
            " as /studio."
        )
    for name in options.name:
        if not _HOST.fullmatch(name):
            raise ValueError(f"`--name` is {name!r}, but must be a host name alone, such as studio.example.org.")


def _access(options: argparse.Namespace) -> Access:
    """Who may use it.

    Raises:
        ValueError: If `--auth` is not USER:PASSWORD, or strangers would be let in.
    """
    user, colon, password = (options.auth or os.environ.pop("LTX_STUDIO_AUTH", "")).partition(":")
    if (user or colon) and not (user and password):
        raise ValueError("`--auth` must be USER:PASSWORD, neither of them empty.")
    return Access(host=options.host, user=user, password=password, names=tuple(options.name), shared=options.share)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ui", description="The studio: a page for data, recipes and runs.")
    add = parser.add_argument
    add(
        "--host",
        default="127.0.0.1",
        help="address to listen on, 127.0.0.1 by default; any but this machine's own needs --auth",
    )
    add("--port", type=int, default=7860, help="7860 by default; 0 takes a free one")
    add("--auth", metavar="USER:PASSWORD", help="or in the environment as LTX_STUDIO_AUTH, which no process list shows")
    add("--share", action="store_true", help="a public address through Gradio's relay; needs --auth")
    add("--root-path", default="", metavar="PATH", help="path below which a proxy shows the page, such as /studio")
    add(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a further name by which a proxy calls this machine; repeatable",
    )
    add(
        "--workspace",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where recipes, datasets, models and runs lie; this folder by default",
    )
    add(
        "--datasets",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="a further folder of datasets; repeatable",
    )
    add(
        "--models",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="a further folder of models; repeatable",
    )
    add("--comfyui", type=Path, metavar="FOLDER", help="a ComfyUI installation that exports may be copied to")
    add(
        "--max-upload",
        type=float,
        default=16.0,
        metavar="GIB",
        help="largest upload, of one file or many; 16 by default",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
