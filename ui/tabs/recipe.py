"""Recipe: choose one, set the few things that matter, see what will run, check it and start it."""

import functools
import json
from typing import Any

import gradio as gr

from ui.parts import memory
from ui.parts import notice as notices
from ui.parts.listen import on
from ui.parts.shared import Shared
from ui.recipes.fields import FIELDS, Field
from ui.recipes.library import runs_with_recipes
from ui.recipes.session import Session
from ui.tabs.recipe_form import form_updates
from ui.tabs.recipe_handlers import Handlers
from ui.tabs.recipe_layout import Page, build_layout
from ui.tabs.recipe_view import cards_value, remarks_html

_SECONDS_BETWEEN_LOOKS = 2.0
_SETTLING_MILLISECONDS = 250


def build(shared: Shared, tab: gr.Tab) -> None:
    """Build the page.

    Args:
        shared: What the pages share.
        tab: Its own tab.
    """
    page = build_layout(shared.workspace, shared.runner)
    do = _Doing(shared, page, Handlers(shared.workspace, shared.runner))
    do.wire_loading(tab)
    do.wire_editing()
    do.wire_launching(gr.Timer(_SECONDS_BETWEEN_LOOKS, active=False))


def _settled(key: str) -> dict[str, Any]:
    """Options of an event that fires while one types: only what stands when the typing rests is sent.

    Gradio's own `trigger_mode="always_last"` drops the last of a quick row of events (6.31), so the browser waits.

    Args:
        key: Events of the same key wait for each other.
    """
    script = f"""(...values) => new Promise((resolve) => {{
        const timers = (window.studio.recipeTimers ??= {{}});
        clearTimeout(timers[{json.dumps(key)}]);
        timers[{json.dumps(key)}] = setTimeout(() => resolve(values), {_SETTLING_MILLISECONDS});
    }})"""
    return {"trigger_mode": "multiple", "queue": False, "js": script}


def _touched(field: Field) -> dict[str, Any]:
    """Options of a form field's event: it names all fields whose answer has not come, so that none is lost.

    The text that is sent along does not hold yet what was typed into another field a moment before. Of a list of
    choices, Gradio's `input` (6.31) tells neither of what is typed into it nor of its clearing, and `change` also tells
    of what the text changed, where neither keyboard nor pointer is at the field.

    Args:
        field: The field.
    """
    at = f"document.querySelector('#recipe-{field.name}').matches(':hover, :focus-within')"
    by_hand = f"{at} && !document.querySelector('#recipe-editor:focus-within')" if field.kind == "choices" else "true"
    settled = _settled("form")
    script = f"""async (...values) => {{
        const form = (window.studio.recipeForm ??= {{ waiting: new Set(), sent: new Set(), calls: 0 }});
        for (const name of [...({by_hand} ? [{json.dumps(field.name)}] : []), ...form.sent]) form.waiting.add(name);
        const [, ...rest] = await ({settled["js"]})(...values);
        for (const name of form.waiting) form.sent.add(name);
        form.waiting.clear();
        form.calls += 1;
        return [[...form.sent].join(" "), ...rest];
    }}"""
    return {**settled, "js": script}


_TAKEN = """() => {
    const form = window.studio.recipeForm;
    form.calls -= 1;
    if (!form.calls) form.sent.clear();
}"""


def whole_lines(text: str | None) -> str:
    """A text as the editor holds it, with the end of its last line: Gradio's editor (6.31) strips what it is given."""
    return text if text and text.endswith("\n") else f"{text or ''}\n"


