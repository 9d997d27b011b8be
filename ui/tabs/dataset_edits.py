"""Edits of many captions on the Dataset page: a preview, the edit, and the way back."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.datasets.caption_edits import Edit, apply, last_edit, preview, undo
from ui.datasets.choices import read_trigger
from ui.datasets.dataset import open_dataset
from ui.datasets.edit_preview import preview_markup
from ui.datasets.overview import refreshed_grid
from ui.datasets.seen import Seen
from ui.parts import notice as notices
from ui.parts.listen import on
from ui.workspace import Workspace

_EDITS = [
    ("Replace words", "replace"),
    ("Put words in front", "prefix"),
    ("Put the trigger where it is missing", "trigger"),
]


@dataclass(frozen=True, kw_only=True)
class Edits:
    """The components."""

    kind: gr.Radio
    find: gr.Textbox
    words: gr.Textbox
    match: gr.Checkbox
    look: gr.Button
    make: gr.Button
    back: gr.Button
    found: gr.HTML
    token: gr.State

    @property
    def given(self) -> list[Any]:
        """What describes an edit."""
        return [self.kind, self.find, self.words, self.match]


def layout() -> Edits:
    """Lay the components out."""
    kind = gr.Radio(_EDITS, value="replace", label="What to do")
    with gr.Row():
        find = gr.Textbox(label="Words to find", max_lines=2)
        words = gr.Textbox(label="Replace by", max_lines=2)
        match = gr.Checkbox(True, label="Capitals matter", min_width=120)
    with gr.Row():
        look = gr.Button("Preview", size="md")
        make = gr.Button("Apply", size="md", variant="primary", interactive=False)
        back = gr.Button("Undo", size="md", interactive=False)
    return Edits(
        kind=kind, find=find, words=words, match=match, look=look, make=make, back=back,
        found=gr.HTML(""), token=gr.State(""),
    )  # fmt: skip


def bind(seen: Seen, edits: Edits, *, dataset: Any, grid: Any, notice: Any) -> None:
    """Wire them.

    Args:
        seen: What was read of files.
        edits: The components.
        dataset: Holds the chosen dataset.
        grid: The grid of clips, which is refreshed.
        notice: Where it is said what happened.
    """
    workspace = seen.workspace

    def look(text: str, *given: Any) -> list[Any]:
        found = preview(open_dataset(workspace, text), seen, _edit(workspace, text, *given))
        return [preview_markup(found), found.token, gr.Button(interactive=bool(found.changes))]

    def make(text: str, token: str, *given: Any) -> list[Any]:
        changed, left = apply(open_dataset(workspace, text), seen, _edit(workspace, text, *given), token)
        rest = f" {left} were changed elsewhere and stay." if left else ""
        return _after(workspace, text, f"{_counted(changed)} changed.{rest}")

    def take_back(text: str) -> list[Any]:
        back, stay = undo(open_dataset(workspace, text))
        rest = f" {stay} were edited since and stay." if stay else ""
        return _after(workspace, text, f"{_counted(back)} put back.{rest}")

    outputs = [edits.found, edits.token, edits.make, edits.back, grid, notice]
    on(edits.look.click, look, [dataset, *edits.given], [edits.found, edits.token, edits.make], notice=notice)
    on(edits.make.click, make, [dataset, edits.token, *edits.given], outputs, notice=notice)
    on(edits.back.click, take_back, [dataset], outputs, notice=notice)
    fields = [edits.find, edits.words, edits.match, edits.found, edits.make]
    on(edits.kind.change, _fields, [edits.kind], fields, queue=False)
    for field in (edits.find.input, edits.words.input, edits.match.input):
        on(field, lambda: ["", gr.Button(interactive=False)], [], [edits.found, edits.make], queue=False)


def back_button(undoable: str) -> gr.Button:
    """The button that takes back the last edit, named after it."""
    return gr.Button(value=f"Undo: {undoable}" if undoable else "Undo", interactive=bool(undoable))


def _edit(workspace: Workspace, text: str, kind: Any, find: str, words: str, match: bool) -> Edit:
    words = read_trigger(open_dataset(workspace, text)) if kind == "trigger" else words
    return Edit(kind=kind, find=find, words=words, match_case=match)


def _fields(kind: str) -> list[Any]:
    """The fields of a kind of edit; what was found for another is gone."""
    is_replace = kind == "replace"
    label = "Replace by" if is_replace else "Words in front"
    return [
        gr.Textbox(visible=is_replace),
        gr.Textbox(visible=kind != "trigger", label=label),
        gr.Checkbox(visible=is_replace),
        "",
        gr.Button(interactive=False),
    ]


def _after(workspace: Workspace, text: str, said: str) -> list[Any]:
    """What an edit leaves on the page."""
    dataset = open_dataset(workspace, text)
    grid, back = refreshed_grid(dataset), back_button(last_edit(dataset))
    return ["", "", gr.Button(interactive=False), back, grid, notices.show(said, "good")]


def _counted(number: int) -> str:
    return f"{number} caption{'s' * (number != 1)}"
