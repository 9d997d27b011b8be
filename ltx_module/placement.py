"""Brings a recipe's transformer to where it computes, held and run as was chosen for the card."""

from typing import TYPE_CHECKING

from ltx_module.adapters import inject_lora
from ltx_module.checkpoint import Checkpoint
from ltx_module.compile_cache import keep_compiled
from ltx_module.distilled import for_previews
from ltx_module.execution_choice import choose_execution
from ltx_module.strategies import shard_mesh

if TYPE_CHECKING:
    from ltx_module.model import LTXTransformer
    from ltx_module.module import LTXModule


def placed(model: "LTXModule") -> "LTXTransformer":
    """Load the transformer onto this rank's device; for training, with a fresh adapter and in training mode.

    Args:
        model: With its trainer; its `execution` is settled on the way.
    """
    trainer, checkpoint = model.trainer, Checkpoint(model.base_model)
    execution = model.execution = choose_execution(model, checkpoint.num_blocks)
    device, mesh = trainer.strategy.root_device, shard_mesh(trainer.strategy)
    transformer = checkpoint.load_transformer(
        streams=model.streams,
        dtype=execution.compute_dtype,
        device=device,
        quantised=execution.quantised,
        swap_blocks=execution.swap_blocks,
        mesh=mesh,
    )
    blocks = transformer.blocks
    if execution.compile:
        keep_compiled()
        blocks.compile_blocks()
    if trainer.training:
        blocks.num_recomputed, blocks.draws = execution.checkpointed_blocks, model.lora.dropout > 0
        inject_lora(transformer, model.lora, model.seed)
        model.distilled = for_previews(transformer, checkpoint, model.sample_config)
        if execution.compile and device.type == "cuda" and not (blocks.draws or execution.swap_blocks or mesh):
            blocks.record_steps([parameter for parameter in transformer.parameters() if parameter.requires_grad])
        transformer.train()  # it comes in evaluation mode, in which adapters drop nothing
    return transformer
