"""What one browser tab remembers over a reload: values of components, in its session storage.

Another tab has a memory of its own, so that two of them never overwrite each other.
"""

import json
from typing import Any

import gradio as gr


def remember(component: Any, key: str) -> None:
    """Keep a component's value whenever it changes.

    Args:
        component: Its value must be a text.
        key: Name in the memory.
    """
    script = f"(value) => {{ sessionStorage.setItem({json.dumps(_name(key))}, value ?? ''); }}"
    component.change(None, [component], None, js=script, api_visibility="private")


def restore(blocks: gr.Blocks, component: Any, key: str) -> None:
    """Give a component its remembered value when the page is loaded.

    Args:
        blocks: The page.
        component: Takes a text.
        key: Name in the memory.
    """
    script = f"() => sessionStorage.getItem({json.dumps(_name(key))}) ?? ''"
    blocks.load(lambda value: value, [component], [component], js=script, api_visibility="private", queue=False)


def known_first(key: str) -> str:
    """JavaScript that puts what is remembered in place of a listener's first value while that is empty.

    A page that is opened by a reload may be asked what it shows before `restore` has come round.

    Args:
        key: Name in the memory.
    """
    return f"(value, ...others) => [value || sessionStorage.getItem({json.dumps(_name(key))}) || '', ...others]"


def _name(key: str) -> str:
    return f"ltx-studio.{key}"
