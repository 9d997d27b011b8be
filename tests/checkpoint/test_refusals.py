"""What is given as the base model in place of an LTX-2.3 file, and what the user is told."""

import re

import pytest
import torch
from safetensors.torch import save_file

from ltx_module.checkpoint import Checkpoint, CheckpointError

PROJECTION = "text_embedding_projection.aggregate_embed.weight"


def without(pattern):
    """An edit that drops the tensors whose name matches."""

    def edit(tensors):
        for name in [name for name in tensors if re.search(pattern, name)]:
            del tensors[name]

    return edit


@pytest.mark.parametrize(
    "address",
    [
        "Lightricks/LTX-2.3",
        "https://huggingface.co/Lightricks/LTX-2.3",
        "https://huggingface.co/Lightricks/LTX-2.3/resolve/main/ltx-2.3-22b-dev.safetensors",
        "hf://Lightricks/LTX-2.3",
    ],
)
def test_a_hub_address_is_answered_with_the_download_command(address):
    with pytest.raises(CheckpointError, match=r"hub.*hf download Lightricks/LTX-2.3"):
        Checkpoint(address)


def test_a_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "ltx-2.3-22b-dev-fp8.safetensors").touch()
    with pytest.raises(CheckpointError, match=r"does not exist \(in .* there is ltx-2.3-22b-dev-fp8.*hf download"):
        Checkpoint(tmp_path / "ltx-2.3-22b-dev.safetensors")


def test_a_relative_file_in_an_existing_folder_is_missing_and_no_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    with pytest.raises(CheckpointError, match="does not exist"):
        Checkpoint("models/ltx")


def test_a_directory_is_told_from_a_file(tmp_path):
    with pytest.raises(CheckpointError, match="is a directory, but the base model is one file"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize("removed", [1, 1_000_000, 11_300_000])
def test_a_truncated_file_says_how_much_is_missing(tmp_path, edited, removed):
    whole = edited().read_bytes()
    short = tmp_path / "short.safetensors"
    short.write_bytes(whole[:-removed])
    with pytest.raises(CheckpointError, match=r"is truncated.* missing.*Run the download again"):
        Checkpoint(short)


def test_a_file_cut_inside_its_header_is_truncated_too(tmp_path, edited):
    short = tmp_path / "short.safetensors"
    short.write_bytes(edited().read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="is truncated"):
        Checkpoint(short)


def test_a_file_with_bytes_behind_its_tensors_is_damaged(tmp_path, edited):
    long = tmp_path / "long.safetensors"
    long.write_bytes(edited().read_bytes() + b"\0" * 64)
    with pytest.raises(CheckpointError, match="is damaged"):
        Checkpoint(long)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin with a safetensors header"),
        (b"GGUF\x03\0\0\0" + b"\0" * 100, "not a safetensors file"),
        (b"\x40\0\0\0\0\0\0\0" + b"{" + b"x" * 63, "its header is not JSON"),
        (b'\x10\0\0\0\0\0\0\0{"a":{"dtype":1}}'[:24], "its header"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "web page"),
    ],
)
def test_what_is_not_safetensors_is_refused_by_kind(tmp_path, content, reason):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=reason):
        Checkpoint(path)


def test_a_lora_file_is_pointed_to_where_it_belongs(tiny):
    with pytest.raises(CheckpointError, match=r"is a LoRA file.*init_from.*--lora"):
        Checkpoint(tiny.path.parent / "tiny-lora-comfyui.safetensors")


def test_another_model_is_refused(tmp_path):
    path = tmp_path / "upscaler.safetensors"
    save_file({"upsampler.weight": torch.zeros(4)}, path)
    with pytest.raises(CheckpointError, match=r"holds no tensor named `model\.diffusion_model"):
        Checkpoint(path)


def test_ltx_2_0_is_told_by_its_version(edited):
    with pytest.raises(CheckpointError, match=r"is LTX-2\.0\.1, but this project trains LTX-2\.3"):
        Checkpoint(edited(model_version="2.0.1"))


def test_ltx_2_0_is_told_by_its_tensors(edited):
    with pytest.raises(CheckpointError, match=r"but this project trains LTX-2\.3"):
        Checkpoint(edited(tensors=without("to_gate_logits")))
    with pytest.raises(CheckpointError, match=r"but this project trains LTX-2\.3"):
        Checkpoint(edited(tensors=lambda tensors: tensors.update({PROJECTION: torch.zeros(24, 120)})))


def test_ltx_2_0_is_told_by_its_config(edited):
    with pytest.raises(CheckpointError, match=r"LTX-2\.0"):
        Checkpoint(edited(config=lambda config: config["transformer"].update(cross_attention_adaln=False)))


