"""The published distilled LoRA beside the trained adapter: what the preset `fast` needs on the dev model.

It adapts nearly every layer with rank 384 (7 GiB in bf16), so it waits on the host and visits the device while it
takes part.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import torch

from ltx_module.adapters import active_adapters, adapter_names, load_lora, lora_pairs, only_adapters
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.presets import PRESETS, find_preset
from ltx_module.model import LTXTransformer
from ltx_module.parked import ParkedWeights
from ltx_module.sample_config import SampleConfig

DISTILLED = "distilled"
"""Name of its adapter."""

_STRENGTH = PRESETS["fast"].distilled_lora_strength


class DistilledLoRA:
    """Attaches the file once, inactive, and brings its weights to the device while it is wanted.

    Args:
        path: The published file; None where the recipe names none.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._weights: ParkedWeights | None = None

    def attach(self, transformer: LTXTransformer) -> None:
        """Attach it, inactive and on the host; a second call does nothing.

        Best done before blocks are compiled, which look at the layers they are made of.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no LoRA for this model.
        """
        if DISTILLED in adapter_names(transformer):
            return
        assert self.path is not None  # `model_files.require_preset` has looked
        device = next(transformer.parameters()).device
        with only_adapters(transformer, *active_adapters(transformer)):
            load_lora(
                transformer, self.path, _STRENGTH, adapter=DISTILLED, allow_connectors=True, device=torch.device("cpu")
            )
        pairs = lora_pairs(transformer, DISTILLED).values()
        self._weights = ParkedWeights([half for pair in pairs for half in (pair.down, pair.up)], device)

    @contextmanager
    def beside(self, transformer: LTXTransformer) -> Iterator[None]:
        """Its weights on the device inside the block; whether it is active is the caller's to say.

        Args:
            transformer: To which it is attached if it is not yet.
        """
        self.attach(transformer)
        weights: AbstractContextManager[None] = nullcontext() if self._weights is None else self._weights.placed()
        with weights:
            yield


def for_previews(transformer: LTXTransformer, checkpoint: Checkpoint, config: SampleConfig) -> DistilledLoRA:
    """A recipe's distilled LoRA, attached if samples of the run will want it.

    Args:
        transformer: With the trained adapter.
        checkpoint: Its base model; a distilled one needs no LoRA.
        config: The recipe's `sample:` block.
    """
    distilled = DistilledLoRA(config.distilled_lora)
    is_wanted = config.max_share is not None or find_preset(config.preset).needs_distilled
    if config.distilled_lora is not None and config.prompts and is_wanted and not checkpoint.distilled:
        distilled.attach(transformer)
    return distilled
