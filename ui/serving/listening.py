"""The address that the studio listens at, and how it stops."""

import contextlib
import logging
import secrets
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

_LONGEST_GOODBYE_SECONDS = 3
"""Open pages hold a connection each; they are not waited for longer."""
_PORTS_TRIED = 50


def listen(host: str, port: int) -> socket.socket:
    """A socket that nobody else listens at.

    Args:
        host: Name or address.
        port: 0 takes a free one.

    Raises:
        OSError: If the port is taken or not allowed, or the address is not this machine's; the text says what to do.
    """
    try:
        return _bound(host, port)
    except PermissionError as error:
        raise OSError(f"port {port} needs root: take one above 1023, such as --port 7860.") from error
    except socket.gaierror as error:
        raise OSError(f"--host {host} is not known: use 127.0.0.1, or an address of this machine.") from error
    except OSError as error:
        if error.errno is not None and "in use" in str(error):
            free = _free_port(host, port)
            way_out = f"or start this one with --port {free}, which is free" if free else "or take another --port"
            raise OSError(
                f"port {port} of {host} is in use, perhaps by a studio that runs already: open"
                f" http://{_in_url(host)}:{port}, {way_out}."
            ) from error
        raise OSError(f"cannot listen at --host {host} --port {port}: {error}") from error


def address(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    everywhere = host in ("0.0.0.0", "::")
    return f"http://{'127.0.0.1' if everywhere else _in_url(host)}:{port}"


def open_tunnel(host: str, port: int) -> str:
    """Lead a public address here through Gradio's relay; returns it.

    Raises:
        OSError: If the relay cannot be reached.
    """
    from gradio.networking import setup_tunnel

    try:
        return str(setup_tunnel(host, port, secrets.token_urlsafe(32), None, None))
    except Exception as error:  # whatever the network, the relay or its program come up with
        raise OSError(
            f"no public address could be had from Gradio's relay ({error}): check this machine's connection, or leave"
            " out --share and use an SSH tunnel."
        ) from error


def serve(app: Callable[..., Any], listening: socket.socket) -> None:
    """Answer requests until Ctrl-C or SIGTERM; jobs go on.

    Args:
        app: The application.
        listening: From `listen`.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_LONGEST_GOODBYE_SECONDS,
    )
    # uvicorn raises the signal again when it has stopped: both end in the same way
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    class Server(uvicorn.Server):
        """Cuts the connections that open pages hold without calling it an error."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            super().handle_exit(sig, frame)

    with contextlib.suppress(KeyboardInterrupt):
        Server(config).run(sockets=[listening])


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    one = socket.socket(family, kind, protocol)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(where)
        one.listen(512)
    except BaseException:
        one.close()
        raise
    return one


def _free_port(host: str, port: int) -> int | None:
    for other in range(port + 1, min(port + _PORTS_TRIED, 65536)):
        with contextlib.suppress(OSError), _bound(host, other):
            return other
    return None


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
