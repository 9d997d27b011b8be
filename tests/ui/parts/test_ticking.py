import gradio as gr

from ui.parts.ticking import know_page, ticking


def test_a_timer_runs_while_its_page_is_open_and_no_longer():
    with gr.Blocks() as blocks:
        timer = ticking(gr.Textbox(), "train", 2.0)
    [listener] = blocks.fns.values()
    assert timer.active is False
    assert listener.fn("train").active is True
    assert listener.fn("results").active is False


def test_the_open_page_is_known_after_a_reload_and_after_each_change():
    with gr.Blocks() as blocks:
        tabs, page = gr.Tabs(), gr.Textbox()
        know_page(blocks, tabs, page)
    events = [target[1] for listener in blocks.fns.values() for target in listener.targets]
    assert sorted(events) == ["change", "load"]
