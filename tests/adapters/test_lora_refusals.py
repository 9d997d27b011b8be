from pathlib import Path

import pytest
import torch

from ltx_module.adapters import load_lora, read_lora_file

Q = "diffusion_model.transformer_blocks.0.attn1.to_q"
LORA = {f"{Q}.lora_A.weight": torch.ones(2, 64), f"{Q}.lora_B.weight": torch.ones(64, 2)}
ONE = torch.ones(2, 2)

OTHERS = {
    "lokr_w1": (f"{Q}.lokr_w1", "LoKr"),
    "hada_w1_a": (f"{Q}.hada_w1_a", "LoHa"),
    "dora_scale": (f"{Q}.dora_scale", "DoRA"),
    "magnitude": (f"{Q}.lora_magnitude_vector.default.weight", "DoRA"),
    "oft": (f"{Q}.oft_blocks", "OFT"),
    "glora": (f"{Q}.a1.weight", "GLoRA"),
    "diff": (f"{Q}.diff", "full weight difference"),
    "mid": (f"{Q}.lora_mid.weight", "lora_mid"),
    "bias": (f"{Q}.lora_B.bias", "lora_B.bias"),
}
CONNECTORS = {
    "inside": "diffusion_model.video_embeddings_connector.transformer_1d_blocks.0.attn1.to_q",
    "projection": "text_embedding_projection.audio_aggregate_embed",
}


def test_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"no LoRA file /nowhere/a\.safetensors"):
        read_lora_file(Path("/nowhere/a.safetensors"))


def test_truncated_file_is_refused(comfyui_lora, tmp_path):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(comfyui_lora.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"truncated.*100 are missing"):
        read_lora_file(path)


def test_pickled_file_is_refused(tmp_path):
    torch.save({"a": ONE}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="not a safetensors file"):
        read_lora_file(tmp_path / "a.pt")


def test_checkpoint_is_refused_with_where_it_belongs(comfyui_lora):
    with pytest.raises(ValueError, match=r"is a checkpoint, not a LoRA.*model\.base_model"):
        read_lora_file(comfyui_lora.parent / "tiny-ltx-2.3.safetensors")


def test_other_tensors_are_no_lora(write):
    with pytest.raises(ValueError, match="is not a LoRA: none of its 1 keys"):
        read_lora_file(write({"embedding": ONE}))


@pytest.mark.parametrize(("key", "method"), OTHERS.values(), ids=OTHERS)
def test_other_adapter_methods_are_refused_by_name(write, key, method):
    with pytest.raises(ValueError, match=rf"holds .*{method}.*\({Q}"):
        read_lora_file(write({**LORA, key: ONE}))


def test_file_of_another_method_alone_is_refused_by_name(write):
    with pytest.raises(ValueError, match="holds LoKr"):
        read_lora_file(write({f"{Q}.lokr_w1": ONE, f"{Q}.lokr_w2": ONE}))


@pytest.mark.parametrize("module", CONNECTORS.values(), ids=CONNECTORS)
def test_connector_lora_is_refused(write, module):
    with pytest.raises(ValueError, match=rf"adapts the text connectors \({module}"):
        read_lora_file(write({**LORA, f"{module}.lora_A.weight": ONE, f"{module}.lora_B.weight": ONE}))


def test_connector_keys_are_named_where_they_are_allowed(build, write):
    module = CONNECTORS["projection"]
    path = write({**LORA, f"{module}.lora_A.weight": ONE, f"{module}.lora_B.weight": ONE})
    file = read_lora_file(path, allow_connectors=True)
    assert file.connector_keys == (f"{module}.lora_A.weight", f"{module}.lora_B.weight")
    assert list(file.pairs) == [Q.removeprefix("diffusion_model.")]
    assert load_lora(build(), path, allow_connectors=True) == "lora"


def test_file_of_the_connectors_alone_is_refused_in_any_case(write):
    module = CONNECTORS["inside"]
    path = write({f"{module}.lora_A.weight": ONE, f"{module}.lora_B.weight": ONE})
    with pytest.raises(ValueError, match="adapts the text connectors"):
        read_lora_file(path, allow_connectors=True)


