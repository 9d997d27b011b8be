"""What a try may be asked for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltx_module.diffusion.presets import PRESETS as REAL_PRESETS
from ui.tries.settings import PRESETS, TryLoRA, TrySettings, size_of

loras = st.lists(
    st.builds(TryLoRA, file=st.text(min_size=1, max_size=20), strength=st.floats(-4, 4, allow_nan=False)), max_size=3
)
settings = st.builds(
    TrySettings,
    prompt=st.text(min_size=1, max_size=50).filter(lambda text: text.strip() and text.lstrip()[0] not in "[{"),
    negative_prompt=st.text(max_size=30),
    loras=loras.map(tuple),
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from(["64x64x9", "960x544x49", "4s"]),
    steps=st.none() | st.integers(1, 200),
    media=st.dictionaries(st.sampled_from(["image", "audio"]), st.text(max_size=10)),
)


@given(settings)
def test_settings_come_back_from_their_record(made):
    assert TrySettings.of_record(json.loads(json.dumps(made.as_record()))) == made


def test_the_presets_are_those_of_the_sampler():
    assert set(PRESETS) == set(REAL_PRESETS)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"prompt": "  "}, "prompt is empty"),
        ({"prompt": "{a: b}"}, "begins with a bracket"),
        ({"prompt": "x" * 5000}, "4000 characters"),
        ({"seed": -1}, "seed is -1"),
        ({"preset": "best"}, "no preset 'best'"),
        ({"preset": "fast", "steps": 30}, "eight fixed ones"),
        ({"steps": 0}, "0 sampling steps"),
        ({"size": "100x96x25"}, "multiple of 32: use 96 or 128"),
        ({"size": "128x96x24"}, "8k \\+ 1: use 17 or 25"),
        ({"image_strength": 2.0}, "image_strength"),
        ({"loras": tuple(TryLoRA(file=str(one)) for one in range(4))}, "at most 3"),
        ({"media": {"film": "x"}}, "no medium"),
    ],
)
def test_what_sampling_would_refuse_is_refused_in_words(values, said):
    with pytest.raises(ValueError, match=said):
        TrySettings(**{"prompt": "a red ball", **values})


@pytest.mark.parametrize("strength", [float("nan"), float("inf"), 5.0, -5.0])
def test_a_strength_that_can_only_be_a_slip_is_refused(strength):
    with pytest.raises(ValueError, match="strength"):
        TryLoRA(file="a", strength=strength)


def test_a_size_is_read_as_people_write_it():
    assert size_of(" 960 x 544", 49, 0, is_sound=False) == "960x544x49"
    assert size_of("960\u00d7544", 49, 0, is_sound=False) == "960x544x49"
    assert size_of("", 0, 4.0, is_sound=True) == "4s"
    with pytest.raises(ValueError, match="960x544"):
        size_of("large", 49, 0, is_sound=False)


def test_a_record_that_is_none_is_told_in_words():
    with pytest.raises(ValueError, match="cannot be read"):
        TrySettings.of_record({"prompt": "a", "loras": [{"file": "x"}]})
