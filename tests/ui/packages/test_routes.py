"""The package over HTTP."""

import io
import zipfile

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.ui.packages.made import write_package
from ui.packages.routes import router


@pytest.fixture
def client(workspace, root):
    write_package(root)
    app = FastAPI()
    app.include_router(router(workspace))
    return TestClient(app)


def test_a_package_is_downloaded_under_its_name(client):
    answer = client.get("/package/mine-1")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''mine-1-000020.zip"
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None


@pytest.mark.parametrize("run", ["nothing", "..", "%2e%2e", "..%2f..%2fetc", "mine-1%00"])
def test_anything_else_is_not_found(client, run):
    assert client.get(f"/package/{run}").status_code == 404
