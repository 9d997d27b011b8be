import asyncio
import base64
import time

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from ui.serving.guard import Access, Guard

HOME = "http://127.0.0.1:7860"
PASSWORD = "correct horse"


async def welcome(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        return
    headers = {"Access-Control-Allow-Origin": "*"}
    await PlainTextResponse("welcome", headers=headers)(scope, receive, send)


def visitor(base_url=HOME, **access) -> TestClient:
    return TestClient(Guard(welcome, Access(**access)), base_url=base_url)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "LOCALHOST:7860", "[::1]:7860"])
def test_this_machine_is_let_in(host):
    assert visitor().get("/", headers={"Host": host}).text == "welcome"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "[", "0.0.0.0:7860"]
)
def test_a_name_that_was_made_to_point_here_is_refused(host):
    answer = visitor().get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "--name" in answer.text


def test_a_proxy_does_not_hide_the_name_that_the_browser_asked_for():
    headers = {"X-Forwarded-Host": "evil.example"}
    assert visitor().get("/", headers=headers).status_code == 421
    assert visitor(names=("evil.example",)).get("/", headers=headers).status_code == 200


def test_a_name_that_was_allowed_is_let_in():
    guest = visitor("http://studio.example", names=("Studio.Example",))
    assert guest.get("/", headers={"Origin": "https://studio.example"}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:8888",
        "https://localhost",
        "null",
        "http://127.0.0.1:7860.evil.example",
        "[",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PUT"])
def test_what_a_page_of_another_origin_sends_is_refused(origin, method):
    assert visitor().request(method, "/", headers={"Origin": origin}).status_code == 403


def test_what_our_own_page_sends_is_let_in():
    headers = {"Origin": HOME, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    assert visitor().post("/", headers=headers).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_elsewhere_can_link_here_but_neither_embed_nor_fetch(site):
    def ask(mode, dest):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        return visitor().get("/media/runs/a/b.mp4", headers=headers).status_code

    assert ask("navigate", "document") == 200
    assert [ask("navigate", "iframe"), ask("no-cors", "video"), ask("cors", "empty")] == [403, 403, 403]


def test_a_websocket_of_another_origin_is_refused():
    guest = visitor()
    with guest.websocket_connect("ws://127.0.0.1:7860/", headers={"Origin": HOME}):
        pass
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        with pytest.raises(WebSocketDisconnect), guest.websocket_connect("ws://127.0.0.1:7860/", headers=headers):
            pass


def test_no_other_origin_may_read_an_answer_and_no_page_may_ask_another():
    headers = visitor().get("/").headers
    assert "access-control-allow-origin" not in headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "'unsafe-inline'" not in policy["script-src"]
    assert not [source for sources in policy.values() for source in sources.split() if "*" in source or "//" in source]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "studio.lan", ""])
def test_other_machines_are_let_in_with_a_password_only(host):
    with pytest.raises(ValueError, match="--auth"):
        Access(host=host)
    with pytest.raises(ValueError, match="is 7: take 8 characters"):
        Access(host=host, user="me", password="short12")
    assert Access(host=host, user="me", password=PASSWORD).host == host


def test_a_public_address_needs_a_password():
    with pytest.raises(ValueError, match=r"--share lets other machines in.*--auth"):
        Access(shared=True)
    assert Access(shared=True, user="me", password=PASSWORD).shared


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("me", ""),
        basic("", PASSWORD),
        basic("me", PASSWORD + "x"),
        basic("me", PASSWORD.upper()),
        {"Authorization": "Bearer " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ???"},
        {"Authorization": b"Basic \xff\xfe"},
    ],
)
def test_without_the_password_nothing_is_answered(headers, monkeypatch):
    monkeypatch.setattr("ui.serving.guard._SECONDS_AFTER_A_WRONG_PASSWORD", 0.0)
    guest = visitor(user="me", password=PASSWORD)
    for path in ("/", "/media/runs/x/y.mp4", "/studio-static/studio.js", "/gradio_api/queue/data", "/tensorboard/"):
        answer = guest.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")


def test_with_the_password_any_name_of_the_machine_works():
    guest = visitor("http://box.lan:7860", user="mé", password=PASSWORD)
    assert guest.get("/", headers=basic("mé", PASSWORD)).text == "welcome"


def test_wrong_passwords_are_answered_slowly_and_few_at_a_time(monkeypatch):
    monkeypatch.setattr("ui.serving.guard._SECONDS_AFTER_A_WRONG_PASSWORD", 0.3)
    door = httpx.ASGITransport(Guard(welcome, Access(user="me", password=PASSWORD)))

    async def attack() -> list[int]:
        async with httpx.AsyncClient(transport=door, base_url=HOME) as crowd:
            guesses = await asyncio.gather(*(crowd.get("/", headers=basic("me", f"guess{n}")) for n in range(40)))
            right = await crowd.get("/", headers=basic("me", PASSWORD))
        return [right.status_code, *(answer.status_code for answer in guesses)]

    start = time.monotonic()
    right, *guesses = asyncio.run(attack())
    assert time.monotonic() - start > 0.3
    assert (guesses.count(401), guesses.count(429)) == (8, 32)
    assert right == 200
