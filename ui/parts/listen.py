"""Listeners that show their errors in words and stay out of the public interface."""

import functools
import html
import logging
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components.base import Component

from ui.parts import notice as notices

logger = logging.getLogger(__name__)
_UNFORESEEN = "Something went wrong that the studio did not foresee: the terminal it was started in shows what."


def on(
    event: Callable[..., Any],
    function: Callable[..., Any],
    inputs: Sequence[Any] | None = None,
    outputs: Sequence[Any] | None = None,
    *,
    notice: Component | None = None,
    **options: Any,
) -> Any:
    """Bind a handler to an event.

    Args:
        event: Such as `button.click`.
        function: Takes the inputs' values; it must return a value for each output, as a list where there are several.
        inputs: Components whose values it takes.
        outputs: Components that its values go to.
        notice: Where an error is shown, the outputs left as they are; without one it is a toast. Only the texts of
            `ValueError` and `OSError` are made for people; others go to the log. The notice is hidden again when the
            handler succeeds, unless it is one of the outputs itself.
        **options: Of the event, such as `js`, `queue` or `concurrency_limit`.
    """
    targets = list(outputs or [])
    wanted = len(targets)
    if notice is not None and notice not in targets:
        targets.append(notice)

    @functools.wraps(function)
    def told(*values: Any) -> Any:
        try:
            result = function(*values)
        except Exception as error:
            said = _in_words(error)
            if notice is None:  # a toast takes its text for HTML
                toast = gr.Error(html.escape(said), duration=None, title="That did not work", print_exception=False)
                raise toast from error
            return _pad(targets, notice, notices.show(said, "bad"))
        if len(targets) == wanted:
            return result
        own = [] if wanted == 0 else [result] if wanted == 1 else list(result)
        return [*own, notices.show("")]

    settings = {"show_progress": "hidden", "api_visibility": "private", **options}
    return event(told, list(inputs or []), targets or None, **settings)


def _in_words(error: Exception) -> str:
    """What a person is told; a fault of ours is logged with its traceback instead."""
    if isinstance(error, ValueError | OSError):
        return str(error)
    logger.error("unforeseen", exc_info=error)
    return _UNFORESEEN


def _pad(targets: Sequence[Any], notice: Component, shown: Any) -> Any:
    """The notice's value in its place, everything else left alone."""
    values = [shown if target is notice else gr.skip() for target in targets]
    return values if len(values) > 1 else values[0]
