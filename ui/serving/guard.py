"""Who may talk to the studio: this machine, or someone with the password, from the studio's own pages.

Any web page that is open in the browser may send requests to 127.0.0.1, also under a name of its own that it lets point
there. So requests are refused whose `Host` is not one of ours, or that a page of another origin sent. A page of ours
may ask this origin only, and runs no script that came with its data.
"""

import asyncio
import base64
import binascii
import ipaddress
import secrets
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SHORTEST_PASSWORD = 8
_SECONDS_AFTER_A_WRONG_PASSWORD = 1.0
_GUESSES_AT_A_TIME = 8
"""Of one address; more are not even looked at while so many wait."""

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'{scripts}; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:;"
    " connect-src 'self' data: blob:; worker-src 'self' blob:; frame-src 'self'; manifest-src 'self';"
    " base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
"""What a page may load: this origin's files. `eval` is how Gradio runs a component's own JavaScript."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": POLICY.format(scripts=""),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may use the studio.

    Raises:
        ValueError: If other machines reach it without a password, or with a short one.
    """

    host: str = "127.0.0.1"
    """Address to listen on."""
    user: str = ""
    password: str = ""
    """Both empty: everyone who reaches this machine's own address."""
    names: tuple[str, ...] = ()
    """Further names by which a proxy or another machine calls this one."""
    shared: bool = False
    """Whether a public address leads here."""

    def __post_init__(self) -> None:
        """Refuse what would let strangers in."""
        if not self.shared and _is_loopback(self.host):
            return
        where = "--share" if self.shared else f"--host {self.host}"
        if not self.password:
            raise ValueError(
                f"{where} lets other machines in, which could then read your datasets, start processes and fill the"
                " disk: add --auth USER:PASSWORD, or leave it at --host 127.0.0.1 and use an SSH tunnel."
            )
        if len(self.password) < _SHORTEST_PASSWORD:
            raise ValueError(
                f"{where} lets other machines try passwords, and the length of this one is {len(self.password)}: take"
                f" {_SHORTEST_PASSWORD} characters or more."
            )

    @property
    def hosts(self) -> frozenset[str]:
        """Host names that requests may carry."""
        return frozenset(name.lower() for name in (*LOOPBACK, self.host, *self.names))


class Guard:
    """ASGI middleware around everything that is served.

    Args:
        app: What it guards.
        access: Who may use it.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access
        self._wrong: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._stranger(headers) or _from_elsewhere(headers, self.access.names)
        if refusal is None and self.access.password:
            refusal = await self._unknown(headers, (scope.get("client") or ("",))[0])
        await (refusal or self.app)(scope, receive, _with_headers(send))

    def _stranger(self, headers: Headers) -> PlainTextResponse | None:
        """Refuses a name that is not ours; with a password a browser would not send it to another name anyway."""
        if self.access.password:
            return None
        for host in filter(None, (headers.get("host", "") or "nothing", _first(headers, "x-forwarded-host"))):
            if _name(host) not in self.access.hosts:
                return PlainTextResponse(
                    f"This studio is not called {_name(host)!r}: open it at 127.0.0.1, or start it with --name"
                    f" {_name(host)}.",
                    status_code=421,
                )
        return None

    async def _unknown(self, headers: Headers, client: str) -> PlainTextResponse | None:
        """Refuses who does not know the password; guessing is slow."""
        given = headers.get("authorization", "")
        if given and self._wrong[client] >= _GUESSES_AT_A_TIME:
            return PlainTextResponse("Too many wrong passwords: wait a few seconds.", 429, {"Retry-After": "5"})
        if given and self._knows(given):
            return None
        if given:
            self._wrong[client] += 1
            try:
                await asyncio.sleep(_SECONDS_AFTER_A_WRONG_PASSWORD)
            finally:
                self._wrong[client] -= 1
                self._wrong += Counter()  # forgets who waits no more
        return PlainTextResponse(
            "A user name and password are needed.",
            status_code=401,
            headers={"WWW-Authenticate": 'Basic realm="LTX Recipes", charset="UTF-8"'},
        )

    def _knows(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        try:
            given = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return False
        wanted = f"{self.access.user}:{self.access.password}".encode()
        return secrets.compare_digest(given, wanted) and scheme.lower() == "basic"


def _from_elsewhere(headers: Headers, names: tuple[str, ...]) -> PlainTextResponse | None:
    """Refuses what a page of another origin sent."""
    origin = headers.get("origin")
    if origin is not None:
        ours = {headers.get("host", ""), _first(headers, "x-forwarded-host")} - {""}
        if _authority(origin) not in ours and _name(_authority(origin)) not in {name.lower() for name in names}:
            return PlainTextResponse("Requests from pages of other sites are refused.", status_code=403)
    site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode", "navigate")
    framed = headers.get("sec-fetch-dest", "document") in ("iframe", "frame", "embed", "object")
    if site not in ("same-origin", "none") and (mode != "navigate" or framed):
        return PlainTextResponse("Requests from pages of other sites are refused.", status_code=403)
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _first(headers: Headers, name: str) -> str:
    """The first of several values: the one that the outermost proxy saw."""
    return headers.get(name, "").split(",")[0].strip()


def _authority(origin: str) -> str:
    """Host and port of an origin."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _name(host: str) -> str:
    """The name in a `Host` header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return host


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if "access-control-allow-origin" in headers:
                del headers["access-control-allow-origin"]
        await send(message)

    return sending