def test_ltx_2_5_is_told_by_version_config_metadata_and_tensors(edited):
    keyframes = {"model.diffusion_model.keyframes_abs_pos_embedding": torch.zeros(1, 64)}
    for path in (
        edited(model_version="2.4-rc2", name="a.safetensors"),
        edited(config=lambda config: config["transformer"].update(ff_bias=False), name="b.safetensors"),
        edited(gemma_source_checkpoint='{"gemma_version": 4}', model_version="", name="c.safetensors"),
        edited(tensors=lambda tensors: tensors.update(keyframes), model_version="", name="d.safetensors"),
    ):
        with pytest.raises(CheckpointError, match=r"LTX-2\.[45].*but this project trains LTX-2\.3"):
            Checkpoint(path)


def test_a_release_candidate_of_2_3_is_accepted(edited):
    assert Checkpoint(edited(model_version="2.3.rc1")).version == "2.3.rc1"


def test_ltx_video_is_refused_as_a_model_without_sound(edited):
    with pytest.raises(CheckpointError, match="LTX-Video"):
        Checkpoint(edited(tensors=without(r"diffusion_model\.audio_"), model_version="0.9.7"))


def test_a_file_saved_without_its_config_is_refused(tmp_path, tiny_content):
    path = tmp_path / "stripped.safetensors"
    save_file(tiny_content[0], path, {"model_version": "2.3.0"})
    with pytest.raises(CheckpointError, match="no usable `config` in its metadata"):
        Checkpoint(path)


def test_a_config_without_a_section_is_refused_by_its_name(edited):
    with pytest.raises(CheckpointError, match="lacks the section `vocoder`"):
        Checkpoint(edited(config=lambda config: config.pop("vocoder")))


def test_four_bit_weights_are_refused(edited):
    name = "model.diffusion_model.transformer_blocks.0.attn1.to_q.weight_scale_2"
    with pytest.raises(CheckpointError, match="4-bit"):
        Checkpoint(edited(tensors=lambda tensors: tensors.update({name: torch.ones(())})))


def test_the_distilled_model_is_no_training_base_unless_allowed(edited):
    checkpoint = Checkpoint(edited(name="ltx-2.3-22b-distilled-1.1.safetensors"))
    assert checkpoint.distilled
    with pytest.raises(CheckpointError, match=r"`model.allow_distilled: true`"):
        checkpoint.require_trainable()
    checkpoint.require_trainable(allow_distilled=True)


def test_the_dev_model_is_a_training_base(tiny):
    assert not tiny.distilled
    tiny.require_trainable()


@pytest.mark.parametrize("component", ["text_connectors", "video_vae", "audio_vae", "vocoder"])
def test_the_fp8_file_says_what_it_lacks(tiny_fp8, component):
    with pytest.raises(CheckpointError, match=r"fp8 file holds only a part.*hf download"):
        getattr(tiny_fp8, f"load_{component}")()
    with pytest.raises(CheckpointError, match="fp8"):
        tiny_fp8.fingerprint(component)


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("transformer", "model.diffusion_model.transformer_blocks.1.attn2.to_k.bias"),
        ("text_connectors", "text_embedding_projection.audio_aggregate_embed.bias"),
        ("video_vae", "vae.decoder.up_blocks.4.res_blocks.0.conv1.conv.bias"),
        ("audio_vae", "audio_vae.encoder.mid.block_1.conv1.conv.bias"),
        ("vocoder", "vocoder.bwe_generator.ups.0.bias"),
    ],
)
def test_a_missing_and_an_unknown_tensor_are_named(edited, component, name):
    def load(path):
        return getattr(Checkpoint(path), f"load_{component}")()

    with pytest.raises(CheckpointError, match=r"`.*` is missing"):
        load(edited(tensors=lambda tensors: tensors.pop(name)))
    with pytest.raises(CheckpointError, match=f"`{re.escape(name)}_2` is not part of LTX-2.3"):
        load(edited(tensors=lambda tensors: tensors.update({f"{name}_2": tensors[name].clone()})))
    with pytest.raises(CheckpointError, match=f"`{re.escape(name)}` has shape"):
        load(edited(tensors=lambda tensors: tensors.update({name: torch.zeros(1)})))


def test_an_unknown_tensor_is_noticed_when_one_stream_is_built(edited):
    name = "model.diffusion_model.audio_extra.weight"
    path = edited(tensors=lambda tensors: tensors.update({name: torch.zeros(1)}))
    with pytest.raises(CheckpointError, match="audio_extra"):
        Checkpoint(path).load_transformer("video")


def test_the_unused_statistics_are_ignored(edited):
    name = "vae.per_channel_statistics.mean-of-stds_over_std-of-means"
    path = edited(tensors=lambda tensors: tensors.update({name: torch.zeros(4)}))
    assert Checkpoint(path).load_video_vae()
