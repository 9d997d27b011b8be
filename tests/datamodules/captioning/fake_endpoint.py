"""A server on this machine that behaves like an OpenAI-compatible endpoint, faults included."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CAPTION = "A red circle moves slowly across a plain blue background while a steady tone is heard."


@dataclass
class Reply:
    """What the server does with a request."""

    status: int = 200
    text: str | None = CAPTION
    message: dict[str, Any] | None = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    finish: str = "stop"
    hangs: bool = False
    breaks: bool = False


@dataclass
class FakeEndpoint:
    """Answers with `reply(number, request)`; the number counts questions from 0."""

    reply: Callable[[int, dict[str, Any]], Reply] = lambda number, request: Reply()
    models: Reply | list[str] = field(default_factory=lambda: ["tiny-vl"])
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def texts(self) -> list[str]:
        """What was asked, question by question."""
        return [
            "".join(part["text"] for part in request["messages"][-1]["content"] if part["type"] == "text")
            for request in self.requests
        ]

    def parts(self, kind: str, number: int = 0) -> list[dict[str, Any]]:
        """Parts of one kind of a question."""
        return [part[kind] for part in self.requests[number]["messages"][-1]["content"] if part["type"] == kind]

    def take(self, request: dict[str, Any], headers: dict[str, str]) -> Reply:
        with self._lock:
            number = len(self.requests)
            self.requests.append(request)
            self.headers.append(headers)
        self.arrived.set()
        return self.reply(number, request)


@contextmanager
def serving(fake: FakeEndpoint) -> Iterator[FakeEndpoint]:
    """Runs the server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.paths.append(self.path)
            if isinstance(fake.models, Reply):
                self._send(fake.models)
                return
            body = {"object": "list", "data": [{"id": name} for name in fake.models]}
            self._send(Reply(body=json.dumps(body).encode()))

        def do_POST(self) -> None:
            fake.paths.append(self.path)
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(fake.take(content, dict(self.headers)))

        def _send(self, reply: Reply) -> None:
            if reply.hangs:
                fake.released.wait(30)
                return
            if reply.breaks:
                self.connection.close()
                return
            message = reply.message or {"role": "assistant", "content": reply.text}
            content = {"choices": [{"index": 0, "message": message, "finish_reason": reply.finish}]}
            body = reply.body if reply.body is not None else json.dumps(content).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that goes away is part of the tests

    server = Server(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
