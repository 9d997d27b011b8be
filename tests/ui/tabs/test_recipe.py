"""The recipe page without a browser: what its handlers do with text, form and session."""

import json
from types import SimpleNamespace

import pytest

from tests.recipe_files import NAMES, RECIPES
from ui.jobs.job import Job, JobView
from ui.recipes.document import RecipeDocument
from ui.recipes.fields import FIELDS, form_values
from ui.recipes.library import fingerprint
from ui.recipes.session import Session
from ui.tabs import recipe as recipe_tab
from ui.tabs.recipe_handlers import NOT_IN_STEP, Handlers
from ui.tabs.recipe_view import cards_value, remarks_html
from ui.workspace import Workspace


class FakeRunner:
    """Keeps what is submitted; checks end as the test says."""

    def __init__(self):
        self.jobs: list[Job] = []
        self.state = "running"

    def submit(self, kind, title, words, **options):
        unique, run = options.get("unique") or "", options.get("run")
        if run and run in {job.run for job in self.jobs}:
            raise ValueError("already")
        job = Job(id=str(len(self.jobs)), kind=kind, title=title, words=tuple(words), unique=unique, run=run)
        self.jobs.append(job)
        return job

    def views(self, *, kinds, limit):
        return [JobView(job=job, state=self.state) for job in reversed(self.jobs) if job.kind in kinds]

    def active(self):
        return []

    def log(self, job_id, max_bytes):
        return "reading clips\n3 of 12"


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    root = tmp_path / "work"
    for folder in ("datasets", "models", "runs", "demo/clips", "assets/pico/gemma"):
        (root / folder).mkdir(parents=True)
    (root / "demo/clips/a.mp4").write_bytes(b"")
    (root / "assets/pico/ltx-2.3-pico.safetensors").write_bytes(b"")
    return Workspace(root=root)


@pytest.fixture
def runner():
    return FakeRunner()


@pytest.fixture
def handlers(workspace, runner):
    return Handlers(workspace, runner)


def shown(text: str) -> list[object]:
    """The form's values as the page sends them back."""
    values = form_values(RecipeDocument(text))
    return [str(values[field.name]) if field.name in ("rate", "dropout") else values[field.name] for field in FIELDS]


@pytest.mark.parametrize("recipe", NAMES)
def test_page_and_back_is_the_identity_for_every_recipe(handlers, recipe):
    session, text = handlers.choose(recipe, "")
    original = (RECIPES / f"{recipe}.yaml").read_text()
    session, text = handlers.move(session, text, model=None)
    assert text == original
    for field, value in zip(FIELDS, shown(text), strict=True):
        text = handlers.set_field(session, text, field.name, value)
    assert text == original


def test_pico_is_chosen_where_the_published_model_is_missing_and_said_so(handlers, workspace):
    session, text = handlers.choose("style", "")
    assert "ltx-2.3-pico" in text
    assert "pico is chosen" in session.source
    (workspace.root / "models" / "ltx-2.3-22b-dev.safetensors").write_bytes(b"")
    session, text = handlers.choose("style", "")
    assert text == (RECIPES / "style.yaml").read_text()
    assert session.source == ""


def test_what_was_said_of_the_chosen_model_goes_with_it(handlers):
    session, text = handlers.choose("style", "")
    assert "so pico is chosen" in session.source
    moved, _ = handlers.move(session, text, model="ltx-2.3-dev")
    assert moved.source == ""


def test_the_time_of_a_chosen_recipe_is_that_of_its_model(handlers, workspace):
    session, _ = handlers.choose("style", "")
    assert cards_value(workspace, session)["chosen"]["hours"] == "minutes on a CPU"
    assert "H200" in cards_value(workspace, session.starting(model="ltx-2.3-dev"))["chosen"]["hours"]


def test_a_chosen_dataset_comes_into_the_recipe(handlers):
    session, text = handlers.choose("demo", "demo/clips")
    assert RecipeDocument(text).get("data.path") == "demo/clips"
    assert session.start.dataset == "demo/clips"


def test_an_edit_stays_when_the_model_changes(handlers):
    session, text = handlers.choose("style", "")
    text = handlers.set_field(session, text, "steps", 321)
    session, text = handlers.move(session, f"# my note\n{text}", model="ltx-2.3-dev-fp8")
    document = RecipeDocument(text)
    assert document.get("trainer.max_steps") == 321
    assert document.get("model.base_model") == "models/ltx-2.3-22b-dev-fp8.safetensors"
    assert document.get("data.buckets")[0] == "960x544x49"
    assert text.startswith("# my note\n")


def test_a_broken_text_is_told_with_its_line_and_kept_out_of_the_form(handlers):
    assert handlers.form("a: [") is None
    assert handlers.remarks("a: 1\nb: c: d\n")[0].text.startswith("Line 2: ")
    with pytest.raises(ValueError, match="Line"):
        handlers.move(handlers.choose("style", "")[0], "a: [", model="ltx-2.3-dev")


@pytest.mark.parametrize("name", ["steps", "rate", "dataset", "buckets"])
def test_an_empty_field_changes_nothing(handlers, name):
    session, text = handlers.choose("style", "")
    assert handlers.set_field(session, text, name, None) == text


