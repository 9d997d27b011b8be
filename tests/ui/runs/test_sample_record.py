import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.runs.written_run import record
from ui.runs.sample_record import MAX_RECORD_BYTES, read_record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)


def test_a_record_of_the_program_is_understood(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(record(adapters=["step_000090"])))
    found = read_record(path)
    assert (found.prompt, found.seed, found.strength, found.preset) == ("MIA a red car", 42, 1.0, "quality")
    assert (found.frame_size, found.frames, found.steps, found.has_sound) == ((128, 96), 25, 2, True)
    assert found.adapters == ("step_000090",)
    assert found.problem == ""


def test_a_sound_has_as_many_frames_as_its_seconds(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(record(size="1.5s", streams="audio")))
    found = read_record(path)
    assert (found.frame_size, found.frames, found.has_sound) == (None, 36, True)  # 1.5 s at 24


def test_a_video_alone_has_no_sound(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(record(streams="video")))
    assert not read_record(path).has_sound


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(record(), JSON)))
def test_values_of_any_type_are_left_open_and_never_raise(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("record") / "one.json"
    path.write_text(json.dumps(content))
    found = read_record(path)
    assert found.prompt == (content.get("prompt") if isinstance(content.get("prompt"), str) else "")
    assert 1 <= found.fps <= 240


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 100_000, '{"seed": ' + "9" * 5000 + "}"])
def test_what_is_no_record_says_so(tmp_path, text):
    path = tmp_path / "one.json"
    path.write_text(text)
    assert "one.json" in read_record(path).problem


def test_a_huge_record_is_not_read(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(record(prompt="x" * MAX_RECORD_BYTES)))
    assert "larger than any record" in read_record(path).problem


def test_a_missing_record_is_named(tmp_path):
    assert "one.json is missing" in read_record(tmp_path / "one.json").problem
