"""Facts of the file, fingerprints, dtypes, and that loading makes no second copy."""

import subprocess
import sys

import pytest
import torch

from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.fp8 import stored_weights
from ltx_module.checkpoint.key_maps import COMPONENTS, component_names, component_sources

BLOCK = "model.diffusion_model.transformer_blocks.1."
ONE_TENSOR = {
    "transformer": f"{BLOCK}audio_ff.net.2.weight",
    "text_connectors": "model.diffusion_model.video_embeddings_connector.transformer_1d_blocks.1.attn1.to_v.weight",
    "video_vae": "vae.per_channel_statistics.std-of-means",
    "audio_vae": "audio_vae.decoder.up.2.block.1.conv2.conv.weight",
    "vocoder": "vocoder.vocoder.resblocks.4.acts2.1.act.beta",
}


def test_sizes_come_from_the_config(tiny):
    assert tiny.version == "2.3.0"
    assert tiny.latent_channels == 4
    assert tiny.audio_latent == (2, 16)  # 64 mel bands, halved twice
    assert tiny.context_widths == (64, 32)
    assert tiny.text_states == (5, 24)


def test_every_tensor_belongs_to_exactly_one_component(tiny_content):
    names = list(tiny_content[0])
    owned = [name for component in COMPONENTS for name in component_names(component, names)]
    assert sorted(owned) == sorted(names)


def test_the_bytes_of_components_add_up_to_the_file(tiny, tiny_content):
    assert sum(tiny.num_bytes(component) for component in COMPONENTS) == sum(t.nbytes for t in tiny_content[0].values())


@pytest.mark.parametrize("streams", ["av", "video", "audio"])
def test_parameters_are_counted_without_loading(tiny, streams):
    loaded = tiny.load_transformer(streams)
    assert tiny.num_parameters(streams) == sum(p.numel() for p in loaded.parameters())


def test_only_the_fp8_file_is_fp8(tiny, tiny_fp8):
    assert tiny_fp8.fp8
    assert not tiny.fp8
    assert tiny_fp8.text_states is None


def test_fingerprints_do_not_depend_on_the_path(tiny, edited):
    copy = Checkpoint(edited(name="other name.safetensors"))
    assert [copy.fingerprint(c) for c in COMPONENTS] == [tiny.fingerprint(c) for c in COMPONENTS]


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_changed_tensor_changes_its_components_fingerprint_alone(tiny, edited, component):
    name = ONE_TENSOR[component]
    other = Checkpoint(edited(tensors=lambda tensors: tensors.update({name: tensors[name] * 1.01 + 0.1})))
    changed = [c for c in COMPONENTS if other.fingerprint(c) != tiny.fingerprint(c)]
    assert changed == [component]


def test_a_changed_config_changes_the_fingerprint(tiny, edited):
    other = Checkpoint(edited(config=lambda config: config["vae"].update(causal_decoder=True)))
    assert other.fingerprint("video_vae") != tiny.fingerprint("video_vae")
    assert other.fingerprint("audio_vae") == tiny.fingerprint("audio_vae")


def test_loaded_modules_are_frozen_and_in_evaluation_mode(tiny):
    modules = [tiny.load_transformer(), tiny.load_video_vae(), tiny.load_audio_vae(), tiny.load_vocoder()]
    for module in (*modules, tiny.load_text_connectors()):
        assert not any(parameter.requires_grad for parameter in module.parameters())
        assert not any(part.training for part in module.modules() if part is not module)


def test_components_have_the_dtype_asked_for_and_sound_stays_in_fp32(tiny):
    assert {p.dtype for p in tiny.load_video_vae(torch.bfloat16).parameters()} == {torch.bfloat16}
    assert {p.dtype for p in tiny.load_transformer("video", torch.float16).parameters()} == {torch.float16}
    assert {t.dtype for t in tiny.load_audio_vae().state_dict().values()} == {torch.float32}
    assert {t.dtype for t in tiny.load_vocoder().state_dict().values()} == {torch.float32}
    with pytest.raises(ValueError, match="float32"):
        tiny.load_vocoder(torch.bfloat16)


def test_fp8_weights_are_scaled_in_float32_and_rounded_once(tiny_fp8):
    name = "transformer_blocks.0.attn1.to_q.weight"
    exact = tiny_fp8.load_transformer(dtype=torch.float32).get_parameter(name)
    rounded = tiny_fp8.load_transformer(dtype=torch.bfloat16).get_parameter(name)
    assert torch.equal(rounded, exact.bfloat16())


def test_raw_fp8_weights_come_with_their_scales(tiny_fp8):
    name = "transformer_blocks.0.attn1.to_q.weight"
    sources = component_sources("transformer", tiny_fp8._file.tensors)
    stored = next(w for w in stored_weights(tiny_fp8._file, sources, "cpu") if w.name == name)
    assert stored.tensor.dtype == torch.float8_e4m3fn
    assert torch.equal(stored.to(torch.float32), tiny_fp8.load_transformer(dtype=torch.float32).get_parameter(name))


def test_writing_into_loaded_weights_does_not_reach_the_file(edited):
    path = edited()
    before = path.read_bytes()
    for parameter in Checkpoint(path).load_transformer().parameters():
        parameter.zero_()
    assert path.read_bytes() == before


def test_encoded_latents_may_enter_a_graph(tiny, golden):
    latents = tiny.load_video_vae(torch.float32).encode(golden["video_vae_image.pixels"])
    weight = torch.ones(4, 1, 1, 1, requires_grad=True)
    (latents * weight).sum().backward()
    assert weight.grad is not None


MEASURE = """
import re, sys, torch
from ltx_module.checkpoint import Checkpoint
def anonymous():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
checkpoint = Checkpoint(sys.argv[1])
checkpoint.load_transformer("video", torch.bfloat16)  # imports and caches
before = anonymous()
model = checkpoint.load_transformer("av", getattr(torch, sys.argv[2]))
print(anonymous() - before, sum(p.nbytes for p in model.parameters()))
"""


def memory_of_loading(path, dtype):
    output = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), dtype], capture_output=True, text=True, check=True
    ).stdout
    grown, size = map(int, output.split())
    return grown, size


@pytest.fixture(scope="module")
def big_file(tmp_path_factory, tiny_content):
    """The tiny file with blocks of realistic width: 81 MB in bf16, the largest tensor 8 MB."""
    import json

    from safetensors.torch import save_file

    from ltx_module.model import LTXConfig, LTXTransformer

    config = json.loads(tiny_content[1]["config"])
    sizes = {"attention_head_dim": 256, "cross_attention_dim": 1024, "audio_attention_head_dim": 64}
    config["transformer"] |= sizes | {"audio_cross_attention_dim": 256}
    with torch.device("meta"):
        shapes = LTXTransformer(LTXConfig.from_metadata(config["transformer"]), "av").state_dict()
    tensors = {f"model.diffusion_model.{n}": torch.zeros(t.shape, dtype=torch.bfloat16) for n, t in shapes.items()}
    path = tmp_path_factory.mktemp("big") / "big.safetensors"
    save_file(tensors, path, {"config": json.dumps(config), "model_version": "2.3.0"})
    return path


def test_loading_in_the_stored_dtype_takes_no_memory_of_its_own(big_file):
    grown, size = memory_of_loading(big_file, "bfloat16")
    assert size > 60e6
    assert grown < 5e6


def test_loading_in_another_dtype_holds_the_model_and_nothing_else(big_file):
    grown, size = memory_of_loading(big_file, "float32")
    assert grown < size + 20e6  # the largest tensor has 17 MB in float32
