"""LoRA adapters: in the transformer, in files, and as a package for ComfyUI."""

from ltx_module.adapters.average import AdapterAverage
from ltx_module.adapters.comfyui import ExportPackage, export_package
from ltx_module.adapters.comfyui_nodes import validate_workflow
from ltx_module.adapters.comfyui_request import ExportRequest
from ltx_module.adapters.config import TARGET_PRESETS, LoRAConfig
from ltx_module.adapters.layers import (
    DEFAULT_ADAPTER,
    active_adapters,
    adapter_names,
    adapter_strength,
    attach_lora,
    detach_lora,
    load_trainable_state,
    lora_disabled,
    lora_pairs,
    only_adapters,
    scaled_strengths,
    set_strength,
    trainable_state,
)
from ltx_module.adapters.lora import inject_lora, load_lora, merge_lora, save_lora
from ltx_module.adapters.lora_file import LoRAFile, read_lora_file, write_lora_file
from ltx_module.adapters.norms import GROUP_NAMES, adapter_groups, frozen_norms, update_norms, update_sizes
from ltx_module.adapters.pair import LoRAPair
from ltx_module.adapters.targets import group_of, linear_shapes, lora_parameters
from ltx_module.adapters.verify import ExportCheck, verify_export
from ltx_module.adapters.workflows import WorkflowRequest, build_workflow

__all__ = [
    "DEFAULT_ADAPTER",
    "GROUP_NAMES",
    "TARGET_PRESETS",
    "AdapterAverage",
    "ExportCheck",
    "ExportPackage",
    "ExportRequest",
    "LoRAConfig",
    "LoRAFile",
    "LoRAPair",
    "WorkflowRequest",
    "active_adapters",
    "adapter_groups",
    "adapter_names",
    "adapter_strength",
    "attach_lora",
    "build_workflow",
    "detach_lora",
    "export_package",
    "frozen_norms",
    "group_of",
    "inject_lora",
    "linear_shapes",
    "load_lora",
    "load_trainable_state",
    "lora_disabled",
    "lora_pairs",
    "lora_parameters",
    "merge_lora",
    "only_adapters",
    "read_lora_file",
    "save_lora",
    "scaled_strengths",
    "set_strength",
    "trainable_state",
    "update_norms",
    "update_sizes",
    "validate_workflow",
    "verify_export",
    "write_lora_file",
]
