"""Calls the page's functions as a program would, without the page."""

import functools
import inspect
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from starlette.testclient import TestClient

from tests.ui.serving.villain import Grounds

_EVENT_KEYS = ("clip", "id", "index", "job", "name", "offset", "page", "run", "sample", "value")


@dataclass
class PageCalls:
    client: TestClient
    blocks: gr.Blocks
    grounds: Grounds
    mistakes: list[str] = field(default_factory=list)
    """Exceptions of functions that are not meant for a user."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for listener in self.blocks.fns.values():
            if listener.fn is not None:
                listener.fn = self._noted(listener.fn)

    def everything(self, *values: Any, turn: int = 0) -> str:
        """Every function called with a value for each of its inputs, the next function with the next value.

        Returns:
            All answers.
        """
        value = itertools.islice(itertools.cycle(values), turn % len(values), None)
        answers = [self.listener(index, next(value)) for index in self.listeners()]
        return "\n".join(answers + [self.server_function(*one, next(value)) for one in self.server_functions()])

    def listeners(self) -> list[int]:
        """Numbers of the listeners, one for each function."""
        found = {}
        for index, one in self.blocks.fns.items():
            if one.fn is not None:
                code = getattr(inspect.unwrap(one.fn), "__code__", one.fn)
                found.setdefault((code, len(one.inputs)), index)
        return list(found.values())

    def listener(self, index: int, value: Any) -> str:
        """The answer of a listener."""
        listener = self.blocks.fns[index]
        body = {
            "data": [_fitting(value, each) for each in listener.inputs],
            "fn_index": index,
            "session_hash": f"villain{next(self._numbers)}",
            "event_data": dict.fromkeys(_EVENT_KEYS, value),
            "trigger_id": None,
        }
        if not listener.queue:
            return self.post("run/predict", body)
        joined = self.post("queue/join", body)
        if "event_id" not in joined:
            return joined
        return self.client.get("/gradio_api/queue/data", params={"session_hash": body["session_hash"]}).text

    def server_functions(self) -> list[tuple[int, str]]:
        """Of the page's own parts: number of the component and name of the function."""
        found = []
        for number, component in self.blocks.blocks.items():
            names = [name for name in dir(component) if getattr(getattr(component, name, None), "_is_server_fn", False)]
            found += [(number, name) for name in names]
        return found

    def server_function(self, number: int, name: str, value: Any) -> str:
        """The answer of a server function."""
        body = {"component_id": number, "fn_name": name, "data": value, "session_hash": "villain"}
        return self.post("component_server/", body)

    def post(self, route: str, body: Any) -> str:
        """Sends what JSON can hold, with numbers that it cannot."""
        headers = {"Content-Type": "application/json"}
        return self.client.post(f"/gradio_api/{route}", content=json.dumps(body), headers=headers).text

    def _noted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def noted(*values: Any) -> Any:
            try:
                return function(*values)
            except gr.Error:
                raise
            except Exception as error:
                shown = [str(value)[:40] for value in values]
                self.mistakes.append(f"{function.__module__}.{function.__qualname__}{shown}: {error!r}"[:300])
                raise

        return noted


def _fitting(value: Any, component: Any) -> Any:
    """The value; where a text would not even reach the function, one that lets the others through."""
    if not isinstance(value, str):
        return value
    if isinstance(component, gr.HTML):
        return {}
    if isinstance(component, gr.Number | gr.Slider):
        return component.value or 1
    if isinstance(component, gr.Checkbox):
        return True
    if isinstance(component, gr.Dropdown | gr.Radio) and not getattr(component, "allow_custom_value", False):
        return component.choices[0][1] if component.choices else None
    return None if isinstance(component, gr.UploadButton | gr.File | gr.Image | gr.Video | gr.Audio) else value


def listing(grounds: Grounds) -> set[str]:
    """Every file beside the workspace."""
    found = set()
    for path in grounds.root.parent.iterdir():
        found |= set() if path == grounds.root else {str(path), *map(str, path.rglob("*"))}
    return found
