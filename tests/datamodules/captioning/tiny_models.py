"""Vision-language models with random weights and a tokenizer of single bytes, written as published directories are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

Family = Literal["qwen2_5", "qwen3", "gemma3"]
FAMILIES: tuple[Family, ...] = ("qwen2_5", "qwen3", "gemma3")

QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.content %}"
    "{% if c.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m.role }}\n{% for c in m.content %}"
    "{% if c.type == 'image' %}<start_of_image>{% else %}{{ c.text }}{% endif %}{% endfor %}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8192,
}


def write_tiny_model(directory: Path, family: Family, words: Sequence[str] = ()) -> Path:
    """Write config, weights, tokenizer and picture processor.

    Args:
        directory: Where to.
        family: Of which model.
        words: Made tokens of their own, which a model learns sooner than letters.
    """
    torch.manual_seed(0)
    model, tokenizer, pictures = _gemma() if family == "gemma3" else _qwen(family, words)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    for part in (model, tokenizer, pictures):
        part.save_pretrained(directory)
    return directory


def _tokenizer(end: str, pad: str, template: str, specials: list[str], **named: str) -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token=end, pad_token=pad, additional_special_tokens=specials, **named
    )
    tokenizer.chat_template = template
    return tokenizer


def _qwen(family: Family, words: Sequence[str]) -> tuple[Any, Any, Any]:
    specials = ["<|im_start|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = _tokenizer("<|im_end|>", "<|endoftext|>", QWEN_TEMPLATE, specials)
    tokenizer.add_tokens(list(words))
    ids = dict(zip(specials, tokenizer.convert_tokens_to_ids(specials), strict=True))
    tokens = {
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
    }
    text = _TEXT | {"vocab_size": len(tokenizer), "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id}
    eye = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 64}
    if family == "qwen2_5":
        eye |= {"patch_size": 14, "window_size": 112, "fullatt_block_indexes": [1]}
        rope = {"rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}}
        config: Any = Qwen2_5_VLConfig(text_config=text | rope, vision_config=eye, **tokens)
        return Qwen2_5_VLForConditionalGeneration(config), tokenizer, _eye(14)
    eye |= {"patch_size": 16, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
    rope = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2]}, "head_dim": 16}
    config = Qwen3VLConfig(text_config=text | rope, vision_config=eye, **tokens)
    return Qwen3VLForConditionalGeneration(config), tokenizer, _eye(16)


def _eye(patch: int) -> Any:
    cell = (2 * patch) ** 2
    return Qwen2VLImageProcessorPil(patch_size=patch, min_pixels=cell * 2, max_pixels=cell * 16)


def _gemma() -> tuple[Any, Any, Any]:
    specials = ["<start_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>"]
    named = {"boi_token": specials[1], "eoi_token": specials[2], "image_token": specials[3]}
    tokenizer = _tokenizer(
        "<end_of_turn>", "<pad>", _GEMMA_TEMPLATE, specials, bos_token="<bos>", extra_special_tokens=named
    )
    begin, end, soft = tokenizer.convert_tokens_to_ids(specials[1:])
    text = _TEXT | {
        "vocab_size": len(tokenizer),
        "head_dim": 16,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    eye = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Gemma3Config(
        text_config=text,
        vision_config=eye | {"image_size": 56, "patch_size": 14},
        mm_tokens_per_image=4,
        boi_token_index=begin,
        eoi_token_index=end,
        image_token_index=soft,
        image_token_id=soft,
    )
    pictures = Gemma3ImageProcessorPil(size={"height": 56, "width": 56})
    processor = Gemma3Processor(pictures, tokenizer, chat_template=_GEMMA_TEMPLATE, image_seq_length=4)
    model = Gemma3ForConditionalGeneration(config)
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight)  # is begun with zeros
    return model, tokenizer, processor
