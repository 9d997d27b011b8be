"""Timers that run while their page is open, whether it was opened by a click, by a handler or by a reload."""

import gradio as gr

from ui.parts.listen import on

_OPEN = """() => new Promise((resolve) => setTimeout(() => {
    const open = document.querySelector("#pages [role=tab][data-tab-id][aria-selected=true]");
    resolve([open?.dataset.tabId ?? ""]);
}, 50))"""
"""Gradio's event for a change of tabs does not tell which one is open, and comes before it is drawn."""


def know_page(blocks: gr.Blocks, tabs: gr.Tabs, page: gr.Textbox) -> None:
    """Keep the open page's id in a component.

    Args:
        blocks: The whole page.
        tabs: Its pages.
        page: Takes the id.
    """
    for event in (tabs.change, blocks.load):
        event(None, None, [page], js=_OPEN, api_visibility="private")


def ticking(page: gr.Textbox, identity: str, seconds: float) -> gr.Timer:
    """A timer that is active while a page is open.

    Args:
        page: Holds the open page's id.
        identity: That of the timer's page.
        seconds: Between two ticks.
    """
    timer = gr.Timer(seconds, active=False)
    on(page.change, lambda opened: gr.Timer(active=opened == identity), [page], [timer], queue=False)
    return timer
