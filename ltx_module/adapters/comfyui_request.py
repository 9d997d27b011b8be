"""What an export says about its LoRA."""

from dataclasses import dataclass

import torch

from ltx_module.adapters.workflows import WorkflowRequest
from ltx_module.diffusion.presets import ALWAYS_EXPORTED


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
    presets: tuple[str, ...] = ALWAYS_EXPORTED
    """Presets that it has workflows for."""
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
