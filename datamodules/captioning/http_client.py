"""Requests to one host: each its own connection, tried again after passing faults, and ended at once on cancelling.

Python's own `http.client` does what is needed and nothing else: it follows no redirect and asks no proxy, so that the
clips go to the address that was given or nowhere.
"""

import contextlib
import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from datamodules.captioning.endpoint_address import Address
from datamodules.captioning.question import CaptionerDownError

logger = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 1.0
"""Before a request is sent again for the first time; doubled every time."""

_PASSING = (408, 409, 425, 429, 500, 502, 503, 504)
_MOST_BYTES = 16 * 2**20  # of an answer
_LONGEST_WAIT_SECONDS = 60.0
_MOST_TIMEOUTS = 2  # of one request; each may take minutes


@dataclass(frozen=True, kw_only=True)
class Response:
    """What the host answered."""

    status: int
    body: bytes
    location: str = ""
    """Where a redirect points."""
    wait_seconds: float | None = None
    """After how long the host wants to be asked again."""

    @property
    def content(self) -> object:
        """The body as JSON, None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class CannotConnectError(CaptionerDownError):
    """Nothing listens at the address."""


class HttpClient:
    """Sends JSON to one address.

    Args:
        address: Where to.
        key: Sent as a bearer token if not empty; never logged, never part of an error.
        timeout: Seconds until a request without an answer counts as failed.
        retries: How often a request is sent again after a passing fault.
    """

    def __init__(self, address: Address, *, key: str, timeout: float, retries: int) -> None:
        self.address = address
        self._key, self._timeout, self._retries = key, timeout, retries
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()

    @property
    def reveals_key(self) -> bool:
        """Whether a key leaves this machine where others can read it."""
        is_here = self.address.host in ("localhost", "::1") or self.address.host.startswith("127.")
        return bool(self._key) and not self.address.is_encrypted and not is_here

    def request(self, method: str, path: str, content: Mapping[str, object] | None = None) -> Response:
        """Send a request, again after 429, 5xx, a timeout or a broken connection.

        Returns:
            The answer, whatever its status.

        Raises:
            CannotConnectError: If no connection can be made.
            CaptionerDownError: If the client was closed.
            TimeoutError: If no answer came in time, every time.
            ConnectionError: If the connection broke, every time.
        """
        body = None if content is None else json.dumps(content).encode()
        for attempt in range(self._retries + 1):
            if self._stopped.is_set():
                break
            is_last, response, problem = attempt == self._retries, None, ""
            try:
                response = self._once(method, path, body)
            except CannotConnectError:
                if is_last or method == "GET":
                    raise
                problem = "cannot be reached"
            except (OSError, http.client.HTTPException) as error:
                if self._stopped.is_set():
                    break
                if is_last or (isinstance(error, TimeoutError) and attempt + 1 >= _MOST_TIMEOUTS):
                    raise self._failed(error, attempt + 1) from error
                problem = f"gave no answer ({_reason(error)})"
            if response is not None:
                if response.status not in _PASSING or is_last:
                    return response
                problem = f"answers {response.status}"
            self._wait(attempt, problem, response)
        raise CaptionerDownError("cancelled")

    def hide_key(self, text: str) -> str:
        """A server's message without the key, which some repeat."""
        return text.replace(self._key, "***") if self._key else text

    def close(self) -> None:
        """Breaks off the requests under way, and lets no other begin."""
        self._stopped.set()
        with self._lock:
            sockets = list(self._sockets)
        for open_socket in sockets:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    def _once(self, method: str, path: str, body: bytes | None) -> Response:
        headers = {"Accept": "application/json"}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        with self._connected() as connection:
            connection.request(method, self.address.path + path, body=body, headers=headers)
            answer = connection.getresponse()
            return Response(
                status=answer.status,
                body=answer.read(_MOST_BYTES),
                location=answer.getheader("Location", ""),
                wait_seconds=_seconds(answer.getheader("Retry-After", "")),
            )

    @contextlib.contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        kind = http.client.HTTPSConnection if self.address.is_encrypted else http.client.HTTPConnection
        connection = kind(self.address.host, self.address.port, timeout=self._timeout)
        try:
            connection.connect()
        except OSError as error:
            raise CannotConnectError(
                f"`--endpoint` {self.address} cannot be reached ({_reason(error)}): start the server, or correct the "
                "address."
            ) from error
        own = connection.sock
        with self._lock:
            self._sockets.add(own)
        try:
            if self._stopped.is_set():  # while it was connecting, when there was nothing to break off
                raise ConnectionAbortedError("cancelled")
            yield connection
        finally:
            with self._lock:
                self._sockets.discard(own)
            connection.close()

    def _failed(self, error: Exception, times: int) -> OSError:
        if isinstance(error, TimeoutError):
            return TimeoutError(
                f"no answer within {self._timeout:g} s, {times} times: raise `--timeout`, or lower "
                "`--concurrency` or `--frames`"
            )
        return ConnectionError(f"the endpoint broke off the connection ({_reason(error)}): see the server's log")

    def _wait(self, attempt: int, problem: str, response: Response | None) -> None:
        seconds = FIRST_WAIT_SECONDS * 2**attempt
        if response is not None and response.wait_seconds is not None:
            seconds = max(seconds, response.wait_seconds)
        seconds = min(seconds, _LONGEST_WAIT_SECONDS)
        logger.info("the endpoint %s: asking again in %.0f s", problem, seconds)
        self._stopped.wait(seconds)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _seconds(text: str) -> float | None:
    """Retry-After in seconds; a date is not read."""
    return float(text) if text.strip().isdecimal() else None
