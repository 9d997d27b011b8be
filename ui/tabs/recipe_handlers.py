"""What the recipe page does: plain functions of the text, the form's values and what the browser keeps."""

import dataclasses
from typing import Any

from ui.datasets.choices import trigger_of
from ui.jobs.runner import Runner
from ui.recipes import launch
from ui.recipes.base import Start
from ui.recipes.changes import rebased
from ui.recipes.document import RecipeDocument, same
from ui.recipes.fields import FIELDS, form_values, with_field
from ui.recipes.library import (
    fingerprint,
    recipe_of_run,
    recipe_text,
    save_as_mine,
    without_run,
)
from ui.recipes.overlays import Model, first_model, model_of
from ui.recipes.plan import read_plan
from ui.recipes.quick_checks import Remark, remarks
from ui.recipes.reading import RecipeTextError
from ui.recipes.session import Session
from ui.workspace import Workspace

NOT_IN_STEP = "The form and the text were not in step yet: look at both and press again."


class Handlers:
    """The page's actions.

    Args:
        workspace: Where recipes, datasets and runs lie.
        runner: Checks and trains.
    """

    def __init__(self, workspace: Workspace, runner: Runner) -> None:
        self.workspace = workspace
        self.runner = runner

    def choose(self, card: str, dataset: str) -> tuple[Session, str]:
        """Begin with a card: the session and the text. Where the 22B model is missing, pico is chosen.

        Args:
            card: Name on the card.
            dataset: Chosen dataset; empty for none.
        """
        text = recipe_text(self.workspace, card)
        own = card.startswith("mine/")
        start = Start(
            text=text,
            name=card.removeprefix("mine/"),
            model=None if own else first_model(self.workspace, RecipeDocument(text)),
            dataset="" if own else dataset,
            trigger="" if own else self._trigger(dataset),
        )
        replaced = start.model is not None and start.model != model_of(RecipeDocument(text))
        note = f"The files of the recipe's own model are not here yet, so {start.model} is chosen." if replaced else ""
        session = Session(start=start, card=card, source=note, loaded=fingerprint(text) if own else "")
        return session, start.base(self.workspace).text

    def load_run(self, run: str) -> tuple[Session, str]:
        """Begin with the recipe of a run."""
        text, name = recipe_of_run(self.workspace, run)
        RecipeDocument(text).root  # noqa: B018 - refuses what is no recipe
        return Session(start=Start(text=text, name=name), source=f"From the run {run}."), text

    def load_draft(self, text: str) -> tuple[Session, str]:
        """Begin with a text that another page hands over."""
        root = str(RecipeDocument(text).get("trainer.default_root_dir") or "recipe")
        run, text = root.rpartition("/")[2], without_run(text)
        name, _, number = run.rpartition("-")
        name = name if name and number.isdigit() else run
        return Session(start=Start(text=text, name=name), source=f"A copy of the run {run}."), text

    def move(self, session: Session, text: str, **choices: Any) -> tuple[Session, str]:
        """The text on another model, profile or dataset; what the user changed stays.

        Args:
            session: What the recipe began with.
            text: What stands in the editor.
            **choices: Those of `Start`.
        """
        after = session.starting(**choices)
        if after.start == session.start:
            return session, text
        if session.card and after.start.model != session.start.model:  # the note told of the model before
            after = dataclasses.replace(after, source="")
        old, new = session.start.base(self.workspace), after.start.base(self.workspace)
        return after, rebased(RecipeDocument(text), old, new).text

    def choose_dataset(self, session: Session, text: str, dataset: str) -> tuple[Session, str]:
        """The text with another dataset, its trigger word and the prompts that come with it."""
        return self.move(session, text, dataset=dataset, trigger=self._trigger(dataset))

    def set_field(self, session: Session, text: str, name: str, value: Any) -> str:
        """The text with a setting of the form changed; an empty number changes nothing."""
        if value is None or (isinstance(value, str) and not value.strip() and name not in ("trigger", "prompts")):
            return text
        document = RecipeDocument(text, like=session.start.base(self.workspace))
        return with_field(document, name, value).text

    def form(self, text: str) -> dict[str, Any] | None:
        """The form's values of a text, or None while it is no recipe."""
        try:
            return form_values(RecipeDocument(text))
        except RecipeTextError:
            return None

    def remarks(self, text: str) -> list[Remark]:
        """What is wrong with a text."""
        try:
            return remarks(RecipeDocument(text), self.workspace)
        except RecipeTextError as error:
            return [Remark(tone="bad", text=f"{error} The form keeps its last values.")]

    def commands(self, session: Session, text: str, run: str) -> str:
        """The commands that Check and Start training run."""
        name = run.strip() or launch.free_run(self.workspace, self.runner, session.start.name)
        words = (
            launch.check_command(self.workspace, text, session.start.name),
            launch.fit_command(self.workspace, text, session.start.name, name),
        )
        return "\n".join(" ".join(("python", *one)) for one in words)

    def check(self, session: Session, text: str, values: list[Any]) -> Session:
        """Start a check of the text."""
        self.require_in_step(text, values)
        launch.submit_check(self.workspace, self.runner, text, session.start.name)
        return self.waits_no_more(session)

    def start(self, session: Session, text: str, values: list[Any], run: str) -> tuple[Session, str]:
        """Train the text: at once where its check has passed, else when it passes.

        Returns:
            The session, and the name of the run that was started; empty while the check goes on.
        """
        self.require_in_step(text, values)
        name = run.strip() or launch.free_run(self.workspace, self.runner, session.start.name)
        view = launch.newest_check(self.runner, text)
        if view is not None and view.state == "finished":
            launch.submit_fit(self.workspace, self.runner, text, session.start.name, name)
            return self.waits_no_more(session), name
        if view is None or not view.active:
            launch.submit_check(self.workspace, self.runner, text, session.start.name)
        return dataclasses.replace(session, pending=fingerprint(text), pending_run=name), ""

    def go_on(self, session: Session, text: str) -> tuple[Session, str]:
        """Begin the training that waits for its check, if that has passed; forget it if it has not.

        Returns:
            The session, and the name of the run that was started; empty for none.
        """
        if not session.pending:
            return session, ""
        done = self.waits_no_more(session)
        if session.pending != fingerprint(text):
            return done, ""
        view = launch.newest_check(self.runner, text)
        if view is None or view.active:
            return session, ""
        if view.state != "finished":
            return done, ""
        launch.submit_fit(self.workspace, self.runner, text, session.start.name, session.pending_run)
        return done, session.pending_run

    def waits_no_more(self, session: Session) -> Session:
        """The session without a training that waits for its check."""
        return dataclasses.replace(session, pending="", pending_run="")

    def plan(self, session: Session, text: str) -> dict[str, Any]:
        """What is known of the text's check, as the page draws it."""
        view = launch.newest_check(self.runner, text) if text.strip() else None
        if view is None:
            return {"state": "none"}
        plan = read_plan(launch.report_path(self.workspace, text)) if not view.active else None
        log = self.runner.log(view.job.id, 4000).strip().splitlines() if view.active else []
        error = None if view.error is None else {"text": view.error.text, "fix": view.error.fix}
        return {
            "state": view.state,
            "last": log[-1][:200] if log else "",
            "error": error,
            "plan": plan,
            "pending": bool(session.pending and session.pending == fingerprint(text)),
        }

    def save(self, session: Session, text: str, name: str, replace: bool) -> Session:
        """Keep the text as a recipe of one's own, which the page works on from now on."""
        known = session.card == f"mine/{name.strip().removesuffix('.yaml')}"
        loaded = session.loaded if known else ""
        card = save_as_mine(self.workspace, name, text, loaded=loaded, replace=replace)
        saved = recipe_text(self.workspace, card)
        return Session(start=Start(text=saved, name=card.removeprefix("mine/")), card=card, loaded=fingerprint(saved))

    def model(self, session: Session, text: str) -> Model | None:
        """The model that a text names."""
        try:
            return model_of(RecipeDocument(text))
        except RecipeTextError:
            return session.start.model

    def require_in_step(self, text: str, values: list[Any]) -> None:
        """Refuse to run what the form does not show, such as while the last key is still on its way.

        Raises:
            ValueError: If the form would change the text.
        """
        document = RecipeDocument(text)
        for field, value in zip(FIELDS, values, strict=True):
            shown = field.read(document)
            if shown is None or value is None:
                continue
            if not same(with_field(document, field.name, value).values, document.values):
                raise ValueError(f"{field.label}: {NOT_IN_STEP}")

    def _trigger(self, dataset: str) -> str:
        return trigger_of(self.workspace, dataset) if dataset else ""
