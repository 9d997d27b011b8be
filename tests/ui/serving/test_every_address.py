"""The password and the checks of origin and name hold for every address that the server knows."""

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.ui.serving.conftest import small_page
from tests.ui.serving.villain import SECRET
from ui.serving.guard import Access
from ui.serving.server import Serving, create_app
from ui.workspace import Workspace

ADDRESSES = [
    "/",
    "/config",
    "/theme.css",
    "/favicon.ico",
    "/assets/x.js",
    "/static/x.js",
    "/studio-static/studio.js",
    "/media/datasets/mia/still.png",
    "/poster/datasets/mia/still.png",
    "/package/mia-1",
    "/tensorboard",
    "/tensorboard/",
    "/tensorboard/data/runs",
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/heartbeat/abc",
    "/gradio_api/queue/data?session_hash=abc",
    "/gradio_api/upload",
    "/gradio_api/component_server/",
    "/gradio_api/run/predict",
    "/no/such/address",
]


@pytest.fixture(scope="module")
def guarded(grounds):
    """The server with a password; no test of this file gets past it, so that nothing is started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ui.serving.server.build_ui", lambda *_: small_page())
        patch.setattr("ui.serving.guard._SECONDS_AFTER_A_WRONG_PASSWORD", 0.0)
        access = Access(user="me", password="correct horse")
        app = create_app(Workspace(root=grounds.root), Serving(access=access, root_path="/studio"))
        with TestClient(app, base_url="http://127.0.0.1:7860") as one:
            yield one


@pytest.mark.parametrize("address", [*ADDRESSES, *(f"/studio{address}" for address in ADDRESSES)])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("credentials", [None, ("me", "wrong horse"), ("you", "correct horse")])
def test_nothing_is_answered_without_the_password(guarded, address, method, credentials):
    answer = guarded.request(method, address, auth=credentials, follow_redirects=False)
    assert answer.status_code == 401


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_is_answered_to_a_page_or_a_name_from_elsewhere(client, address):
    assert client.post(address, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.get(address, headers={"Host": "evil.example"}, follow_redirects=False).status_code == 421


@pytest.mark.parametrize("address", ["/", "/tensorboard/", "/gradio_api/queue/join", "/studio/tensorboard/"])
def test_no_websocket_is_opened(guarded, client, address):
    for guest in (guarded, client):
        with pytest.raises(WebSocketDisconnect), guest.websocket_connect(f"ws://127.0.0.1:7860{address}"):
            pass


@pytest.mark.parametrize(
    "run",
    [
        "..",
        "%2e%2e",
        "../../next%20door",
        "..%2f..%2fnext%20door",
        "mia-1%2f..%2f..%2f..%2fnext%20door",
        "mia-1/../..",
        "%2fetc",
        "%00",
        "-rf",
        "a" * 5000,
    ],
)
def test_a_package_is_one_of_a_run(client, outside, run):
    answer = client.get(f"/package/{run}")
    assert answer.status_code in (200, 400, 404)  # a client takes the dots away itself, which leads to the page
    assert SECRET not in answer.text
    assert not answer.content.startswith(b"PK")
