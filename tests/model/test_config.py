import pytest

from ltx_module.model import LTXConfig

PUBLISHED = {  # sizes of the 22B file, as its metadata has them
    "num_layers": 48,
    "num_attention_heads": 32,
    "attention_head_dim": 128,
    "in_channels": 128,
    "out_channels": 128,
    "cross_attention_dim": 4096,
    "audio_num_attention_heads": 32,
    "audio_attention_head_dim": 64,
    "audio_in_channels": 128,
    "audio_out_channels": 128,
    "audio_cross_attention_dim": 2048,
    "norm_eps": 1e-6,
    "positional_embedding_theta": 10000.0,
    "positional_embedding_max_pos": [20, 2048, 2048],
    "audio_positional_embedding_max_pos": [20],
    "timestep_scale_multiplier": 1000,
    "av_ca_timestep_scale_multiplier": 1000,
    "rope_type": "split",
    "frequencies_precision": "float64",
    "apply_gated_attention": True,
    "cross_attention_adaln": True,
    "caption_proj_before_connector": True,
}


def test_the_defaults_are_the_published_22b_model():
    assert LTXConfig.from_metadata(PUBLISHED) == LTXConfig()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dropout", 0.1),
        ("share_ff", True),
        ("qk_norm", None),
        ("activation_fn", "gelu"),
        ("use_middle_indices_grid", False),
        ("rope_type", "interleaved"),
        ("apply_gated_attention", False),  # LTX-2.0
        ("ff_bias", False),  # LTX-2.5
    ],
)
def test_another_architecture_is_refused_by_key_and_value(key, value):
    with pytest.raises(ValueError, match=rf"transformer\.{key}.* is {value!r}.*LTX-2\.3"):
        LTXConfig.from_metadata({**PUBLISHED, key: value})


def test_keys_that_ltx_2_0_leaves_out_are_required():
    without = {key: value for key, value in PUBLISHED.items() if key != "cross_attention_adaln"}
    with pytest.raises(ValueError, match="cross_attention_adaln"):
        LTXConfig.from_metadata(without)


def test_a_missing_size_is_named():
    without = {key: value for key, value in PUBLISHED.items() if key != "audio_attention_head_dim"}
    with pytest.raises(ValueError, match=r"lacks `transformer\.audio_attention_head_dim`"):
        LTXConfig.from_metadata(without)


def test_a_text_context_of_another_width_is_refused():
    with pytest.raises(ValueError, match="cross_attention_dim` is 3840"):
        LTXConfig.from_metadata({**PUBLISHED, "cross_attention_dim": 3840})


def test_an_absent_gate_multiplier_means_one_as_in_the_published_code():
    without = {key: value for key, value in PUBLISHED.items() if key != "av_ca_timestep_scale_multiplier"}
    assert LTXConfig.from_metadata(without).av_ca_timestep_scale_multiplier == 1.0
