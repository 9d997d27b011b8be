import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from tests.ui.browser.conftest import visit  # noqa: F401
from tests.ui.browser.studio import Studio
from tests.ui.serving.proxy import proxied
from tests.ui.serving.villain import write_png
from ui.serving.page import rewritten
from ui.serving.proxy_path import ProxyPath


async def echo(scope, receive, send):
    await PlainTextResponse(scope["path"])(scope, receive, send)


@pytest.mark.parametrize("prefix", ["/studio", "studio/", "/a/studio", "/studio/"])
def test_a_prefix_is_taken_off_where_the_proxy_left_it(prefix):
    full = "/" + prefix.strip("/")
    guest = TestClient(ProxyPath(echo, prefix))
    assert guest.get(f"{full}/media/x").text == "/media/x"
    assert guest.get(f"{full}/").text == "/"
    assert guest.get("/media/x").text == "/media/x"
    assert guest.get(f"{full}x/media").text == f"{full}x/media"


def test_the_page_without_its_slash_leads_to_the_page_with_it():
    answer = TestClient(ProxyPath(echo, "/a/studio")).get("/a/studio?x=1", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "studio/?x=1")


@pytest.mark.parametrize("prefix", ["", "/"])
def test_without_a_prefix_nothing_changes(prefix):
    assert TestClient(ProxyPath(echo, prefix)).get("/studio/x").text == "/studio/x"


def test_the_page_takes_its_own_address_for_root(client):
    page = client.get("/", headers={"X-Forwarded-Proto": "https"}).text
    assert 'window.gradio_config.root = new URL(".", document.baseURI)' in page
    assert 'const root = "' not in page
    assert page.index("gradio_config.root =") > page.index("<base href")
    assert rewritten(page).count("document.baseURI") == 2  # not twice by itself


def test_the_page_mentions_no_other_site(client):
    page = client.get("/").text
    visible = page.replace("http://www.w3.org/", "").replace("http://127.0.0.1:7860", "")
    assert "https://" not in visible.split("window.gradio_config")[0]
    assert "manifest.json" not in page


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "runs" / "a b").mkdir(parents=True)
    write_png(home / "runs" / "a b" / "50% é.png")
    return home


@pytest.fixture(scope="module", params=[[], ["--root-path", "/studio"]], ids=["stripped", "passed on"])
def studio(request, home):
    one = Studio(home)
    one.start(*request.param)
    one.strips = not request.param
    yield one
    one.stop()


PICTURE = "media/runs/a%20b/50%25%20%C3%A9.png"


@pytest.mark.slow
@pytest.mark.parametrize("keeps_host", [True, False], ids=["host kept", "host forwarded"])
def test_everything_works_below_the_path(studio, home, keeps_host):
    with (
        proxied(studio.url.rstrip("/"), "/studio", strips=studio.strips, keeps_host=keeps_host) as address,
        httpx.Client(base_url=address, headers={"Origin": address.split("/studio")[0]}, timeout=30) as guest,
    ):
        assert guest.get("").status_code == 200
        picture = guest.get(PICTURE, headers={"Range": "bytes=0-3"})
        assert (picture.status_code, picture.content) == (206, b"\x89PNG")
        assert guest.get(PICTURE.replace("media", "poster")).headers["content-type"] == "image/jpeg"
        [path] = guest.post("gradio_api/upload", files=[("files", ("a.txt", b"hello"))]).json()
        assert guest.get(f"gradio_api/file={path}").text == "hello"
        with guest.stream("GET", "gradio_api/heartbeat/abc") as events:
            assert next(events.iter_lines()) == "data: ALIVE"
        assert guest.get("", headers={"Origin": "http://evil.example"}).status_code == 403


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("keeps_host", [True, False], ids=["host kept", "host forwarded"])
def test_the_page_asks_for_nothing_above_the_path(studio, visit, keeps_host):  # noqa: F811
    with proxied(studio.url.rstrip("/"), "/studio", strips=studio.strips, keeps_host=keeps_host) as address:
        page = visit(address).page
        page.wait_for_function("document.querySelector('.header-folder')?.textContent.length > 1")
        with page.expect_response("**/gradio_api/queue/data*") as events:
            page.get_by_role("tab", name="Results").click()
        assert events.value.status == 200
        status = page.evaluate(f"fetch(studio.address('{PICTURE}')).then((answer) => answer.status)")
        assert status == 200
        page.close()
