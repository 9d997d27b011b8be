import gradio as gr
import pytest

from ui.parts.widget import widget

HOSTILE = {"captions": ["<script>alert(1)</script>", "${value}", "{{value}}", "é", None], "count": 3}


def ask(text):
    return text


def test_the_value_is_data_for_the_script_and_no_markup():
    with gr.Blocks() as blocks:
        part = widget("clipGrid", HOSTILE)
    config = next(each for each in blocks.get_config_file()["components"] if each["id"] == part._id)
    assert config["props"]["value"] == HOSTILE
    assert config["props"]["html_template"] == "<div class='widget'></div>"
    assert "script" not in config["props"]["js_on_load"]


@pytest.mark.parametrize("value", [HOSTILE, [], {}, "text", 3, None])
def test_data_pass_through_unchanged(value):
    part = widget("clipGrid")
    assert part.postprocess(value) == value
    assert part.preprocess(value) == value


def test_the_script_draws_the_named_part():
    assert "studio.mount('clipGrid', element" in widget("clipGrid").js_on_load


def test_its_events_can_be_bound():
    with gr.Blocks() as blocks:
        widget("clipGrid", events=["open", "remove"]).remove(lambda: None)
    [listener] = blocks.fns.values()
    assert listener.targets[0][1] == "remove"


def test_only_functions_that_were_named_can_be_called():
    part = widget("clipGrid", server_functions=[ask])
    callable_names = [name for name in dir(part) if getattr(getattr(part, name, None), "_is_server_fn", False)]
    assert callable_names == ["ask"]