def test_a_start_checks_first_and_trains_when_the_check_passes(handlers, runner):
    session, text = handlers.choose("demo", "")
    session, run = handlers.start(session, text, shown(text), "")
    assert (run, session.pending, session.pending_run) == ("", fingerprint(text), "demo-1")
    assert [job.kind for job in runner.jobs] == ["check"]
    assert handlers.go_on(session, text) == (session, "")
    runner.state = "finished"
    session, run = handlers.go_on(session, text)
    assert (run, session.pending) == ("demo-1", "")
    assert [job.kind for job in runner.jobs] == ["check", "fit"]
    assert handlers.go_on(session, text) == (session, "")


def test_a_start_after_a_check_that_failed_trains_nothing(handlers, runner):
    session, text = handlers.choose("demo", "")
    session, _ = handlers.start(session, text, shown(text), "")
    runner.state = "failed"
    session, run = handlers.go_on(session, text)
    assert (run, session.pending) == ("", "")
    assert [job.kind for job in runner.jobs] == ["check"]


def test_an_edit_after_the_start_is_not_trained_unchecked(handlers, runner):
    session, text = handlers.choose("demo", "")
    session, _ = handlers.start(session, text, shown(text), "")
    runner.state = "finished"
    session, run = handlers.go_on(session, text.replace("42", "43"))
    assert (run, session.pending) == ("", "")


def test_two_tabs_with_one_session_start_one_training(handlers, runner):
    session, text = handlers.choose("demo", "")
    session, _ = handlers.start(session, text, shown(text), "")
    runner.state = "finished"
    handlers.go_on(session, text)
    with pytest.raises(ValueError, match="already"):
        handlers.go_on(session, text)
    assert [job.kind for job in runner.jobs] == ["check", "fit"]


def test_a_start_that_is_refused_later_is_forgotten_and_told_once(handlers, runner):
    session, text = handlers.choose("demo", "")
    session, _ = handlers.start(session, text, shown(text), "")
    runner.state = "finished"
    handlers.go_on(session, text)
    do = recipe_tab._Doing(SimpleNamespace(workspace=handlers.workspace), None, handlers)
    _, _, kept, told, *_ = do.tick(session.dumped(), text, None)
    assert "already" in told.value
    assert Session.read(kept).pending == ""


def test_what_is_still_on_its_way_from_the_form_is_not_left_out(handlers, runner):
    session, text = handlers.choose("demo", "")
    values = shown(text)
    values[[field.name for field in FIELDS].index("steps")] = 5
    with pytest.raises(ValueError, match=NOT_IN_STEP[:20]):
        handlers.check(session, text, values)
    assert runner.jobs == []


def test_a_running_check_shows_its_last_line(handlers, runner):
    session, text = handlers.choose("demo", "")
    handlers.check(session, text, shown(text))
    assert handlers.plan(session, text)["last"] == "3 of 12"
    assert handlers.plan(session, text.replace("42", "43")) == {"state": "none"}


def test_what_is_saved_is_worked_on_and_saved_again(handlers, workspace):
    session, text = handlers.choose("demo", "")
    session = handlers.save(session, text, "mia", False)
    assert session.card == "mine/mia"
    session = handlers.save(session, text.replace("42", "43"), "mia", False)
    (workspace.recipes / "mia.yaml").write_text(text)
    with pytest.raises(ValueError, match="changed since"):
        handlers.save(session, text.replace("42", "44"), "mia", False)


def test_a_copy_of_a_run_gets_a_directory_of_its_own(handlers):
    text = RecipeDocument((RECIPES / "demo.yaml").read_text()).set("trainer.default_root_dir", "runs/demo-7").text
    session, loaded = handlers.load_draft(text)
    assert session.start.name == "demo"
    assert "demo-7" in session.source
    assert RecipeDocument(loaded).get("trainer.default_root_dir") is None


def test_a_session_survives_the_browser(handlers):
    session, _ = handlers.choose("style", "demo/clips")
    assert Session.read(session.dumped()) == session


@pytest.mark.parametrize(
    "text",
    ["", "[]", "3", "{", '{"start": {}}', '{"start": {"text": "a: [", "name": ""}}', json.dumps({"start": 1, "x": 2})],
)
def test_a_session_that_is_none_is_an_empty_one(text):
    assert Session.read(text) == Session()


def test_a_session_with_a_model_that_does_not_exist_is_an_empty_one(handlers):
    session, _ = handlers.choose("style", "")
    values = json.loads(session.dumped())
    values["start"]["model"] = "../../x"
    assert Session.read(json.dumps(values)).is_empty


def test_remarks_are_shown_as_text(handlers):
    text = RecipeDocument((RECIPES / "demo.yaml").read_text()).set("data.path", "demo/<script>alert(1)</script>").text
    shown_html = remarks_html(handlers.remarks(text))
    assert "<script>" not in shown_html
    assert "&lt;script&gt;" in shown_html


def test_cards_are_data_for_the_page(handlers, workspace):
    value = cards_value(workspace, handlers.choose("style", "")[0])
    assert value["chosen"]["title"] == "Style"
    assert sum(len(group["cards"]) for group in value["groups"]) == len(NAMES)
    json.dumps(value)
