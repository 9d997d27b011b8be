from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from starlette.testclient import TestClient

from tests.ui.serving.villain import SECRET, Grounds
from ui.serving.guard import Access
from ui.serving.server import Serving, create_app
from ui.workspace import Workspace


@pytest.fixture(scope="module")
def grounds(tmp_path_factory) -> Grounds:
    """A workspace with a dataset and a run, and beside it what nobody may see."""
    return Grounds.lay_out(tmp_path_factory.mktemp("grounds"))


@pytest.fixture(scope="module")
def client(grounds) -> Iterator[TestClient]:
    """The server with a page that takes and gives files, asked from this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ui.serving.server.build_ui", lambda *_: small_page())
        app = create_app(Workspace(root=grounds.root), Serving(access=Access(), max_upload_gib=4 / 1024))
    with TestClient(app, base_url="http://127.0.0.1:7860", raise_server_exceptions=False) as one:
        yield one


def small_page() -> gr.Blocks:
    with gr.Blocks(analytics_enabled=False) as blocks:
        shown = gr.Textbox()
        for component in (gr.File(), gr.Image(type="filepath"), gr.Video(), gr.Audio(type="filepath")):
            component.change(str, [component], [shown])
        gr.HTML(html_template="<i></i>", js_on_load="1", server_functions=[echo])
    return blocks


def echo(text):
    return text


@pytest.fixture
def outside(grounds) -> Iterator[Path]:
    """What lies outside; the test fails if it changed."""
    before = grounds.outside_listing()
    yield grounds.outside
    assert grounds.outside_listing() == before
    assert grounds.secret.read_text() == SECRET
