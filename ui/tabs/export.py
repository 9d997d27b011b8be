"""Export: the ComfyUI package with its load report, the model card, and the copy into a ComfyUI folder."""

from typing import Any

import gradio as gr

from ui.packages import page
from ui.parts import notice as notices
from ui.parts.listen import on
from ui.parts.memory import known_first
from ui.parts.shared import Shared
from ui.parts.ticking import ticking
from ui.parts.widget import widget
from ui.tries.page import run_choices


def build(shared: Shared, tab: gr.Tab) -> None:
    """Build the page.

    Args:
        shared: What the pages share.
        tab: Its own tab.
    """
    with gr.Row():
        run = gr.Dropdown([], label="Run", scale=2, min_width=200, elem_id="export-run")
        checkpoint = gr.Dropdown([], label="LoRA", scale=2, min_width=200, elem_id="export-checkpoint")
        export = gr.Button("Export", variant="primary", scale=1, min_width=120, elem_id="export-start")
    notice = notices.build()
    package = widget("exportPackage", {"empty": page.NO_RUN}, events=["stop"], elem_id="export-package")
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            gr.Markdown("### Model card")
            card = gr.Textbox(
                show_label=False,
                lines=14,
                max_lines=28,
                elem_id="export-card",
                placeholder="Export first; a card is drafted from the run's files.",
            )
            with gr.Row():
                save = gr.Button("Save into the package", interactive=False, scale=1, min_width=160)
                draft = gr.Button("Draft anew", interactive=False, scale=1, min_width=120)
            card_notice = notices.build()
        with gr.Column(scale=2, min_width=280):
            gr.Markdown("### Copy to ComfyUI")
            lines = gr.HTML("")
            replace = gr.Checkbox(False, label="Replace the files that differ", visible=False)
            copy = gr.Button("Copy", interactive=False, elem_id="export-copy")
            copy_notice = notices.build()
    seen, loaded, agreed, timer = gr.State(""), gr.State(""), gr.State(""), ticking(shared.page, "export", 2.0)
    handlers = _Handlers(shared)
    cards, copies = [card, seen, loaded, save, draft], [lines, agreed, replace, copy]
    everything = [run, checkpoint, package, *cards, *copies]

    def listen(
        event: Any, function: Any, inputs: list[Any], outputs: list[Any], where: Any = notice, **options: Any
    ) -> None:
        on(event, function, inputs, outputs, notice=where, **options)

    listen(shared.run.change, handlers.choose, [shared.run], [*everything, card_notice, copy_notice])
    entered = [shared.run, card, loaded]
    listen(tab.select, handlers.enter, entered, [shared.run, *everything], js=known_first("run"))
    listen(run.input, lambda name: name or "", [run], [shared.run])
    listen(export.click, handlers.export, [shared.run, checkpoint], [notice, package])
    listen(package.stop, handlers.stop, [shared.run], [notice, package])
    watched = [shared.run, package, card, loaded]
    on(timer.tick, handlers.refresh, watched, [notice, package, *cards, *copies], queue=False)
    listen(save.click, handlers.save, [shared.run, card, seen], [card_notice, *cards], card_notice)
    listen(draft.click, page_draft(shared), [shared.run], [card], card_notice)
    listen(copy.click, handlers.copy, [shared.run, replace, agreed], [copy_notice, *copies], copy_notice)


def page_draft(shared: Shared) -> Any:
    """Makes a card anew from the run's files."""
    return lambda run: page.drafted(shared.workspace, run)


class _Handlers:
    """What happens on an event; each gives the values of its outputs."""

    def __init__(self, shared: Shared) -> None:
        self.workspace, self.runner = shared.workspace, shared.runner

    def choose(self, run: str) -> list[Any]:
        """Another run is chosen, here or elsewhere."""
        said = [notices.show("")] * 2  # of the run before
        return [*self._lists(run), self._package(run), *self._card(run), *self._copy(run), *said]

    def enter(self, run: str, text: str, loaded: str) -> list[Any]:
        """The page is opened; a card that was edited stays."""
        names = run_choices(self.workspace)
        chosen = run or next(iter(names), "")
        cards = self._card(chosen) if text == loaded else [gr.skip()] * 5
        shared = chosen if chosen != run else gr.skip()
        lists = self._lists(chosen)
        return [shared, *lists, self._package(chosen), *cards, *self._copy(chosen)]

    def export(self, run: str, choice: str | None) -> list[Any]:
        """Start an export."""
        return [notices.show(page.export(self.workspace, self.runner, run, choice), "good"), self._package(run)]

    def stop(self, run: str, event: gr.EventData) -> list[Any]:
        """Stop the export."""
        self.runner.stop(str(event._data.get("id", "")))
        return [notices.show("It has been asked to end.", "info"), self._package(run)]

    def refresh(self, run: str, before: Any, text: str, loaded: str) -> list[Any]:
        """What has changed since; after an export the card too, unless it was edited."""
        try:
            now = self._package(run)
        except (ValueError, OSError):  # it was moved or deleted; the next click says so
            return [gr.skip()] * 11
        if now == before:
            return [gr.skip()] * 11
        is_other = (now["package"] or {}).get("name") != ((before or {}).get("package") or {}).get("name")
        cards = self._card(run) if is_other and text == loaded else [gr.skip()] * 5
        over = bool((before or {}).get("job")) and not now["job"]
        return [notices.show("") if over else gr.skip(), now, *cards, *self._copy(run)]

    def save(self, run: str, text: str, seen: str) -> list[Any]:
        """Save the card with copies of its samples."""
        card = page.saved(self.workspace, run, text, seen)
        said = f"Saved in runs/{run}/export/model-card, with copies of the samples."
        return [notices.show(said, "good"), card.text, card.seen, card.text, gr.skip(), gr.skip()]

    def copy(self, run: str, replace: bool, agreed: str) -> list[Any]:
        """Copy to ComfyUI."""
        said = page.copied(self.workspace, run, replace, agreed)
        return [notices.show(said, "good"), *self._copy(run)]

    def _lists(self, run: str) -> list[Any]:
        names = run_choices(self.workspace)
        choices = page.checkpoints(self.workspace, run)
        runs = names if run in ("", *names) else [run, *names]
        first = choices[0][1] if choices else None
        return [gr.Dropdown(choices=runs, value=run or None), gr.Dropdown(choices=choices, value=first)]

    def _package(self, run: str) -> dict[str, Any]:
        return page.shown_package(self.workspace, self.runner, run)

    def _card(self, run: str) -> list[Any]:
        card = page.card(self.workspace, run)
        buttons = [gr.Button(interactive=bool(card.text)) for _ in range(2)]
        return [card.text, card.seen, card.text, *buttons]

    def _copy(self, run: str) -> list[Any]:
        text, agreed, differs = page.copy_lines(self.workspace, run)
        can = bool(self.workspace.comfyui) and bool(self._package(run)["package"])
        return [notices.markup(text), agreed, gr.Checkbox(False, visible=differs), gr.Button(interactive=can)]
