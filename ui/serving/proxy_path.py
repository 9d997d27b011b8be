"""The path below which a proxy shows the page, whether the proxy takes it away or passes it on."""

from starlette.datastructures import URL
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class ProxyPath:
    """ASGI middleware that takes a prefix off the path of a request.

    The page itself uses relative addresses, so nothing else has to know the prefix.

    Args:
        app: Serves requests without the prefix.
        prefix: Such as `/studio`; empty or `/` for none.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app, self.prefix = app, ("/" + prefix.strip("/")).rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] in ("http", "websocket") and self.prefix:
            path: str = scope["path"]
            if path == self.prefix and scope["type"] == "http":
                # relative addresses need the slash; the last name alone, since the proxy may have put more before it
                query = URL(scope=scope).query
                target = path.rsplit("/", 1)[1] + "/" + (f"?{query}" if query else "")
                await RedirectResponse(target, status_code=307)(scope, receive, send)
                return
            if path.startswith(self.prefix + "/"):
                kept = path[len(self.prefix) :]
                scope = {**scope, "path": kept, "raw_path": kept.encode()}
        await self.app(scope, receive, send)
