import gradio as gr
import pytest

from ui.parts import notice as notices
from ui.parts.listen import on


def fail(*_):
    raise ValueError("`steps` is 0, but must be 1 or more: set 1000.")


def bound(function, outputs, notice=None, inputs=()):
    """The function that Gradio calls when a button is clicked."""
    with gr.Blocks() as blocks:
        for component in {id(each): each for each in [*inputs, *outputs, notice] if each is not None}.values():
            component.unrender()
            component.render()
        on(gr.Button().click, function, list(inputs), outputs, notice=notice)
    [listener] = blocks.fns.values()
    return listener


def test_an_error_is_shown_where_the_page_wants_it_and_leaves_the_rest_alone():
    first, second, notice = gr.Textbox(), gr.Textbox(), notices.build()
    values = bound(fail, [first, second], notice).fn()
    assert values[:2] == [gr.skip(), gr.skip()]
    assert "set 1000." in values[2].value
    assert values[2].visible


def test_an_error_without_a_place_is_a_toast_in_words():
    with pytest.raises(gr.Error, match="set 1000"):
        bound(fail, [gr.Textbox()]).fn()


@pytest.mark.parametrize("error", [OSError("disk full"), FileNotFoundError("gone"), ValueError("no")])
def test_what_a_user_can_cause_is_shown(error):
    def function():
        raise error

    assert str(error) in bound(function, [], notices.build()).fn().value


def test_a_mistake_of_ours_goes_to_the_log_and_not_to_the_page(caplog):
    def function():
        raise KeyError("/secret/place")

    shown = bound(function, [], notices.build()).fn()
    assert "did not foresee" in shown.value
    assert "secret" not in shown.value
    assert "KeyError: '/secret/place'" in caplog.text


def test_a_toast_takes_markup_for_text():
    def function():
        raise ValueError("<img src=x>")

    with pytest.raises(gr.Error, match="&lt;img src=x&gt;"):
        bound(function, [gr.Textbox()]).fn()


@pytest.mark.parametrize(("count", "result"), [(0, None), (1, "a"), (2, ["a", "b"])])
def test_success_fills_the_outputs_and_hides_the_notice(count, result):
    outputs = [gr.Textbox() for _ in range(count)]
    values = bound(lambda: result, outputs, notices.build()).fn()
    shown = values[-1] if isinstance(values, list) else values
    assert shown.visible is False
    if count:
        assert values[:-1] == ([result] if count == 1 else result)


def test_a_notice_that_is_an_output_keeps_what_the_handler_says():
    notice = notices.build()
    value = bound(lambda: notices.show("Saved.", "good"), [notice], notice).fn()
    assert "Saved." in value.value


def test_inputs_reach_the_handler():
    box, out = gr.Textbox(), gr.Textbox()
    assert bound(str.upper, [out], inputs=[box]).fn("a") == "A"


def test_no_listener_is_offered_to_programs():
    listener = bound(lambda: None, [])
    assert listener.api_visibility == "private"
    assert listener.show_progress == "hidden"