class _Doing:
    """Turns the handlers' answers into updates of the components."""

    def __init__(self, shared: Shared, page: Page, handlers: Handlers) -> None:
        self.shared, self.page, self.handlers = shared, page, handlers

    def wire_loading(self, tab: gr.Tab) -> None:
        """Cards, runs, drafts, the chosen dataset, and what the browser remembers."""
        page, shared = self.page, self.shared
        load = functools.partial(on, outputs=page.whole, notice=page.loaded)
        load(page.cards.choose, self.choose, [shared.dataset])
        on(page.cards.choose, lambda: notices.show(""), [], [page.saved], queue=False)
        load(
            page.runs.input,
            lambda run: self.whole(*self.handlers.load_run(run)) if run else self.skipped(),
            [page.runs],
        )
        outputs = [*page.whole, shared.draft]
        on(shared.draft.change, self.take_draft, [shared.draft], outputs, notice=page.loaded)
        load(shared.dataset.change, self.take_dataset, [shared.dataset, page.session, page.editor])
        on(tab.select, self.refresh, [page.session], [page.cards, page.runs], queue=False)
        names = [f"ltx-studio.{key}" for key in ("recipe-session", "recipe-text")]
        script = f"() => {json.dumps(names)}.map((name) => sessionStorage.getItem(name) ?? '')"
        load(shared.blocks.load, self.restore, [page.session, page.editor], js=script, queue=False)
        on(shared.blocks.load, self.refresh, [page.session], [page.cards, page.runs], queue=False)
        memory.remember(page.session, "recipe-session")
        memory.remember(page.editor, "recipe-text")

    def wire_editing(self) -> None:
        """The form, the text and the choices above them."""
        page = self.page
        given = [page.session, page.editor]
        form = [page.touched, *given, *page.form]
        for field, component in zip(FIELDS, page.form, strict=True):
            if field.name == "dataset":
                event, outputs = component.input, [*page.whole, self.shared.dataset]
                on(event, self.pick_dataset, [component, *given], outputs, notice=page.edited, queue=False)
                continue
            event = component.change if field.kind == "choices" else component.input
            after = on(event, self.set_fields, form, [page.editor], notice=page.edited, **_touched(field))
            after.then(None, None, None, js=_TAKEN, api_visibility="private")
        on(page.editor.input, self.take_text, [page.editor], page.form, notice=page.edited, **_settled("text"))
        chosen = [*given, page.model, page.profile, page.options]
        for component in (page.model, page.profile, page.options):
            on(component.input, self.move, chosen, page.whole, notice=page.edited, queue=False)
        look = ([*given, page.run], [page.problems, page.commands])
        for event in (page.editor.change, page.run.input):
            on(event, self.look, *look, **_settled("look"))

    def wire_launching(self, timer: gr.Timer) -> None:
        """Check, start, save."""
        page, shared = self.page, self.shared
        given = [page.session, page.editor]
        drawn = gr.State()
        check, start = (self._after_settling(button) for button in (page.check, page.start))
        on(check, self.check, [*given, *page.form], [page.session, page.plan, drawn], notice=page.launched)
        outputs = [page.session, page.launched, shared.run, shared.tabs]
        on(start, self.start, [page.run, *given, *page.form], outputs, notice=page.launched)
        on(timer.tick, self.tick, [*given, drawn], [page.plan, drawn, *outputs], notice=page.launched, queue=False)
        saved = [page.session, page.cards, page.saved, page.replace]
        on(page.save.click, self.save, [*given, page.name, page.replace], saved, notice=page.saved)
        on(shared.page.change, self.watch, [shared.page, page.session], [timer], queue=False)

    def whole(self, session: Session, text: str) -> list[Any]:
        """A recipe in all its components."""
        start = session.start
        options = [name for name in ("ema", "smoke") if getattr(start, name)]
        form = form_updates(self.shared.workspace, text)
        model = self.handlers.model(session, text)
        cards = cards_value(self.shared.workspace, session)
        return [session.dumped(), text, gr.Column(visible=True), cards, model, start.profile, options, *form]

    def skipped(self, more: int = 0) -> list[Any]:
        """Everything as it is."""
        return [gr.skip()] * (len(self.page.whole) + more)

    def choose(self, dataset: str, event: gr.EventData) -> list[Any]:
        """A card was chosen."""
        return self.whole(*self.handlers.choose(str(event._data.get("name", "")), dataset))

    def take_draft(self, text: str) -> list[Any]:
        """Another page handed over a recipe."""
        return [*self.whole(*self.handlers.load_draft(text)), ""] if text else self.skipped(1)

    def take_dataset(self, dataset: str, session: str, text: str) -> list[Any]:
        """Another dataset was chosen, here or on the Dataset page."""
        read = Session.read(session)
        if read.is_empty or not dataset or dataset == read.start.dataset:
            return self.skipped()
        return self.whole(*self.handlers.choose_dataset(read, whole_lines(text), dataset))

    def pick_dataset(self, dataset: str | None, session: str, text: str) -> list[Any]:
        """Another dataset was chosen in the form."""
        if not dataset:
            return self.skipped(1)
        return [*self.take_dataset(dataset, session, text), dataset]

    def restore(self, session: str, text: str) -> list[Any]:
        """The page was loaded again."""
        read = Session.read(session)
        if read.is_empty or not text:
            return self.skipped()
        text = whole_lines(text)
        if self.handlers.form(text) is not None:
            return self.whole(read, text)
        broken = self.whole(read, read.start.base(self.shared.workspace).text)
        return [broken[0], text, *broken[2:]]

    def refresh(self, session: str) -> list[Any]:
        """The page is looked at again: recipes and runs may have come."""
        runs = runs_with_recipes(self.shared.workspace)
        return [cards_value(self.shared.workspace, Session.read(session)), gr.Dropdown(runs, visible=bool(runs))]

    def set_fields(self, touched: str, session: str, text: str, *values: Any) -> Any:
        """Settings of the form were changed: those that were touched since their last answer came."""
        read, before = Session.read(session), whole_lines(text)
        after, names = before, touched.split()
        for field, value in zip(FIELDS, values, strict=True):
            if field.name in names:
                after = self.handlers.set_field(read, after, field.name, value)
        return gr.skip() if after == before else after

    def take_text(self, text: str) -> list[Any]:
        """The text was edited; while it is no recipe the form stays."""
        return form_updates(self.shared.workspace, text) if self.handlers.form(text) else [gr.skip()] * len(FIELDS)

    def move(self, session: str, text: str, model: Any, profile: Any, options: list[str]) -> list[Any]:
        """Another model, memory profile or option."""
        read, text = Session.read(session), whole_lines(text)
        switches = {name: name in options for name in ("ema", "smoke")}
        begun = self.handlers.model(read, text) if model is None else model
        chosen = read.start.model if begun == self.handlers.model(read, text) else begun
        return self.whole(*self.handlers.move(read, text, model=chosen, profile=profile, **switches))

    def look(self, session: str, text: str, run: str) -> list[Any]:
        """What is wrong with the text, and what would run."""
        read, text = Session.read(session), whole_lines(text)
        if read.is_empty:
            return ["", ""]
        return [remarks_html(self.handlers.remarks(text)), self.handlers.commands(read, text, run or "")]

    def check(self, session: str, text: str, *values: Any) -> list[Any]:
        """Check was pressed."""
        text = whole_lines(text)
        after = self.handlers.check(Session.read(session), text, list(values))
        plan = self.handlers.plan(after, text)
        return [after.dumped(), plan, plan]

    def start(self, run: str, session: str, text: str, *values: Any) -> list[Any]:
        """Start training was pressed."""
        return self._started(
            *self.handlers.start(Session.read(session), whole_lines(text), list(values), run or ""), waits=True
        )

    def tick(self, session: str, text: str, drawn: Any) -> list[Any]:
        """Time has passed: the check may have ended, and a training may begin."""
        read, text = Session.read(session), whole_lines(text)
        try:
            after, run = self.handlers.go_on(read, text)
        except ValueError as error:  # it waits no more, or it would begin by itself once the obstacle is gone
            plan, refused = gr.skip(), notices.show(str(error), "bad")
            return [plan, plan, self.handlers.waits_no_more(read).dumped(), refused, gr.skip(), gr.skip()]
        plan = self.handlers.plan(after, text)
        changed = [plan, plan] if plan != drawn else [gr.skip(), gr.skip()]
        told = self._started(after, run) if run or after != read else [gr.skip()] * 4
        return [*changed, *told]

    def save(self, session: str, text: str, name: str, replace: bool) -> list[Any]:
        """Save was pressed."""
        after = self.handlers.save(Session.read(session), whole_lines(text), name or "", replace)
        told = notices.show(f"Saved as recipes/mine/{after.start.name}.yaml.", "good")
        return [after.dumped(), cards_value(self.shared.workspace, after), told, False]

    @staticmethod
    def _after_settling(button: gr.Button) -> Any:
        """The click of a button, once the last typing has come from the form into the text."""
        script = f"() => new Promise((resolve) => setTimeout(resolve, {2 * _SETTLING_MILLISECONDS}))"
        return button.click(None, None, None, js=script, api_visibility="private").then

    @staticmethod
    def watch(opened: str, session: str) -> gr.Timer:
        """Look at the check only while the page is shown, or a training waits for it."""
        return gr.Timer(active=opened == "recipe" or bool(Session.read(session).pending))

    @staticmethod
    def _started(session: Session, run: str, *, waits: bool = False) -> list[Any]:
        """A training was started, or waits for its check."""
        if run:
            return [
                session.dumped(),
                notices.show(f"The run {run} is in the queue.", "good"),
                run,
                gr.Tabs(selected="train"),
            ]
        text = "Checking first: the training starts as soon as the check has passed." if waits else ""
        return [session.dumped(), notices.show(text, "info"), gr.skip(), gr.skip()]
