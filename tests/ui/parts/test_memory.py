import gradio as gr

from ui.parts import memory


def listeners(build):
    with gr.Blocks() as blocks:
        box = gr.Textbox()
        build(blocks, box)
    return list(blocks.fns.values())


def test_what_is_remembered_stays_in_the_browser():
    [listener] = listeners(lambda _, box: memory.remember(box, "dataset"))
    assert listener.fn is None
    assert 'sessionStorage.setItem("ltx-studio.dataset"' in listener.js


def test_a_key_cannot_end_its_string():
    [listener] = listeners(lambda _, box: memory.remember(box, "a'); alert(1); ('"))
    assert "setItem(\"ltx-studio.a'); alert(1); ('\"" in listener.js


def test_everything_is_restored_where_nothing_is_checked():
    [listener] = listeners(lambda blocks, box: memory.restore(blocks, box, "run"))
    assert listener.fn("mia") == "mia"
    assert listener.api_visibility == "private"


def test_a_page_that_is_opened_before_the_memory_has_come_round_asks_it_first():
    assert memory.known_first("run").endswith("[value || sessionStorage.getItem(\"ltx-studio.run\") || '', ...others]")
