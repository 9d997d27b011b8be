"""A question as a vision-language model takes it, prepared without torchvision.

Processors of the Qwen-VL family want a video processor, which needs torchvision. Clips are shown as pictures here, so
none is needed: the picture processor that works on Pillow and the tokenizer are loaded by themselves, and each
picture's place in the text is widened to the number of tokens that its patches take:

    tokens = t * h * w / merge_size ** 2,   (t, h, w) the picture's grid of patches

Other families, Gemma 3 among them, come with a processor that does without, and are given to that.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

_GRID = "image_grid_thw"
_LOCAL = {"local_files_only": True, "trust_remote_code": False}  # no downloads, no code from the directory


class Inputs(Protocol):
    """Prepares questions for one model."""

    tokenizer: Any

    def __call__(self, text: str, images: Sequence[Image.Image]) -> dict[str, Tensor]:
        """Tokens and pixels of one question, batch 1, the pictures before the text."""


def load_inputs(directory: Path, config: Any) -> Inputs:
    """Choose how a model's questions are prepared.

    Args:
        directory: The model's.
        config: Its loaded config.

    Raises:
        ValueError: If the directory has no picture processor that works without torchvision, or no chat template.
    """
    # transformers 5.8 exports a stand-in that asks for torchvision; the class itself does not.
    from transformers.models.auto.image_processing_auto import AutoImageProcessor

    try:
        processor = AutoImageProcessor.from_pretrained(str(directory), **_LOCAL, backend="pil")
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise ValueError(
            f"`--model` {directory} has no picture processor that can be used ({_first(error)})."
        ) from error
    if _GRID in processor.model_input_names:
        return GridInputs(directory, processor, image_token_id=int(config.image_token_id))
    return ProcessorInputs(directory)


class GridInputs:
    """Questions for the Qwen-VL family.

    Args:
        directory: The model's.
        processor: Its picture processor.
        image_token_id: The token that stands where a picture's features go.
    """

    def __init__(self, directory: Path, processor: Any, *, image_token_id: int) -> None:
        from transformers import AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(str(directory), **_LOCAL)
        self._processor = processor
        self._token_id = image_token_id
        self._token = str(self.tokenizer.convert_ids_to_tokens(image_token_id))
        self._template = _chat_template(directory, self.tokenizer.chat_template)

    def __call__(self, text: str, images: Sequence[Image.Image]) -> dict[str, Tensor]:
        """See `Inputs`."""
        chat = self.tokenizer.apply_chat_template(
            _messages(text.replace(self._token, ""), len(images)),
            chat_template=self._template,
            add_generation_prompt=True,
            tokenize=False,
        )
        before, *after = chat.split(self._token)
        if len(after) != len(images):
            raise ValueError(f"the model's chat template makes {len(after)} places for {len(images)} pictures")
        pixels = dict(self._processor(images=list(images), return_tensors="pt"))
        counts = (pixels[_GRID].prod(1) // self._processor.merge_size**2).tolist()
        widened = before + "".join(self._token * count + rest for count, rest in zip(counts, after, strict=True))
        tokens = self.tokenizer([widened], return_tensors="pt", add_special_tokens=False)
        ids: Tensor = tokens["input_ids"]
        # tells pictures from text for the rotary positions; newer models refuse to go without
        kinds = (ids == self._token_id).to(torch.int32)
        return {"input_ids": ids, "attention_mask": tokens["attention_mask"], "mm_token_type_ids": kinds, **pixels}


class ProcessorInputs:
    """Questions for families whose own processor needs no torchvision.

    Args:
        directory: The model's.

    Raises:
        ValueError: If its processor cannot be loaded.
    """

    def __init__(self, directory: Path) -> None:
        from transformers import AutoProcessor

        try:
            self._processor: Any = AutoProcessor.from_pretrained(str(directory), **_LOCAL, backend="pil")
        except (OSError, ValueError, ImportError) as error:
            raise ValueError(
                f"`--model` {directory} has a processor that cannot be loaded ({_first(error)}): use a model of the "
                "Qwen-VL family or Gemma 3, or serve this one and give `--endpoint`."
            ) from error
        self.tokenizer: Any = self._processor.tokenizer
        template = getattr(self._processor, "chat_template", None) or self.tokenizer.chat_template
        self._template = _chat_template(directory, template)

    def __call__(self, text: str, images: Sequence[Image.Image]) -> dict[str, Tensor]:
        """See `Inputs`."""
        chat = self._processor.apply_chat_template(
            _messages(text, len(images)), chat_template=self._template, add_generation_prompt=True, tokenize=False
        )
        return dict(self._processor(text=[chat], images=[list(images)], return_tensors="pt", add_special_tokens=False))


def _messages(text: str, num_images: int) -> list[dict[str, Any]]:
    content = [{"type": "image"}] * num_images + [{"type": "text", "text": text}]
    return [{"role": "user", "content": content}]


def _chat_template(directory: Path, template: str | None) -> str:
    """Older directories keep it in a file that tokenizers do not read."""
    if isinstance(template, str) and template:
        return template
    file = directory / "chat_template.json"
    if file.is_file():
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("chat_template"), str):
            return str(content["chat_template"])
    raise ValueError(
        f"`--model` {directory} has no chat template, so it is a base model that answers no questions: use its "
        "instruction-tuned version."
    )


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