def test_text_encoder_lora_is_refused(write):
    key = "lora_te1_model_layers_0_mlp_fc1"
    with pytest.raises(ValueError, match=rf"adapts the text encoder \({key}"):
        read_lora_file(write({**LORA, f"{key}.lora_down.weight": ONE, f"{key}.lora_up.weight": ONE}))


def test_unknown_ending_is_named(write):
    with pytest.raises(ValueError, match=rf"belong to no LoRA \({Q}\.gamma\)"):
        read_lora_file(write({**LORA, f"{Q}.gamma": ONE}))


def test_alpha_without_matrices_is_named(write):
    with pytest.raises(ValueError, match=r"belong to no LoRA \(other\.alpha\)"):
        read_lora_file(write({**LORA, "other.alpha": torch.tensor(1.0)}))


@pytest.mark.parametrize(("half", "missing"), [("lora_A", "lora_B"), ("lora_B", "lora_A")])
def test_half_a_pair_is_refused(write, half, missing):
    with pytest.raises(ValueError, match=f"has no {missing}"):
        read_lora_file(write({f"{Q}.{half}.weight": LORA[f"{Q}.{half}.weight"]}))


def test_halves_of_different_rank_are_refused(write):
    with pytest.raises(ValueError, match=r"A \(3, 64\) and B \(64, 2\)"):
        read_lora_file(write({**LORA, f"{Q}.lora_A.weight": torch.ones(3, 64)}))


def test_module_written_twice_is_refused(write):
    again = {key.replace("diffusion_model.", "transformer."): tensor for key, tensor in LORA.items()}
    with pytest.raises(ValueError, match="has both"):
        read_lora_file(write({**LORA, **again}))


@pytest.mark.parametrize("module", ["transformer_blocks.7.attn1.to_q", "transformer_blocks.0.attn1.to_x"])
def test_module_that_is_in_no_stream_is_named(build, write, module):
    tensors = {**LORA, f"{module}.lora_A.weight": ONE, f"{module}.lora_B.weight": ONE}
    with pytest.raises(ValueError, match=rf"1 of 2 modules are not in this model \({module}\)"):
        load_lora(build(), write(tensors))


def test_unknown_module_is_named_by_a_video_build_too(build, write):
    module = "transformer_blocks.0.audio_attn9.to_q"
    tensors = {**LORA, f"{module}.lora_A.weight": ONE, f"{module}.lora_B.weight": ONE}
    with pytest.raises(ValueError, match=rf"not in this model \({module}\)"):
        load_lora(build("video"), write(tensors))


def test_lora_of_a_larger_model_is_refused_with_both_sizes(build, write):
    tensors = {f"{Q}.lora_A.weight": torch.ones(2, 4096), f"{Q}.lora_B.weight": torch.ones(4096, 2)}
    with pytest.raises(ValueError, match=r"has 4096 inputs and 4096 outputs, but 64 and 64"):
        load_lora(build(), write(tensors))


@pytest.mark.parametrize(
    ("key", "value", "version"),
    [
        ("base_model_version", "2.0.0", "2.0"),
        ("model_version", "2.5.rc1", "2.5"),
        ("modelspec.architecture", "ltx-2.5/lora", "2.5"),
        ("ss_base_model_version", "ltx-video-0.9", "0.9"),
        ("base_version", "v2.5", "2.5"),
    ],
)
def test_lora_of_another_version_is_refused(write, key, value, version):
    with pytest.raises(ValueError, match=rf"trained on LTX {version} \(metadata {key}"):
        read_lora_file(write(LORA, metadata={key: value}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("base_model_version", "2.3.0"),
        ("model_version", "2.3.rc1"),
        ("model_version", "1.0"),
        ("modelspec.architecture", "ltx-2.3/lora"),
        ("modelspec.architecture", "ltx-2/lora"),
        ("ss_base_model_version", "ltx2"),
    ],
)
def test_lora_of_this_version_or_of_none_stated_is_read(write, key, value):
    assert read_lora_file(write(LORA, metadata={key: value})).metadata[key] == value
