"""Leave a ComfyUI package behind when training ends."""

import logging
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from ltx_module.export import LoRAExport
from ltx_module.module import LTXModule
from ltx_module.run_directory import RunDirectory

logger = logging.getLogger(__name__)


class ExportComfyUI(Callback):
    """Exports the newest LoRA to `export/` at the end of the run: file, workflows, notes, and a check of the file.

    Args:
        fp32: Write the weights in fp32 instead of bf16.
    """

    def __init__(self, fp32: bool = False) -> None:
        self.fp32 = fp32

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LTXModule) -> None:
        run = RunDirectory(Path(trainer.default_root_dir))
        if not trainer.is_global_zero or not run.lora(trainer.global_step).is_file():
            return
        export = LoRAExport(
            lora=run.lora(trainer.global_step),
            directory=run.path / "export",
            name=f"{run.name}-{trainer.global_step:06d}",
            recipe_hash=pl_module.lora_metadata.get("recipe_hash", ""),
            dtype=torch.float32 if self.fp32 else torch.bfloat16,
        )
        with pl_module.delivered(), trainer.precision_plugin.forward_context():
            export.run(pl_module)
