"""Try it: a prompt, LoRAs with strengths, and what comes of it beside what the base model makes."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ui.parts import notice as notices
from ui.parts.listen import on
from ui.parts.memory import known_first
from ui.parts.shared import Shared
from ui.parts.ticking import ticking
from ui.parts.widget import widget
from ui.tabs.try_fields import Fields, build_fields, updates
from ui.tries import page
from ui.tries.form import TryForm, form_of
from ui.tries.history import remove, stop
from ui.tries.media_files import keep_upload


def build(shared: Shared, tab: gr.Tab) -> None:
    """Build the page.

    Args:
        shared: What the pages share.
        tab: Its own tab.
    """
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            run = gr.Dropdown([], label="Run", elem_id="try-run")
            facts = gr.HTML("", visible=False)
            fields = build_fields()
            generate = gr.Button("Generate", variant="primary", elem_id="try-generate")
            notice = notices.build()
        with gr.Column(scale=3, min_width=320):
            gr.Markdown("### Tries of this run")
            events = ["again", "stop", "remove", "turn"]
            tries = widget("tryHistory", {"tries": [], "empty": page.NO_RUNS}, events=events, elem_id="try-history")
    number, timer, length = gr.State(0), ticking(shared.page, "try", 2.0), gr.State(24.0)
    handlers = _Handlers(shared, fields)
    listed, chosen = [tries, number], [shared.run, number, tries]

    def listen(event: Any, function: Any, inputs: list[Any], outputs: list[Any], **options: Any) -> None:
        on(event, function, inputs, outputs, notice=notice, **options)

    own = gr.State(False)
    files = [*fields.loras, fields["strength_1"]]
    entered = [run, shared.run, *files, *listed]
    listen(tab.select, handlers.enter, [shared.run, own], entered, js=known_first("run"))
    for event in (fields["lora_1"].input, fields["strength_1"].input, tries.again):
        on(event, lambda: True, [], [own], queue=False)
    on(shared.run.change, lambda: False, [], [own], queue=False)
    of_run = [run, facts, length, *fields.all, *fields.folds, *listed]
    listen(shared.run.change, handlers.choose, [shared.run], of_run)
    listen(run.input, lambda name: name or "", [run], [shared.run])
    on(generate.click, handlers.generate, [shared.run, *fields.all], [notice, *listed], notice=notice)
    on(timer.tick, handlers.refresh, chosen, [tries], queue=False)
    listen(tries.turn, handlers.turn, [shared.run], listed)
    listen(tries.again, handlers.again, [shared.run], [*fields.all, *fields.folds])
    on(tries.stop, handlers.stop, chosen, [notice, tries], notice=notice)
    on(tries.remove, handlers.remove, chosen, [notice, tries], notice=notice)
    on(fields["frames"].change, handlers.length, [fields["frames"], length], [fields["frames"]], queue=False)
    on(fields["preset"].change, handlers.distilled, [fields["preset"]], [fields["distilled_lora"]], queue=False)
    on(fields.random.click, page.random_seed, [], [fields["seed"]], queue=False)
    for key, button in fields.buttons.items():
        listen(button.upload, handlers.uploader(key), [shared.run, button], [fields[key]])


class _Handlers:
    """What happens on an event; each gives the values of its outputs."""

    def __init__(self, shared: Shared, fields: Fields) -> None:
        self.shared, self.fields = shared, fields
        self.workspace, self.runner = shared.workspace, shared.runner

    def enter(self, run: str, own: bool) -> list[Any]:
        """The page is opened: runs and LoRAs anew, what was typed stays."""
        names = page.run_choices(self.workspace)
        chosen = run or next(iter(names), "")
        shared = chosen if chosen != run else gr.skip()
        loras = [gr.update(**one) for one in page.lora_updates(self.workspace, chosen, own=own)]
        return [self._runs(names, chosen), shared, *loras, *self._first(chosen)]

    def choose(self, run: str) -> list[Any]:
        """Another run is chosen, here or elsewhere."""
        dropdown = self._runs(page.run_choices(self.workspace), run)
        try:
            form, shown = form_of(self.workspace, run), page.shown_fields(self.workspace, run)
        except (ValueError, OSError) as error:
            nothing = [gr.skip()] * (len(self.fields.all) + len(self.fields.folds) + 1)
            said = gr.HTML(notices.markup(str(error) if run else "", "warn"), visible=bool(run))
            return [dropdown, said, *nothing, *self._first(run)]
        facts = gr.HTML(notices.markup("\n".join(form.notes)), visible=bool(form.notes))
        return [dropdown, facts, form.fps, *updates(shown), *self._folds(form, shown), *self._first(run)]

    def generate(self, run: str, *values: Any) -> list[Any]:
        """Start a try and show it on top."""
        said = page.generate(self.workspace, self.runner, run, dict(zip(page.FIELDS, values, strict=True)))
        return [notices.show(said, "good"), *self._first(run)]

    def refresh(self, run: str, number: int, before: Any) -> Any:
        """What has changed since, if anything has."""
        try:
            now = page.shown_history(self.workspace, self.runner, run, number)
        except (ValueError, OSError):  # it was moved or deleted; the next click says so
            return gr.skip()
        return gr.skip() if now == before else now

    def turn(self, run: str, event: gr.EventData) -> list[Any]:
        """Another page of the tries."""
        shown = page.shown_history(self.workspace, self.runner, run, int(event.page))
        return [shown, shown["page"]]

    def again(self, run: str, event: gr.EventData) -> list[Any]:
        """Fill the fields with the settings of a try."""
        shown = page.again(self.workspace, run, str(event._data.get("id", "")))
        return [*updates(shown), *self._folds(form_of(self.workspace, run), shown)]

    def stop(self, run: str, number: int, before: Any, event: gr.EventData) -> list[Any]:
        """Stop a try."""
        stop(self.workspace, self.runner, run, str(event._data.get("id", "")))
        return [notices.show("It has been asked to end.", "info"), self.refresh(run, number, before)]

    def remove(self, run: str, number: int, before: Any, event: gr.EventData) -> list[Any]:
        """Delete a try with its videos."""
        remove(self.workspace, self.runner, run, str(event._data.get("id", "")))
        return [notices.show("The try and its videos are deleted.", "info"), self.refresh(run, number, before)]

    def length(self, frames: float | None, fps: float) -> gr.Slider:
        """Say how long the video is."""
        return gr.Slider(label=page.length(frames, fps))

    def uploader(self, key: str) -> Any:
        """Takes an upload for a key."""

        def take(run: str, file: str) -> gr.Dropdown:
            kept = keep_upload(self.workspace, run, key, file)
            shown = page.shown_fields(self.workspace, run)[key]
            return gr.Dropdown(choices=shown["choices"], value=kept)

        return take

    def _folds(self, form: TryForm, shown: Mapping[str, page.Properties]) -> list[Any]:
        """Rows of the media that the recipe takes, and further LoRAs where there are any."""
        rows = [gr.Row(visible=key in form.media) for key in self.fields.rows]
        return [*rows, gr.Accordion(open=any(shown[file]["value"] for file, _ in page.LORA_FIELDS[1:]))]

    @staticmethod
    def distilled(preset: str) -> gr.Dropdown:
        """The file that only one preset needs."""
        return gr.Dropdown(visible=preset == "fast")

    @staticmethod
    def _runs(names: list[str], run: str) -> gr.Dropdown:
        """The list of runs, with the chosen one even where it has not begun."""
        return gr.Dropdown(choices=names if run in ("", *names) else [run, *names], value=run or None)

    def _first(self, run: str) -> list[Any]:
        return [page.shown_history(self.workspace, self.runner, run, 0), 0]
