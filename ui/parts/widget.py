"""Parts of the page that are written in JavaScript: `ui/static/<file>.js` adds a function to `window.studio`."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr


def widget(
    name: str,
    value: Any = None,
    *,
    server_functions: Sequence[Callable[..., Any]] = (),
    events: Sequence[str] = (),
    **options: Any,
) -> Any:
    """A part whose value is data, drawn by `studio.<name>(root, {props, trigger, watch, server, upload})`.

    The JavaScript puts texts of files into the page as text, never as markup. (`gr.HTML` is used as it is, since Gradio
    writes a stub file beside every subclass of a component.)

    Args:
        name: Function of `window.studio` that draws it; called once, it watches `value` by itself.
        value: Data that JSON can hold.
        server_functions: Python functions that it may call as `await server.<name>(...)`.
        events: Custom events that it triggers, to be bound as `widget.<event>(handler)`.
        **options: Of `gr.HTML`, such as `elem_id` or `visible`.
    """
    listed = " ".join(f"'{event}'" for event in events)
    given = f"props, trigger, watch, {_given('server')}, {_given('upload')}"
    call = f"studio.mount('{name}', element, {given}); // {listed}"
    return gr.HTML(
        value,
        html_template="<div class='widget'></div>",
        js_on_load=call,
        server_functions=list(server_functions) or None,
        apply_default_css=False,
        **options,
    )


def _given(variable: str) -> str:
    """A variable that Gradio sets only where it is needed."""
    return f"typeof {variable} === 'undefined' ? null : {variable}"
