import hashlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file

from ltx_module.adapters import LoRAPair, linear_shapes, load_lora, read_lora_file, write_lora_file
from ltx_module.adapters.lora_file import comfyui_tensors
from ltx_module.adapters.matching import match_lora

Q = "transformer_blocks.0.attn1.to_q"
A, B = torch.ones(2, 64), torch.ones(64, 2)

FORMS = {
    "diffusion_model.{}.lora_A.weight": "diffusion_model.{}.lora_B.weight",
    "diffusion_model.{}.lora_down.weight": "diffusion_model.{}.lora_up.weight",
    "diffusion_model.{}.lora_A.default.weight": "diffusion_model.{}.lora_B.default.weight",
    "transformer.{}.lora_A.weight": "transformer.{}.lora_B.weight",
    "base_model.model.{}.lora_A.weight": "base_model.model.{}.lora_B.weight",
    "{}.lora.down.weight": "{}.lora.up.weight",
    "{}_lora.down.weight": "{}_lora.up.weight",
    "{}.lora_linear_layer.down.weight": "{}.lora_linear_layer.up.weight",
    "{}.lora_A": "{}.lora_B",
}


def comfyui(**extra):
    return {f"diffusion_model.{Q}.lora_A.weight": A, f"diffusion_model.{Q}.lora_B.weight": B, **extra}


@pytest.mark.parametrize(("down", "up"), FORMS.items())
def test_every_form_of_names_is_read(write, down, up):
    file = read_lora_file(write({down.format(Q): A, up.format(Q): B}))
    assert list(file.pairs) == [Q]
    assert file.pairs[Q].shape == (64, 64)


def test_underscored_names_find_every_module_of_the_model(build, write):
    transformer = build()
    shapes = linear_shapes(transformer)
    tensors = {}
    for name, (inputs, outputs) in shapes.items():
        key = "lora_unet_" + name.replace(".", "_")
        tensors |= {f"{key}.lora_down.weight": torch.ones(1, inputs), f"{key}.lora_up.weight": torch.ones(outputs, 1)}
    assert match_lora(read_lora_file(write(tensors)), transformer).pairs.keys() == shapes.keys()


def test_written_names_and_module_names_map_one_to_one(build, write, random_pair):
    shapes = linear_shapes(build())
    pairs = {name: random_pair(shape, seed=number) for number, (name, shape) in enumerate(shapes.items())}
    tensors = comfyui_tensors(pairs, torch.float32)
    assert len(tensors) == 2 * len(shapes)
    back = read_lora_file(write(tensors)).pairs
    assert back.keys() == pairs.keys()
    assert all(torch.equal(back[name].down, pairs[name].down) for name in pairs)


@given(
    rank=st.integers(1, 6),
    alpha=st.floats(0.1, 64),
    inputs=st.integers(1, 9),
    outputs=st.integers(1, 9),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_folded_alpha_gives_the_same_update(rank, alpha, inputs, outputs, seed):
    generator = torch.Generator().manual_seed(seed)
    down, up = torch.randn(rank, inputs, generator=generator), torch.randn(outputs, rank, generator=generator)
    pair = LoRAPair(down=down, up=up, alpha=alpha)
    tensors = comfyui_tensors({"m": pair}, torch.float32)
    folded = tensors["diffusion_model.m.lora_B.weight"] @ tensors["diffusion_model.m.lora_A.weight"]
    torch.testing.assert_close(folded, alpha / rank * (up @ down), rtol=1e-5, atol=1e-5 * alpha)


def test_alpha_of_a_file_scales_the_update(write):
    file = read_lora_file(write(comfyui(**{f"diffusion_model.{Q}.alpha": torch.tensor(1.0)})))
    # ones: B @ A is 2 everywhere; alpha / rank is 1 / 2
    assert torch.equal(file.pairs[Q].delta(), torch.ones(64, 64))
    assert (file.rank, file.alpha) == (2, 1.0)


def test_without_alpha_the_scale_is_one(write):
    assert read_lora_file(write(comfyui())).pairs[Q].scale == 1.0


def test_ranks_may_differ_between_modules(build, write):
    other = "diffusion_model.transformer_blocks.1.attn1.to_q"
    tensors = comfyui(**{f"{other}.lora_A.weight": torch.ones(5, 64), f"{other}.lora_B.weight": torch.ones(64, 5)})
    path = write(tensors)
    assert read_lora_file(path).rank == 5
    transformer = build()
    load_lora(transformer, path)
    x = torch.ones(1, 64)
    for block, rank in ((0, 2), (1, 5)):
        layer = transformer.transformer_blocks[block].attn1.to_q
        torch.testing.assert_close(layer(x) - layer.base_layer(x), torch.full((1, 64), 64.0 * rank))


def test_written_file_holds_a_and_b_alone_in_bf16(tmp_path, random_pair):
    write_lora_file(tmp_path / "a.safetensors", {Q: random_pair((64, 64))}, dtype=torch.bfloat16, metadata={"k": "v"})
    tensors = load_file(tmp_path / "a.safetensors")
    assert tensors.keys() == {f"diffusion_model.{Q}.lora_A.weight", f"diffusion_model.{Q}.lora_B.weight"}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}


def test_metadata_of_a_written_file_can_be_read(tmp_path, random_pair):
    path = tmp_path / "a.safetensors"
    write_lora_file(path, {Q: random_pair((64, 64))}, dtype=torch.float32, metadata={"trigger": "a b\u00e9"})
    assert read_lora_file(path).metadata["trigger"] == "a b\u00e9"
    with safe_open(str(path), "pt") as handle:
        assert handle.metadata()["format"] == "pt"


def test_failing_write_leaves_the_old_file(tmp_path, random_pair, monkeypatch):
    path, pairs = tmp_path / "a.safetensors", {Q: random_pair((64, 64))}
    write_lora_file(path, pairs, dtype=torch.float32, metadata={})
    before = hashlib.sha256(path.read_bytes()).hexdigest()

    def full_disk(tensors, temporary, metadata):
        temporary.write_bytes(b"half a file")
        raise OSError("No space left on device")

    monkeypatch.setattr("ltx_module.adapters.lora_file.save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_lora_file(path, pairs, dtype=torch.float32, metadata={})
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_not_written(tmp_path):
    pair = LoRAPair(down=torch.full((2, 64), float("nan")), up=B, alpha=2.0)
    with pytest.raises(ValueError, match=r"NaN or Inf, such as diffusion_model.*was not written"):
        write_lora_file(tmp_path / "a.safetensors", {Q: pair}, dtype=torch.float32, metadata={})
    assert list(tmp_path.iterdir()) == []


def test_metadata_that_is_no_string_is_refused(tmp_path, random_pair):
    with pytest.raises(ValueError, match="must be strings, but 'step' is 3"):
        write_lora_file(tmp_path / "a", {Q: random_pair((64, 64))}, dtype=torch.float32, metadata={"step": 3})
