import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from datamodules.geometry import Bucket
from ltx_module.adapters import (
    ExportRequest,
    LoRAConfig,
    WorkflowRequest,
    export_package,
    inject_lora,
    read_lora_file,
    save_lora,
    validate_workflow,
)
from ltx_module.adapters.comfyui import tensor_hash
from ltx_module.diffusion.conditioning import FirstFrame, Reference

REQUEST = ExportRequest(
    workflow=WorkflowRequest(
        lora="mira.safetensors",
        checkpoint="ltx-2.3-22b-dev.safetensors",
        prompt="walks",
        negative_prompt="ugly",
        trigger="mira",
        bucket=Bucket(width=960, height=544, frames=49),
    ),
    base_version="2.3.0",
    steps=2000,
    recipe_hash="abc123",
)


@pytest.fixture
def saved(build, train, tmp_path):
    """A LoRA file as the training saves it, in fp32."""
    transformer = build()
    inject_lora(transformer, LoRAConfig(rank=4, alpha=8.0, targets="video"), seed=1)
    train(transformer)
    path = tmp_path / "step_000010.safetensors"
    save_lora(transformer, path, dtype=torch.float32, metadata={"reference_downscale_factor": "2"})
    return path


def test_package_has_its_four_files(saved, tmp_path):
    package = export_package(saved, tmp_path / "out", REQUEST)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"mira.safetensors", "mira-fast.json", "mira-quality.json", "README.md"}
    assert package.lora == tmp_path / "out" / "mira.safetensors"


def test_exported_tensors_are_the_saved_ones_in_bf16(saved, tmp_path):
    package = export_package(saved, tmp_path / "out", REQUEST)
    exported, before = load_file(package.lora), load_file(saved)
    assert exported.keys() == before.keys()
    assert all(torch.equal(exported[key], before[key].bfloat16()) for key in before)


def test_export_in_fp32_loses_nothing(saved, tmp_path):
    package = export_package(saved, tmp_path / "out", replace(REQUEST, dtype=torch.float32))
    exported, before = load_file(package.lora), load_file(saved)
    assert all(torch.equal(exported[key], before[key]) for key in before)


def test_metadata_tells_what_the_file_is(saved, tmp_path):
    metadata = read_lora_file(export_package(saved, tmp_path / "out", REQUEST).lora).metadata
    expected = {
        "base_model": "ltx-2.3-22b-dev",
        "base_model_version": "2.3.0",
        "rank": "4",
        "trigger": "mira",
        "recipe_hash": "abc123",
        "training_steps": "2000",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "ltx-2.3/lora",
        "modelspec.title": "mira",
        "modelspec.trigger_phrase": "mira",
        "modelspec.resolution": "960x544",
    }
    assert {key: metadata[key] for key in expected} == expected


def test_metadata_of_the_saved_file_stays(saved, tmp_path):
    metadata = read_lora_file(export_package(saved, tmp_path / "out", REQUEST).lora).metadata
    assert metadata["reference_downscale_factor"] == "2"


def test_hash_in_the_metadata_is_that_of_the_tensors(saved, tmp_path):
    package = export_package(saved, tmp_path / "out", REQUEST)
    content = package.lora.read_bytes()
    tensor_bytes = content[8 + int.from_bytes(content[:8], "little") :]
    stored = read_lora_file(package.lora).metadata["modelspec.hash_sha256"]
    assert stored == "0x" + hashlib.sha256(tensor_bytes).hexdigest()


def test_hash_changes_with_a_tensor():
    assert tensor_hash({"a": torch.zeros(3)}) != tensor_hash({"a": torch.ones(3)})


def test_workflows_load_the_exported_file(saved, tmp_path):
    package = export_package(saved, tmp_path / "out", REQUEST)
    for path in package.workflows.values():
        workflow = json.loads(path.read_text(encoding="utf-8"))
        validate_workflow(workflow)
        assert workflow["5"]["inputs"]["lora_name"] == package.lora.name
        assert workflow["6"]["inputs"]["text"] == "mira walks"
        assert workflow["9"]["inputs"]["length"] == 49


