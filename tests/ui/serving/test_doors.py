import asyncio
import json

import pytest

from tests.ui.serving.villain import SECRET
from ui.serving.doors import Doors
from ui.serving.uploads_folder import UploadsFolder

CALL = {"data": [], "fn_index": 0, "session_hash": "abc", "event_data": None, "trigger_id": None}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/openapi.json"),
        ("GET", "/gradio_api/proxy=https://example.org/x"),
        ("HEAD", "/gradio_api/proxy=https://example.org/x"),
        ("GET", "/gradio_api/file=https://example.org/x"),
        ("GET", "/gradio_api/file/etc/passwd"),
        ("GET", "/gradio_api/user"),
        ("GET", "/gradio_api/token"),
        ("GET", "/gradio_api/login_check"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/run-history/buckets"),
        ("POST", "/gradio_api/run-history/connect"),
        ("GET", "/gradio_api/deep_link?session_hash=abc"),
        ("GET", "/gradio_api/dev/reload"),
        ("GET", "/gradio_api/custom_component/x/client/component/index.js"),
        ("GET", "/gradio_api/stream/a/b/1/playlist.m3u8"),
        ("GET", "/gradio_api/stream/a/b/1/playlist-file"),
        ("POST", "/gradio_api/stream/abc"),
        ("POST", "/gradio_api/call/predict"),
        ("POST", "/gradio_api/call/v2/predict"),
        ("GET", "/gradio_api/queue/status"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/vibe-edit/"),
        ("GET", "/gradio_api/vibe-code/"),
        ("POST", "/gradio_api/vibe-starter-queries/"),
        ("GET", "/gradio_api/profiling/traces"),
        ("POST", "/gradio_api/mcp/"),
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("POST", "/login"),
        ("GET", "/logout"),
        ("GET", "/pwa_icon"),
        ("GET", "/manifest.json"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("PUT", "/gradio_api/upload"),
        ("GET", "/gradio_api/upload"),
        ("OPTIONS", "/gradio_api/queue/join"),
    ],
)
def test_what_the_page_does_not_need_is_shut(client, method, path):
    assert client.request(method, path).status_code in (404, 405)


@pytest.mark.parametrize("prefix", ["/assets/", "/static/", "/svelte/", "/studio-static/", "/gradio_api/file="])
@pytest.mark.parametrize(
    "path",
    [
        "{outside}/secret.txt",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "../../../../../../../../etc/passwd",
        "..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%252e%252e%252f%252e%252e%252fetc%252fpasswd",
        "..%5c..%5cetc%5cpasswd",
        "file:///etc/passwd",
        "http://127.0.0.1:7860/",
        "http://169.254.169.254/latest/meta-data/",
        "{root}/datasets/mia/still.png",
        "{root}/runs/mia-1/status.json",
        "{root}/.studio/uploads/../../datasets/mia/still.txt",
        "{root}/.studio/uploads/%2e%2e/%2e%2e/datasets/mia/still.txt",
        "{root}/.studio/uploads",
        "{root}/.studio/jobs",
        ".studio/uploads/x",
        "%00",
        "a" * 5000,
    ],
)
def test_no_file_is_served_by_its_path(client, grounds, outside, prefix, path):
    written = path.format(outside=outside, root=grounds.root).replace(" ", "%20")
    answer = client.get(prefix + written)
    assert answer.status_code in (400, 403, 404)
    assert SECRET not in answer.text
    assert "root:" not in answer.text


def upload(client, *contents: bytes, name="clip.mp4"):
    return client.post("/gradio_api/upload", files=[("files", (name, content)) for content in contents])


def test_an_upload_is_served_to_its_page_and_never_runs(client):
    [path] = upload(client, b"<script>alert(1)</script>", name="page.html").json()
    answer = client.get("/gradio_api/file=" + path)
    assert answer.text == "<script>alert(1)</script>"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_drawing_that_was_uploaded_stays_a_download_when_a_function_was_called_with_it(client):
    [path] = upload(client, b"<svg xmlns='http://www.w3.org/2000/svg'/>", name="a.svg").json()
    named = {"path": path, "meta": {"_type": "gradio.FileData"}}
    client.post("/gradio_api/queue/join", json={**CALL, "data": [named]})
    assert client.get("/gradio_api/file=" + path).headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "name",
    ["../../../../etc/cron.d/x.mp4", "..%2f..%2fx.mp4", "/etc/x.mp4", "a\\..\\b.mp4", "..", ".", "\0.mp4", "x" * 400],
)
def test_an_upload_lands_in_its_folder_whatever_its_name(client, grounds, outside, name):
    answer = upload(client, b"content", name=name)
    uploads = grounds.root / ".studio" / "uploads"
    if answer.status_code == 200:
        [path] = answer.json()
        assert path.startswith(f"{uploads}/")
        assert ".." not in path.split("/")
    assert not list(grounds.root.parent.glob("*.mp4"))


