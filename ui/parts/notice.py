"""A line that says what happened, in words, where it happened."""

import html
from typing import Literal

import gradio as gr

Tone = Literal["info", "good", "warn", "bad"]


def build() -> gr.HTML:
    """An empty notice; a handler shows something in it by returning `show(...)` to it."""
    return gr.HTML("", elem_classes=["notice-slot"], visible=False)


def show(text: str, tone: Tone = "info") -> gr.HTML:
    """The update that shows a text; an empty one hides the notice.

    Args:
        text: Plain text; lines stay lines.
        tone: What kind of news it is.
    """
    return gr.HTML(markup(text, tone), visible=bool(text))


def markup(text: str, tone: Tone = "info") -> str:
    """The notice as HTML, the text escaped."""
    role = "alert" if tone == "bad" else "status"
    return f'<div class="notice notice-{tone}" role="{role}">{html.escape(text)}</div>' if text else ""
