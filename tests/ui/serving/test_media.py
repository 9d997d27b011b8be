import resource
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.serving.villain import SECRET, write_png, write_wav
from ui.workspace import Workspace

STILL = "/media/datasets/mia/still.png"


def test_a_file_is_served_with_its_type_and_runs_nothing(client, grounds):
    answer = client.get(STILL)
    assert answer.content == (grounds.clips / "still.png").read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert "sandbox;" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "datasets/mia/../../../next door/secret.txt",
        "datasets/mia/%2e%2e/%2e%2e/%2e%2e/next%20door/secret.txt",
        "datasets/mia/..%2f..%2f..%2fnext%20door%2fsecret.txt",
        "datasets/mia/%252e%252e%252f%252e%252e%252fnext%20door/secret.txt",
        "datasets/mia/....//....//....//next door/secret.txt",
        "datasets/mia/..%5c..%5c..%5cnext door%5csecret.txt",
        "datasets//etc/passwd",
        "datasets/%2fetc%2fpasswd",
        "datasets//etc/hostname.txt",
        "runs/../../next%20door/secret.json",
        "%2e%2e/next%20door/secret.txt",
        "datasets/mia/link.png",
        "datasets/mia/folder/secret.txt",
        "datasets/mia/.ltx-cache/entry.json",
        "datasets/mia/.git/entry.json",
        "datasets/mia/.hidden.json",
        "datasets/mia/run.py",
        "datasets/mia/page.html",
        "datasets/mia/still.txt%00.png",
        "datasets/mia",
        "datasets/",
        "datasets",
        "recipes/demo.yaml",
        "models/x.json",
        "comfyui/x.json",
        ".studio/jobs/job.json",
        "datasets/../.studio/secret.json",
        "datasets/" + "a/" * 3000 + "x.png",
        "datasets/" + "a" * 3000 + ".png",
        "datasets/~/x.png",
        "datasets/mia/still.png/x.png",
    ],
)
@pytest.mark.parametrize("route", ["media", "poster"])
def test_nothing_else_is_served(client, grounds, outside, route, path):
    (grounds.root / ".studio" / "secret.json").write_text(SECRET)
    answer = client.get(f"/{route}/{path}".replace(" ", "%20"))
    assert answer.status_code == 404
    assert SECRET not in answer.text
    assert str(grounds.root) not in answer.text


@given(name=st.text(st.characters(exclude_characters="/\\\0\n", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_the_address_of_any_name_leads_to_its_file(client, grounds, name):
    file = grounds.clips / f"x{name}.json"
    if len(file.name.encode()) > 255:
        return
    file.write_text(f'"{len(name)}"')
    answer = client.get("/" + Workspace(root=grounds.root).url(file))
    assert (answer.status_code, answer.text) == (200, f'"{len(name)}"')
    file.unlink()


@pytest.mark.parametrize(
    "name", ["a b.png", "50%.png", "50%25.png", "#1?.png", "é ü 日本.png", "a+b&c=d.png", "'\"<b>.png"]
)
def test_odd_names_have_pictures_and_posters(client, grounds, name):
    file = write_png(grounds.clips / name)
    workspace = Workspace(root=grounds.root)
    assert client.get("/" + workspace.url(file)).content == file.read_bytes()
    assert client.get("/" + workspace.poster_url(file)).headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=10-", 10, None), ("bytes=-5", -5, None), ("bytes=3-3", 3, 3)],
)
def test_a_range_is_played_from_where_it_begins(client, grounds, wanted, first, last):
    whole = (grounds.clips / "still.png").read_bytes()
    answer = client.get(STILL, headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == whole[first : None if last is None else last + 1]
    assert answer.headers["content-range"].endswith(f"/{len(whole)}")


@pytest.mark.parametrize("wanted", ["bytes=9999999-", "bytes=5-2", "bytes=-0", "bytes=-", "bytes=99999999999999999-"])
def test_a_range_that_is_not_there_is_refused(client, wanted):
    answer = client.get(STILL, headers={"Range": wanted})
    assert answer.status_code == 416
    assert answer.headers["content-range"].startswith("bytes */")


@pytest.mark.parametrize(
    "wanted",
    ["bytes=0-1,3-4", "bytes=" + "0-0," * 5000 + "1-1", "seconds=1-2", "bytes", "", "bytes=" + "9" * 5000 + "-"],
)
def test_a_range_that_is_not_understood_gives_the_whole(client, grounds, wanted):
    answer = client.get(STILL, headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (200, (grounds.clips / "still.png").read_bytes())


def test_only_the_headers_are_sent_where_only_they_are_asked_for(client, grounds):
    answer = client.head(STILL)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == (grounds.clips / "still.png").stat().st_size
    assert client.head("/poster/datasets/mia/still.png").headers["content-type"] == "image/jpeg"


def test_a_file_is_not_sent_again_to_who_has_it(client):
    first = client.get(STILL)
    for headers in (
        {"If-None-Match": first.headers["etag"]},
        {"If-None-Match": f'"other", W/{first.headers["etag"]}'},
        {"If-Modified-Since": first.headers["last-modified"]},
    ):
        again = client.get(STILL, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
    for headers in (
        {"If-None-Match": '"other"'},
        {"If-Modified-Since": "yesterday"},
        {"If-Range": '"other"', "Range": "bytes=0-1"},
    ):
        assert client.get(STILL, headers=headers).status_code == 200


def test_an_evaluation_page_runs_apart_from_the_studio(client):
    policy = client.get("/media/runs/mia-1/evaluation/evaluation.html").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_media_are_read_only(client, grounds, method):
    before = (grounds.clips / "still.png").stat().st_mtime_ns
    assert client.request(method, STILL).status_code in (404, 405)
    assert (grounds.clips / "still.png").stat().st_mtime_ns == before


def test_a_sound_is_played_and_has_no_poster(client, grounds):
    write_wav(grounds.run / "tone.wav")
    assert client.get("/media/runs/mia-1/tone.wav").headers["content-type"] == "audio/wav"
    assert client.get("/poster/runs/mia-1/tone.wav").status_code == 204


def test_a_large_file_does_not_go_through_memory(client, grounds):
    large = grounds.clips / "large.mp4"
    with large.open("wb") as file:
        file.truncate(600 * 2**20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = client.get("/media/datasets/mia/large.mp4", headers={"Range": f"bytes={590 * 2**20}-{590 * 2**20 + 9}"})
    assert answer.content == b"\0" * 10
    unit = 1024 if sys.platform == "linux" else 1
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 50 * 2**20
    large.unlink()