def test_a_request_larger_than_the_limit_is_refused_before_it_is_read(client):
    answer = client.post("/gradio_api/upload", content=b"", headers={"Content-Length": str(2**40)})
    assert answer.status_code == 413
    assert "--max-upload" in answer.text


@pytest.mark.parametrize("parts", [(6 * 2**20,), (3 * 2**20, 3 * 2**20)])
def test_an_upload_larger_than_the_limit_leaves_nothing_behind(client, grounds, parts):
    uploads = grounds.root / ".studio" / "uploads"
    before = sorted(uploads.rglob("*"))
    assert upload(client, *(b"x" * size for size in parts)).status_code == 413
    assert sorted(uploads.rglob("*")) == before


def test_an_upload_that_does_not_tell_its_size_ends_at_the_limit(tmp_path):
    read = []

    async def reading(scope, receive, send):
        while (message := await receive())["type"] == "http.request":
            read.append(len(message["body"]))

    async def endless():
        return {"type": "http.request", "body": b"x" * 2**20, "more_body": True}

    doors = Doors(reading, UploadsFolder(path=tmp_path, largest_bytes=2**30), largest_upload=4 * 2**20)
    scope = {"type": "http", "method": "POST", "path": "/gradio_api/upload", "headers": []}
    asyncio.run(doors(scope, endless, None))
    assert sum(read) <= 5 * 2**20


FOREIGN = [
    "/etc/passwd",
    "{outside}/secret.mp4",
    "{root}/datasets/mia/still.png",
    "{root}/.studio/uploads/../../datasets/mia/still.png",
    "http://127.0.0.1:1/x",
    "https://example.org/x.mp4",
    "file:///etc/passwd",
    "uploads/x",
    "",
    "\0",
    None,
    7,
    ["/etc/passwd"],
]


@pytest.mark.parametrize("path", FOREIGN)
@pytest.mark.parametrize("route", ["queue/join", "run/predict", "component_server", "component_server/"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_call_cannot_name_a_file_that_was_not_uploaded(client, grounds, outside, path, route, deep):
    named = path.format(outside=outside, root=grounds.root) if isinstance(path, str) else path
    file = {"path": named, "url": "/gradio_api/file=x", "meta": {"_type": "gradio.FileData"}}
    body = {**CALL, "component_id": 1, "fn_name": "x", "data": [{"value": [[file]]}] if deep else [file]}
    answer = client.post(f"/gradio_api/{route}", json=body)
    assert answer.status_code == 403
    assert not list((grounds.root / ".studio" / "uploads").rglob("passwd"))


def test_a_call_may_name_what_was_uploaded(client):
    [path] = upload(client, b"content").json()
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    assert client.post("/gradio_api/queue/join", json={**CALL, "data": [file]}).status_code != 403


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"[" * 200_000, 400),
        (json.dumps({**CALL, "session_hash": ["abc"]}).encode(), 400),
        (json.dumps({**CALL, "session_hash": {}}).encode(), 400),
        (json.dumps({**CALL, "fn_index": "x"}).encode(), 400),
        (json.dumps({**CALL, "component_id": []}).encode(), 400),
        (json.dumps({**CALL, "fn_name": 3}).encode(), 400),
        (b'{"data": "' + b"x" * (17 * 2**20) + b'"}', 413),
        (b"\xff\xfe{}", 400),
    ],
)
@pytest.mark.parametrize("route", ["queue/join", "run/predict", "component_server", "cancel", "reset"])
def test_a_call_that_is_none_is_refused_in_words(client, content, status, route):
    answer = client.post(f"/gradio_api/{route}", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_call_that_a_form_of_any_page_could_send_is_refused(client, kind):
    answer = client.post("/gradio_api/run/predict", content=json.dumps(CALL), headers={"Content-Type": kind})
    assert answer.status_code == 415
