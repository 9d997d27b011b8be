"""The export: a LoRA file as ComfyUI loads it, workflows filled in for it, and how to use them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from datamodules.atomic import replacing
from ltx_module.adapters.comfyui_nodes import Workflow, validate_workflow
from ltx_module.adapters.comfyui_notes import export_notes
from ltx_module.adapters.comfyui_request import ExportRequest
from ltx_module.adapters.lora_file import KOHYA_PREFIX, LoRAFile, comfyui_tensors, read_lora_file, write_lora_file
from ltx_module.adapters.workflows import assemble, plan_workflows
from ltx_module.diffusion.presets import PRESETS


@dataclass(frozen=True, kw_only=True)
class ExportPackage:
    """The files of an export."""

    lora: Path
    workflows: Mapping[str, Path]
    """By preset, behind the way it is used where that takes more than a prompt: `fast`, `image-fast`."""
    notes: Path
    left_out: tuple[str, ...] = ()
    """Ways the LoRA was trained in that ComfyUI has no nodes for, with the reason."""


def export_package(lora_path: Path, directory: Path, request: ExportRequest) -> ExportPackage:
    """Write `NAME.safetensors`, `NAME-fast.json` and the other workflows, and `README.md`, each whole or not at all.

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
    plans, left_out = plan_workflows(request.workflow)
    ways = [(plan, {name: assemble(PRESETS[name], plan.request) for name in request.presets}) for plan in plans]
    graphs = {
        f"{plan.name}-{name}" if plan.name else name: workflow.graph
        for plan, workflows in ways
        for name, workflow in workflows.items()
    }
    for graph in graphs.values():
        validate_workflow(graph)
    package = ExportPackage(
        lora=directory / request.workflow.lora,
        workflows={key: directory / f"{request.name}-{key}.json" for key in graphs},
        notes=directory / "README.md",
        left_out=tuple(left_out),
    )
    write_lora_file(package.lora, file.pairs, dtype=request.dtype, metadata=export_metadata(file, request))
    for key, path in package.workflows.items():
        _write_workflow(path, graphs[key])
    with replacing(package.notes) as temporary:
        temporary.write_text(export_notes(file, request, ways, package.left_out), encoding="utf-8")
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
        "modelspec.resolution": "" if bucket.is_sound else f"{bucket.width}x{bucket.height}",
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
