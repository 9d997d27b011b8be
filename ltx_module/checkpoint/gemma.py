"""Gemma 3 as LTX-2.3's text encoder: captions to the hidden states of every layer.

Neither the vision tower nor the language model's output layer is built. Weights go one tensor at a time from the
mapped files to the device, quantised on the way if the precision asks for it.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ltx_module.checkpoint.assemble import assign, check_match
from ltx_module.checkpoint.fp8 import stored_weights
from ltx_module.checkpoint.gemma_directory import GemmaDirectory, check_gemma_directory
from ltx_module.checkpoint.gemma_precision import (
    Precision,
    Resolved,
    offload_layers,
    quantise_linears,
    quantised,
    resolve_precision,
)
from ltx_module.checkpoint.gemma_tokens import GemmaTokenizer

__all__ = ["GemmaEncoder", "check_gemma_directory"]

logger = logging.getLogger(__name__)
_STEP = 32  # tokens; few different lengths, and rows that the attention kernels take as they are


class GemmaEncoder:
    """Encodes captions with all hidden states of Gemma 3.

    Args:
        directory: A Gemma 3 directory in the published layout.
        precision: How weights are held; "auto" chooses by free memory, "layerwise" needs the least.
        device: Where it runs.
        text_window: Tokens per caption: 1024 for the 22B model, a multiple of 128.
        states: Number and width of hidden states the base model expects, `Checkpoint.text_states`, to be checked.

    Attributes:
        precision: The precision in use.
        tokenizer: The tokenizer; its `count` tells which captions will be cut.

    Raises:
        CheckpointError: If the directory is not a complete Gemma 3 of the right size.
        ValueError: If `text_window` is not a multiple of 128.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        precision: Precision = "auto",
        device: torch.device | str = "cpu",
        text_window: int = 1024,
        states: tuple[int, int] | None = None,
    ) -> None:
        store = GemmaDirectory(directory, states)
        self.device = torch.device(device)
        self.text_window = text_window
        self.precision: Resolved = resolve_precision(precision, store, self.device)
        with _quiet():
            self.tokenizer = GemmaTokenizer(directory, text_window)
            self._model: Any = _load(store, self.precision, self.device)
        logger.info("Gemma: %s parameters, %s, on %s", f"{store.num_parameters:,}", self.precision, self.device)

    @torch.no_grad()
    def encode(self, captions: Sequence[str], *, trimmed: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """Encodes captions in one batch; one that is too long is cut and logged.

        Nothing attends to padding, so without it the states are the same, and cost as much less as it is more.

        Args:
            captions: Texts, already with their trigger.
            trimmed: Leave out padding that all captions share, but for what makes S a multiple of 32.

        Returns:
            Hidden states `(B, layers + 1, S, D)`, the embedding first and the last one after the final norm, and the
            mask `(B, S)` with the padding on the left.
        """
        ids, mask = self.tokenizer(captions)
        first = self.text_window - _up_to_step(int(mask.sum(dim=1).max())) if trimmed else 0
        ids, mask = ids[:, first:].to(self.device), mask[:, first:].to(self.device)
        positions = torch.arange(first, self.text_window, device=self.device)[None]  # as in the whole window
        with _quiet():
            output = self._model(
                input_ids=ids, attention_mask=mask, position_ids=positions, output_hidden_states=True, use_cache=False
            )
        return torch.stack(output.hidden_states, dim=1), mask


def _up_to_step(tokens: int) -> int:
    return -(-tokens // _STEP) * _STEP  # a text window is a multiple of 128, so never beyond it


def _load(store: GemmaDirectory, precision: Resolved, device: torch.device) -> nn.Module:
    model = _empty_text_model(store)
    sources = {name: name for name in store.tensors}
    check_match(model, store, sources, "language model")
    if precision == "int8" or precision == "nf4":
        _fill_quantised(model, store, precision, device)
    else:
        # layer by layer, the weights stay in the mapped files until their layer runs
        home = torch.device("cpu") if precision == "layerwise" else device
        dtype = torch.float32 if precision == "fp32" else torch.bfloat16
        for weight in stored_weights(store, sources, home):
            assign(model, weight.name, weight.to(dtype))
    for name, buffer in model.named_buffers():
        assign(model, name, buffer.to(device))
    model.requires_grad_(False).eval()
    if precision == "layerwise":
        offload_layers(model, device)
    return model


def _fill_quantised(
    model: nn.Module, store: GemmaDirectory, precision: Literal["int8", "nf4"], device: torch.device
) -> None:
    """Replaces the linears and loads them quantised; embeddings and norms come in bf16."""
    linears = {path for path, part in model.named_modules() if isinstance(part, nn.Linear)}
    quantise_linears(model, precision)
    for weight in stored_weights(store, {name: name for name in store.tensors}, "cpu"):
        path, _, leaf = weight.name.rpartition(".")
        if path in linears and leaf == "weight":
            model.get_submodule(path)._parameters[leaf] = quantised(weight.tensor, precision, device)
        else:
            assign(model, weight.name, weight.to(torch.bfloat16).to(device))


def _empty_text_model(store: GemmaDirectory) -> nn.Module:
    """The text model with parameters on the meta device; its few buffers are computed, so they are real."""
    from accelerate import init_empty_weights
    from transformers import Gemma3Config, Gemma3TextModel

    config = Gemma3Config.from_pretrained(str(store.path), local_files_only=True).get_text_config()
    with init_empty_weights(include_buffers=False):
        return Gemma3TextModel(config)  # type: ignore[no-any-return]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides the tips and warnings of the libraries, which a user of ours can do nothing about."""
    libraries = [logging.getLogger(name) for name in ("transformers", "accelerate", "bitsandbytes")]
    levels = [library.level for library in libraries]
    for library in libraries:
        library.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.setLevel(level)
