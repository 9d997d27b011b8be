from pathlib import Path

import pytest
from jsonargparse import ArgumentError, ArgumentParser

from ltx_module.adapters import LoRAConfig, linear_shapes, lora_parameters
from ltx_module.adapters.targets import full_linear_shapes, resolve_targets

ATTENTIONS = ("attn1", "attn2", "audio_attn1", "audio_attn2", "audio_to_video_attn", "video_to_audio_attn")


def parse(*arguments):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--lora", type=LoRAConfig, default=LoRAConfig())
    return parser.instantiate(parser.parse_args(list(arguments))).lora


def modules(transformer, targets):
    return {name.split(".", 2)[2] for name in resolve_targets(LoRAConfig(targets=targets), linear_shapes(transformer))}


def test_recipe_takes_a_preset():
    assert parse("--lora.targets=video_ff", "--lora.rank=8").targets == "video_ff"


def test_recipe_takes_a_free_list():
    assert parse('--lora.targets=["attn1.to_q", "ff.net.2"]').targets == ["attn1.to_q", "ff.net.2"]


def test_recipe_takes_a_file_to_start_from():
    assert parse("--lora.init_from=runs/a.safetensors").init_from == Path("runs/a.safetensors")


@pytest.mark.parametrize("argument", ["rank=0", "alpha=0", "dropout=1.5"])
def test_recipe_refuses_a_value_out_of_range(argument):
    with pytest.raises(ArgumentError):
        parse(f"--lora.{argument}")


def test_unknown_preset_is_refused_with_the_list_of_presets():
    with pytest.raises(ValueError, match=r"'attn1.to_q'.*all_attention.*write a list, \[attn1.to_q\]"):
        LoRAConfig(targets="attn1.to_q")


def test_empty_targets_are_refused():
    with pytest.raises(ValueError, match="targets` is empty"):
        LoRAConfig(targets=[])


def test_dropout_of_everything_is_refused():
    with pytest.raises(ValueError, match=r"dropout` is 1.0"):
        LoRAConfig(dropout=1.0)


def test_all_attention_takes_four_projections_of_six_attentions(build):
    expected = {f"{a}.{p}" for a in ATTENTIONS for p in ("to_q", "to_k", "to_v", "to_out.0")}
    assert modules(build(), "all_attention") == expected


def test_video_preset_leaves_audio_and_cross_attention_alone(build):
    expected = {f"{a}.{p}" for a in ("attn1", "attn2") for p in ("to_q", "to_k", "to_v", "to_out.0")}
    assert modules(build(), "video") == expected


def test_audio_ff_preset_takes_audio_attention_and_feed_forward(build):
    attention = {f"{a}.{p}" for a in ("audio_attn1", "audio_attn2") for p in ("to_q", "to_k", "to_v", "to_out.0")}
    assert modules(build(), "audio_ff") == attention | {"audio_ff.net.0.proj", "audio_ff.net.2"}


def test_video_to_audio_preset_adds_the_attention_of_sound_to_picture(build):
    cross = {f"video_to_audio_attn.{p}" for p in ("to_q", "to_k", "to_v", "to_out.0")}
    assert modules(build(), "video_to_audio") == modules(build(), "audio_ff") | cross


def test_audio_ff_preset_fits_a_build_of_sound_alone(build):
    assert modules(build("audio"), "audio_ff") == modules(build(), "audio_ff")


def test_ff_ending_does_not_reach_the_audio_feed_forward(build):
    assert modules(build(), ["ff.net.2"]) == {"ff.net.2"}


def test_all_attention_ff_on_a_video_build_takes_the_video_feed_forward(build):
    assert {"ff.net.0.proj", "ff.net.2"} < modules(build("video"), "all_attention_ff")


def test_ending_that_matches_nothing_is_refused_with_what_there_is(build):
    with pytest.raises(ValueError, match=r"matches attn9.to_q\. .*attn1.to_q"):
        resolve_targets(LoRAConfig(targets=["attn1.to_q", "attn9.to_q"]), linear_shapes(build()))


def test_normalisation_weight_is_no_target(build):
    with pytest.raises(ValueError, match=r"attn1.q_norm"):
        resolve_targets(LoRAConfig(targets=["attn1.q_norm"]), linear_shapes(build()))


def test_audio_preset_on_a_video_build_is_refused(build):
    with pytest.raises(ValueError, match=r"the preset audio\. .*model.streams"):
        resolve_targets(LoRAConfig(targets="audio"), linear_shapes(build("video")))


def test_parameters_are_counted_by_group_without_building_adapters(build):
    counts = lora_parameters(linear_shapes(build()), LoRAConfig(rank=3, targets="video_ff"))
    # two blocks; attention: 4 layers of 64 -> 64; feed-forward: 64 -> 256 and back
    assert counts == {"attn1": 3 * 2 * 4 * 128, "attn2": 3 * 2 * 4 * 128, "ff": 3 * 2 * 2 * 320}


def test_full_model_is_known_from_a_video_build(build):
    assert full_linear_shapes(build("video")) == linear_shapes(build("av"))
