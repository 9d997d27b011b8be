"""A vision-language model directory on this machine as a captioner."""

import inspect
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from datamodules.captioning.local_directory import Precision
from datamodules.captioning.local_inputs import load_inputs
from datamodules.captioning.question import Answer, CaptionerDownError, Question

logger = logging.getLogger(__name__)


class LocalModel:
    """Answers questions with a model of transformers, always with the likeliest token.

    Args:
        directory: The model's, as `check_model_directory` has passed it.
        precision: How the linear layers are held; int8 and nf4 leave the picture tower in bf16.
        max_new_tokens: Tokens of an answer at most.
        device: Where it runs; the GPU if there is one.

    Raises:
        ValueError: If it cannot be loaded.
    """

    concurrency = 1

    def __init__(
        self, directory: Path, *, precision: Precision = "bf16", max_new_tokens: int = 512, device: str | None = None
    ) -> None:
        self._max_new_tokens = max_new_tokens
        self._is_closed = False
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        with _quiet():
            self._model = _load(directory, precision, self._device)
            self._inputs = load_inputs(directory, self._model.config)
        self._accepted = set(inspect.signature(self._model.forward).parameters)
        self._ends = _ending_tokens(self._model, self._inputs.tokenizer)
        logger.info("%s: %s parameters, %s, on %s", directory.name, f"{_size(self._model):,}", precision, self._device)

    @torch.inference_mode()
    def answer(self, question: Question) -> Answer:
        """Look at the pictures and write.

        Raises:
            ValueError: If the pictures do not fit into the model's template.
            CaptionerDownError: If the GPU's memory does not suffice, or it was closed.
        """
        inputs = self._inputs(question.text, [picture.image for picture in question.pictures])
        placed = {name: self._placed(tensor) for name, tensor in inputs.items() if name in self._accepted}
        tokenizer = self._inputs.tokenizer
        try:
            with _quiet():
                output = self._model.generate(
                    **placed,
                    max_new_tokens=self._max_new_tokens,
                    do_sample=False,
                    stopping_criteria=[self._ended],
                    eos_token_id=sorted(self._ends),
                    pad_token_id=min(self._ends) if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
                )
        except torch.OutOfMemoryError as error:
            raise CaptionerDownError(
                f"The GPU's memory does not suffice for {len(question.pictures)} pictures: lower `--frames` or "
                "`--max_side`, or choose `--precision int8` or nf4."
            ) from error
        if self._is_closed:
            raise CaptionerDownError("cancelled")
        written = output[0, placed["input_ids"].shape[1] :].tolist()
        text = tokenizer.decode(written, skip_special_tokens=True)
        return Answer(text=text, is_cut=not self._ends & set(written[-1:]))

    def close(self) -> None:
        """Ends the answer under way after its next token."""
        self._is_closed = True

    def _ended(self, tokens: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        """Asked by transformers after each token, for each row."""
        return torch.full(tokens.shape[:1], self._is_closed, device=tokens.device)

    def _placed(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(self._device, self._model.dtype if tensor.is_floating_point() else None)


def _load(directory: Path, precision: Precision, device: torch.device) -> Any:
    from transformers import AutoModelForImageTextToText

    options: dict[str, Any] = {"dtype": torch.bfloat16, "device_map": {"": device}}
    options |= {"local_files_only": True, "trust_remote_code": False}  # no downloads, no code from the directory
    if precision != "bf16":
        options["quantization_config"] = _quantisation(precision)
    try:
        model, loaded = AutoModelForImageTextToText.from_pretrained(str(directory), output_loading_info=True, **options)
    except torch.OutOfMemoryError as error:
        raise ValueError(
            f"The GPU's memory does not suffice for `--model` {directory} in {precision}: choose a smaller "
            "`--precision` (int8, nf4) or a smaller model."
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"`--model` {directory} cannot be loaded as a vision-language model ({reason}): download it again, or use "
            "another."
        ) from error
    if missing := sorted(loaded["missing_keys"]):  # they would be left at random
        raise ValueError(
            f"`--model` {directory} lacks {len(missing)} weights, such as {missing[0]}: download the whole directory."
        )
    return model.eval().requires_grad_(False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides what libraries say about settings and casts, which a user of ours can do nothing about."""
    from transformers.utils import logging as transformers_logging

    libraries = [logging.getLogger(name) for name in ("transformers", "accelerate", "bitsandbytes")]
    levels = [library.level for library in libraries]
    for library in libraries:
        library.setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.setLevel(level)


def _quantisation(precision: Precision) -> Any:
    from transformers import BitsAndBytesConfig

    towers = ["visual", "vision_tower", "vision_model", "multi_modal_projector"]
    spared = [*towers, *(f"model.{tower}" for tower in towers), "lm_head"]
    if precision == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=spared)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=spared,
    )


def _ending_tokens(model: Any, tokenizer: Any) -> set[int]:
    """A model may name several; the tokenizer's is the end of a turn where they name none."""
    named = model.generation_config.eos_token_id
    ends = set(named) if isinstance(named, list | tuple) else {named}
    return {end for end in ends | {tokenizer.eos_token_id} if end is not None}


def _size(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
