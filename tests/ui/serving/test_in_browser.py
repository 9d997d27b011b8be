"""What the browser itself must keep apart, in a browser."""

import shutil

import pytest

from tests.ui.browser.conftest import visit  # noqa: F401
from tests.ui.browser.studio import Studio
from tests.ui.serving.test_posters import write_video
from tests.ui.serving.villain import write_png

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PASSWORD = "correct horse"
EVALUATION = """<!doctype html><title>Evaluation</title><video muted></video><script>
const tried = (work) => { try { work(); return true; } catch { return false; } };
window.reached = {
  storage: tried(() => localStorage.setItem("a", "b")),
  cookies: tried(() => document.cookie),
  opener: tried(() => window.opener?.document),
};
fetch("../../../").then(() => { reached.fetch = true; }, () => { reached.fetch = false; });
const image = new Image();
image.onload = () => { reached.image = true; };
image.onerror = () => { reached.image = false; };
image.src = "../still.png";
const bytes = Uint8Array.from(atob("CLIP"), (each) => each.charCodeAt(0));
document.querySelector("video").src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
</script>"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    import base64

    home = tmp_path_factory.mktemp("home")
    evaluation = home / "runs" / "mia-1" / "evaluation"
    evaluation.mkdir(parents=True)
    write_png(home / "runs" / "mia-1" / "still.png")
    clip = base64.b64encode(write_video(home / "clip.mp4").read_bytes()).decode()
    (evaluation / "evaluation.html").write_text(EVALUATION.replace("CLIP", clip))
    shutil.copy(home / "clip.mp4", home / "runs" / "mia-1" / "a #1 50%?.mp4")
    one = Studio(home)
    one._answers = lambda: "open http" in (home / "server.log").read_text()  # it answers nobody without the password
    one.start("--auth", f"me:{PASSWORD}")
    yield one
    one.stop()


@pytest.fixture
def page(studio, visit):  # noqa: F811
    credentials = {"username": "me", "password": PASSWORD}
    return lambda path="": visit(studio.url + path, http_credentials=credentials)


def test_the_page_works_with_a_password_and_asks_nobody_else(page):
    tab = page().page
    tab.wait_for_function("document.querySelector('.header-folder')?.textContent.length > 1")
    for name in ("Dataset", "Recipe", "Train", "Results", "Try it", "Export"):
        with tab.expect_response("**/gradio_api/**") as answer:
            tab.get_by_role("tab", name=name, exact=True).click()
        assert answer.value.ok
    tab.close()


def test_a_clip_of_any_name_plays(page):
    tab = page().page
    tab.wait_for_function("window.studio")
    tab.evaluate(
        """() => {
          const video = document.createElement("video");
          video.id = "odd";
          video.muted = true;
          video.src = studio.address("media/runs/mia-1/a%20%231%2050%25%3F.mp4");
          document.body.append(video);
          return video.play();
        }"""
    )
    tab.wait_for_function("document.querySelector('#odd').currentTime > 0.2")
    tab.close()


def test_an_evaluation_page_plays_its_clips_and_reaches_nothing_of_the_studio(page):
    visited = page("media/runs/mia-1/evaluation/evaluation.html")
    tab = visited.page
    tab.wait_for_function("document.querySelector('video').readyState >= 2")
    tab.wait_for_function("'fetch' in reached && 'image' in reached")
    assert tab.evaluate("self.origin") == "null"
    assert tab.evaluate("[reached.storage, reached.cookies, reached.fetch, reached.image]") == [False] * 4
    assert len([text for text in visited.complaints if "Content Security Policy" in text]) >= 2
    visited.complaints.clear()


def test_markup_that_got_into_the_page_runs_no_script(page):
    visited = page()
    tab, refused = visited.page, []
    tab.on("requestfailed", lambda request: refused.append((request.url, request.failure)))
    tab.wait_for_function("window.studio")
    tab.evaluate(
        """() => {
          const place = document.createElement("div");
          place.id = "villain";
          place.innerHTML = `<img src='missing.png' onerror='window.hurt = 1'>
            <iframe srcdoc='<script>parent.hurt = 2</script>'></iframe>`;
          document.body.append(place);
          const script = document.createElement("script");
          script.textContent = "window.hurt = 3";
          document.body.append(script);
          const away = new Image();
          away.src = "https://evil.example/leak";
        }"""
    )
    tab.wait_for_function("document.querySelector('#villain img').complete")
    assert tab.evaluate("window.hurt") is None
    assert ("https://evil.example/leak", "csp") in refused
    assert len([text for text in visited.complaints if "Content Security Policy" in text]) >= 3
    visited.complaints.clear()
