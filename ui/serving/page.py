"""The page as Gradio writes it, made to work below any address and to run its own scripts only.

Gradio writes the address by which the server was asked into the page, which a proxy in between may have changed: the
browser knows better. It also mentions addresses of its makers and of the server's root, and has scripts in the page
itself, which are allowed by their hashes so that no other is.
"""

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.serving.guard import POLICY

_HERE = 'window.gradio_config.root = new URL(".", document.baseURI).href.replace(/\\/$/, "");'
_CONFIG_END = re.compile(r"(window\.gradio_config = .*?;)(</script>)", re.DOTALL)
_ROOT = re.compile(r'const root = "[^"\n]*";')
_ELSEWHERE = re.compile(r'\s*<meta\s+(?:property|name)="(?:og|twitter):[^>]*>|\s*<link rel="manifest"[^>]*>')
_ICON = (
    '<link rel="icon" type="image/svg+xml" href="data:image/svg+xml,'
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3.5'"
    " fill='%230d9488'/%3E%3Cpath d='M6 4.5v7l5.5-3.5z' fill='white'/%3E%3C/svg%3E\">"
)
"""Without one a browser asks the server's root for it."""
_INLINE = re.compile(r"<script(?:\s+data-gradio-mode)?>(.*?)</script>", re.DOTALL)


class Page:
    """ASGI middleware that rewrites what is served at `/`.

    Args:
        app: Serves the page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "GET":
            await self.app(_uncompressed(scope), receive, _Rewriting(send))
        else:
            await self.app(scope, receive, send)


class _Rewriting:
    """Holds an answer back until it is complete."""

    def __init__(self, send: Send) -> None:
        self.send, self.body = send, b""
        self.start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        if message["type"] != "http.response.body" or self.start is None:
            await self.send(message)
            return
        self.body += message.get("body", b"")
        if message.get("more_body"):
            return
        headers = MutableHeaders(scope=self.start)
        if headers.get("content-type", "").startswith("text/html"):
            page = rewritten(self.body.decode("utf-8"))
            self.body = page.encode("utf-8")
            headers["Content-Security-Policy"] = POLICY.format(scripts=_hashes(page))
            headers["Content-Length"] = str(len(self.body))
            headers["Cache-Control"] = "no-cache"
        await self.send(self.start)
        await self.send({"type": "http.response.body", "body": self.body})


def rewritten(page: str) -> str:
    """The page with its own address for root, without the addresses of others."""
    page = _CONFIG_END.sub(lambda found: found[1] + _HERE + found[2], page, count=1)
    page = _ROOT.sub("const root = window.gradio_config.root;", page, count=1)
    return _ELSEWHERE.sub("", page).replace("</head>", f"\t{_ICON}\n\t</head>", 1)


def _hashes(page: str) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE.findall(page))
    return "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _uncompressed(scope: Scope) -> Scope:
    """The request without an offer to unpack the answer."""
    kept = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    return {**scope, "headers": kept}
