"""The export: a LoRA file as ComfyUI loads it, two workflows filled in for it, and how to use them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from datamodules.atomic import replacing
from ltx_module.adapters.comfyui_nodes import Workflow, validate_workflow
from ltx_module.adapters.lora_file import KOHYA_PREFIX, LoRAFile, comfyui_tensors, read_lora_file, write_lora_file
from ltx_module.adapters.workflows import WorkflowRequest, build_workflow
from ltx_module.diffusion.presets import PRESETS

WORKFLOWS = ("fast", "quality")
"""Presets that are exported as workflows."""


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What an export says about its LoRA."""

    workflow: WorkflowRequest
    """What the workflows are filled in with; its `lora` names the file, `NAME.safetensors`."""
    base_version: str
    """`model_version` of the checkpoint, such as 2.3.0."""
    steps: int
    """Optimizer steps of the training."""
    recipe_hash: str
    """Hash of the resolved recipe."""
    dtype: torch.dtype = torch.bfloat16
    """Of the tensors, bf16 or fp32."""
    title: str = ""
    """Title in the metadata; the file name when empty."""
    description: str = ""
    """One line about what it does."""

    def __post_init__(self) -> None:
        """Check what would make a file that nothing loads."""
        if not self.workflow.lora.endswith(".safetensors") or "/" in self.workflow.lora:
            raise ValueError(f"the export's LoRA is named {self.workflow.lora!r}, but it must be NAME.safetensors.")
        if self.dtype not in (torch.bfloat16, torch.float32):
            raise ValueError(f"`export --dtype` is {self.dtype}, but LoRA files are written in bf16 or fp32.")

    @property
    def name(self) -> str:
        """File name without suffix."""
        return self.workflow.lora.removesuffix(".safetensors")


@dataclass(frozen=True, kw_only=True)
class ExportPackage:
    """The files of an export."""

    lora: Path
    workflows: Mapping[str, Path]
    """By preset name."""
    notes: Path


def export_package(lora_path: Path, directory: Path, request: ExportRequest) -> ExportPackage:
    """Write `NAME.safetensors`, `NAME-fast.json`, `NAME-quality.json` and `README.md`, each whole or not at all.

    Args:
        lora_path: A LoRA file with dotted module names, such as those of `save_lora`.
        directory: Made when missing.
        request: What the metadata and the workflows say.

    Raises:
        FileNotFoundError: If there is no LoRA file.
        ValueError: If it is not a LoRA that can be exported.
    """
    file = read_lora_file(lora_path)
    if flat := [module for module in file.pairs if module.startswith(KOHYA_PREFIX)]:
        raise ValueError(
            f"{lora_path} names its modules with underscores ({flat[0]}), which ComfyUI loads as it is: "
            "export a file that `fit` wrote."
        )
    graphs = {name: build_workflow(PRESETS[name], request.workflow) for name in WORKFLOWS}
    for graph in graphs.values():
        validate_workflow(graph)
    package = ExportPackage(
        lora=directory / request.workflow.lora,
        workflows={name: directory / f"{request.name}-{name}.json" for name in WORKFLOWS},
        notes=directory / "README.md",
    )
    write_lora_file(package.lora, file.pairs, dtype=request.dtype, metadata=export_metadata(file, request))
    for name, path in package.workflows.items():
        _write_workflow(path, graphs[name])
    with replacing(package.notes) as temporary:
        temporary.write_text(_notes(file, request), encoding="utf-8")
    return package


def export_metadata(file: LoRAFile, request: ExportRequest) -> dict[str, str]:
    """Header entries of the exported file: ours, the `modelspec` ones, and what the source file had besides."""
    workflow, version = request.workflow, ".".join(request.base_version.split(".")[:2])
    bucket = workflow.bucket
    ours = {
        "base_model": Path(workflow.checkpoint).stem,
        "base_model_version": request.base_version,
        "rank": str(file.rank),
        "trigger": workflow.trigger,
        "recipe_hash": file.metadata.get("recipe_hash", request.recipe_hash),
        "training_steps": str(request.steps),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"ltx-{version}/lora",
        "modelspec.implementation": "https://github.com/Lightricks/LTX-2",
        "modelspec.title": request.title or request.name,
        "modelspec.description": request.description,
        "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "modelspec.trigger_phrase": workflow.trigger,
        "modelspec.resolution": f"{bucket.width}x{bucket.height}",
        "modelspec.hash_sha256": tensor_hash(comfyui_tensors(file.pairs, request.dtype)),
    }
    return {**file.metadata, **{key: value for key, value in ours.items() if value}}


def tensor_hash(tensors: dict[str, Tensor]) -> str:
    """`0x` and the SHA-256 of a safetensors file's data, which is the same whatever its metadata."""
    content = save(tensors)
    start = 8 + int.from_bytes(content[:8], "little")
    return "0x" + hashlib.sha256(memoryview(content)[start:]).hexdigest()


def _write_workflow(path: Path, graph: Workflow) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(graph, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _notes(file: LoRAFile, request: ExportRequest) -> str:
    workflow = request.workflow
    trigger = f"Put the trigger `{workflow.trigger}` into every prompt.\n" if workflow.trigger else ""
    return f"""# {request.title or request.name}

A LoRA of rank {file.rank} for LTX {request.base_version} ({workflow.checkpoint}), {request.steps} steps.
{trigger}
## Load it in ComfyUI

1. Copy `{workflow.lora}` to `ComfyUI/models/loras/`.
2. Have `{workflow.checkpoint}` in `models/checkpoints/` and `{workflow.text_encoder}` in `models/text_encoders/`;
   for `fast` on the dev model also `{workflow.distilled_lora}` in `models/loras/`.
3. Drag a workflow onto the canvas. Core nodes are all it needs:
   - `{request.name}-fast.json`: eight steps with the distilled LoRA.
   - `{request.name}-quality.json`: thirty steps with full guidance, several times slower; needs ComfyUI 0.32 or later.

`LoraLoaderModelOnly` is the loader; alpha is folded into the weights, so strength 1.0 is what was trained.
Previews of the training used the same sampler, sigmas and guidance. Trained at {workflow.fps:g} frames a second:
keep that rate.
"""
