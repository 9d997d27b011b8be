"""Every function of the page, called with what a villain would send."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

import ui.app
from tests.ui.serving.page_calls import PageCalls, listing
from tests.ui.serving.villain import SECRET, Grounds
from ui.jobs.runner import Runner
from ui.serving.guard import Access
from ui.serving.server import Serving, create_app
from ui.workspace import Workspace

pytestmark = pytest.mark.slow

PATHS = [
    "{outside}",
    "{outside}/secret.txt",
    "{outside}/secret.yaml",
    "../next door/secret.json",
    "datasets/../../next door/secret.png",
    "datasets/mia/folder/secret.txt",
    "datasets/mia/folder",
    "runs/../../next door",
    "/etc/passwd",
]
TEXTS = [
    "",
    "\0",
    "mia",
    "mia-1",
    "datasets/mia",
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "!!python/object/apply:os.system ['touch {outside}/pwned']",
    "model: {{class_path: os.system, init_args: {{command: 'touch {outside}/pwned'}}}}",
    "seed: 1\ndata: {{sources: ['{outside}']}}\n",
    "; touch '{outside}/pwned' #",
    "--config={outside}/secret.yaml",
    "\ud800",
    "a" * 100_000,
]
ODD = [
    None,
    True,
    -1,
    10**400,
    float("inf"),
    [[["x"]]],
    ["../next door/secret.txt", "/etc/passwd"],
    {"path": "/etc/passwd", "name": "../../x", "index": [0, -1], "value": {"run": "../../next door"}},
    {"run": "mia-1", "clip": "../../../next door/secret.mp4", "caption": "x", "version": "x", "paths": ["/etc/passwd"]},
    [{"clip": "folder/secret.txt", "caption": "<b>"}] * 3,
]


@pytest.fixture(scope="module")
def calls(grounds) -> Iterator[PageCalls]:
    """The whole page; jobs are taken down, and none is started."""
    built = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, "_advance", lambda _: None)
        patch.setattr("ui.serving.server.build_ui", lambda *given: built.append(ui.app.build_ui(*given)) or built[0])
        app = create_app(Workspace(root=grounds.root), Serving(access=Access()))
        with TestClient(app, base_url="http://127.0.0.1:7860", raise_server_exceptions=False) as client:
            yield PageCalls(client, built[0], grounds)


def meant(value, grounds: Grounds):
    return value.format(outside=grounds.outside, root=grounds.root) if isinstance(value, str) else value


@pytest.mark.parametrize("turn", range(0, 20, 4))
def test_no_text_makes_the_page_read_or_write_elsewhere(calls, grounds, outside, turn):
    """Each function meets five of the texts, which take all functions in turns: all with all takes minutes."""
    before = listing(grounds)
    calls.mistakes.clear()
    answers = calls.everything(*(meant(value, grounds) for value in (*PATHS, *TEXTS)), turn=turn)
    assert SECRET not in answers
    assert "root:x:0" not in answers
    assert "Traceback" not in answers
    assert listing(grounds) == before
    assert calls.mistakes == []


@pytest.mark.parametrize("turn", range(0, 9, 3))
def test_nothing_of_the_wrong_kind_makes_the_page_read_or_write_elsewhere(calls, grounds, outside, turn):
    before = listing(grounds)
    answers = calls.everything(*ODD, turn=turn)
    assert SECRET not in answers
    assert "root:x:0" not in answers
    assert "Traceback" not in answers
    assert listing(grounds) == before


def test_the_page_works_after_the_attacks(calls):
    calls.everything("datasets/mia")
    assert calls.client.get("/").status_code == 200
