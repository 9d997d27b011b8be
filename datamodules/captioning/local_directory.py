"""A model directory looked at before it is loaded: whether it holds a vision-language model. No torch."""

import json
from pathlib import Path
from typing import Any, Literal

Precision = Literal["bf16", "int8", "nf4"]
"""How the weights are held: 2, 1 and about 0.6 bytes each."""

_GET_ONE = (
    "Download one, for instance `hf download Qwen/Qwen3-VL-8B-Instruct --local-dir models/Qwen3-VL-8B-Instruct`, or "
    "give the Gemma 3 directory of the recipe's `model.text_encoder`, which reads pictures too"
)
_PICTURE_FILES = ("preprocessor_config.json", "processor_config.json")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")


def check_model_directory(model: str | Path) -> Path:
    """Check that a directory holds a whole vision-language model.

    Returns:
        The directory.

    Raises:
        FileNotFoundError: If there is no such directory.
        ValueError: If it is another kind of model, or incomplete.
    """
    path = Path(model).expanduser()
    if not path.is_dir():
        what = "is a file" if path.is_file() else "does not exist"
        raise FileNotFoundError(
            f"`--model` is {str(model)!r}, which {what}; it must be a directory with a vision-language model. "
            f"{_GET_ONE}."
        )
    config = _config(path)
    if not isinstance(config.get("vision_config"), dict):
        raise ValueError(
            f"`--model` {path} holds a model of the type {config.get('model_type')!r}, which has no `vision_config` "
            f"and so reads no pictures. {_GET_ONE}."
        )
    for files, what in ((_PICTURE_FILES, "picture processor"), (_TOKENIZER_FILES, "tokenizer")):
        if not any((path / name).is_file() for name in files):
            raise ValueError(f"`--model` {path} has no {what} ({' or '.join(files)}): download the whole directory.")
    _check_weights(path)
    return path


def _config(path: Path) -> dict[str, Any]:
    file = path / "config.json"
    if not file.is_file():
        raise ValueError(f"`--model` {path} has no config.json, so it is no model directory. {_GET_ONE}.")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not valid JSON ({error}): download it again.") from error
    if not isinstance(config, dict):
        raise ValueError(f"{file} is not an object: download it again.")
    return config


def _check_weights(path: Path) -> None:
    index = path / "model.safetensors.index.json"
    if not index.is_file():
        if not any(path.glob("*.safetensors")):
            raise ValueError(f"`--model` {path} has no .safetensors weights: download the whole directory.")
        return
    try:
        files = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{index} is damaged ({error!r}): download it again.") from error
    missing = [name for name in files if not (path / name).is_file()]
    if missing:
        raise ValueError(
            f"`--model` {path} lacks {len(missing)} of {len(files)} weight files, such as {missing[0]}: download them."
        )