def test_notes_name_the_files_and_the_trigger(saved, tmp_path):
    notes = export_package(saved, tmp_path / "out", REQUEST).notes.read_text(encoding="utf-8")
    for words in ("mira.safetensors", "models/loras", "ltx-2.3-22b-dev.safetensors", "trigger `mira`", "24 frames"):
        assert words in notes


IC_LORA = replace(
    REQUEST,
    workflow=replace(
        REQUEST.workflow,
        bucket=Bucket(width=960, height=512, frames=49),
        conditions=(Reference(), FirstFrame(0.2)),
        reference_downscale_factor=2,
    ),
)


def test_every_way_of_training_has_its_files(saved, tmp_path):
    package = export_package(saved, tmp_path / "out", IC_LORA)
    keys = {"reference-fast", "reference-quality", "reference-image-fast", "reference-image-quality"}
    assert package.workflows.keys() == keys
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"mira.safetensors", "README.md", *(f"mira-{key}.json" for key in keys)}


def test_notes_say_what_to_pick_and_how_large_a_reference_is(saved, tmp_path):
    notes = export_package(saved, tmp_path / "out", IC_LORA).notes.read_text(encoding="utf-8")
    for words in (
        "`mira-reference-fast.json`, `mira-reference-quality.json`. Core nodes are all it needs.",
        "`Reference video`: at least 49 frames. It is cut to 480x256, 2 times smaller",
        "multiples of 64",
        "`First frame`",
        "Strengths of the IC-LoRA",
        "also of the clips that you give",
    ):
        assert words in notes


def test_notes_name_the_pack_that_a_workflow_needs(saved, tmp_path):
    workflow = replace(REQUEST.workflow, streams="audio", bucket=Bucket.parse("4s"))
    package = export_package(saved, tmp_path / "out", replace(REQUEST, workflow=workflow))
    notes = package.notes.read_text(encoding="utf-8")
    assert "Needs the node pack ComfyUI-LTXVideo" in notes
    assert "modelspec.resolution" not in read_lora_file(package.lora).metadata


def test_what_has_no_workflow_is_said_in_the_notes(saved, tmp_path):
    slower = replace(IC_LORA, workflow=replace(IC_LORA.workflow, reference_temporal_factor=2))
    package = export_package(saved, tmp_path / "out", slower)
    assert package.workflows == {}
    assert len(package.left_out) == 2
    notes = package.notes.read_text(encoding="utf-8")
    assert "Without a workflow" in notes
    assert "no node shows a reference at a lower frame rate" in notes


def test_notes_of_a_text_lora_speak_of_no_clips(saved, tmp_path):
    notes = export_package(saved, tmp_path / "out", REQUEST).notes.read_text(encoding="utf-8")
    assert "clips that you give" not in notes
    assert "Without a workflow" not in notes


def test_export_replaces_an_earlier_one(saved, tmp_path):
    export_package(saved, tmp_path / "out", REQUEST)
    package = export_package(saved, tmp_path / "out", replace(REQUEST, steps=3000))
    assert read_lora_file(package.lora).metadata["training_steps"] == "3000"


def test_checkpoint_is_not_exported(comfyui_lora, tmp_path):
    with pytest.raises(ValueError, match="is a checkpoint, not a LoRA"):
        export_package(comfyui_lora.parent / "tiny-ltx-2.3.safetensors", tmp_path / "out", REQUEST)


def test_underscored_file_is_not_exported(write, tmp_path):
    key = "lora_unet_transformer_blocks_0_attn1_to_q"
    path = write({f"{key}.lora_down.weight": torch.ones(1, 64), f"{key}.lora_up.weight": torch.ones(64, 1)})
    with pytest.raises(ValueError, match=f"underscores \\({key}\\)"):
        export_package(path, tmp_path / "out", REQUEST)


@pytest.mark.parametrize("name", ["mira", "a/mira.safetensors"])
def test_name_that_comfyui_would_not_find_is_refused(name):
    with pytest.raises(ValueError, match=r"must be NAME\.safetensors"):
        replace(REQUEST, workflow=replace(REQUEST.workflow, lora=name))


def test_dtype_that_is_no_file_format_is_refused():
    with pytest.raises(ValueError, match="float16, but LoRA files are written in bf16 or fp32"):
        replace(REQUEST, dtype=torch.float16)
