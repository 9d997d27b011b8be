"""A Gemma 3 directory as Hugging Face publishes it: checked, fingerprinted and read without transformers.

Only the language model is of use here. Published files name its tensors `language_model.model.*`, files that
transformers 5 saved `model.language_model.*`; both become the names of the bare text model. The vision tower is
never read.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from ltx_module.checkpoint.errors import CheckpointError
from ltx_module.checkpoint.file import SafetensorsFile, TensorInfo

GEMMA = "google/gemma-3-12b-it-qat-q4_0-unquantized"
_LOCAL = f"models/{GEMMA.partition('/')[2]}"
_USE_GEMMA = (
    f"Accept the licence at https://huggingface.co/{GEMMA}, log in with `hf auth login`, run "
    f"`hf download {GEMMA} --local-dir {_LOCAL}` and set `model.text_encoder: {_LOCAL}`."
)
_TEXT_PREFIXES = ("language_model.model.", "model.language_model.")
_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model")


class GemmaDirectory:
    """A directory that holds Gemma 3 and its tokenizer, of which only headers have been read.

    Args:
        path: The directory.
        states: Number and width of hidden states that the base model expects, `Checkpoint.text_states`.

    Attributes:
        path: The directory.
        text_config: The `text_config` section of `config.json`.
        tensors: The language model's tensors under the names of the bare text model.

    Raises:
        CheckpointError: If it is missing, empty, incomplete, another model or of another size.
    """

    def __init__(self, path: str | Path, states: tuple[int, int] | None = None) -> None:
        self.path = _checked_directory(path)
        self.text_config = _text_config(self.path)
        _check_size(self.path, self.text_config, states)
        _check_tokenizer(self.path)
        shards = _open_shards(self.path)
        self.tensors: dict[str, TensorInfo] = {}
        self._homes: dict[str, tuple[SafetensorsFile, str]] = {}
        for shard in shards:
            for stored, info in shard.tensors.items():
                if (name := _bare_name(stored)) is not None:
                    self.tensors[name] = info
                    self._homes[name] = shard, stored
        self._check_weights()

    @property
    def num_bytes(self) -> int:
        """Bytes of the language model on disk."""
        return sum(info.end - info.start for info in self.tensors.values())

    @property
    def num_parameters(self) -> int:
        """Parameters of the language model."""
        return sum(info.numel for info in self.tensors.values())

    def read(self, names: Iterable[str], device: torch.device | str = "cpu") -> Iterator[tuple[str, torch.Tensor]]:
        """Yields tensors of the language model one by one, shard after shard."""
        for shard, wanted in self._by_shard(names).items():
            for stored, tensor in shard.read(wanted, device):
                yield wanted[stored], tensor

    def fingerprint(self) -> str:
        """A hash of the text config, the tokenizer files and two samples of each tensor of the language model."""
        digest = hashlib.sha256(json.dumps(self.text_config, sort_keys=True).encode())
        for name in (*_TOKENIZER_FILES, "tokenizer_config.json"):
            file = self.path / name
            digest.update(file.read_bytes() if file.is_file() else b"")
        # the split into shards does not matter, so the hash runs over sorted names
        digests = [shard.digest([stored]) for _, (shard, stored) in sorted(self._homes.items())]
        digest.update("".join(digests).encode())
        return digest.hexdigest()

    def _by_shard(self, names: Iterable[str]) -> dict[SafetensorsFile, dict[str, str]]:
        shards: dict[SafetensorsFile, dict[str, str]] = defaultdict(dict)
        for name in names:
            shard, stored = self._homes[name]
            shards[shard][stored] = name
        return shards

    def _check_weights(self) -> None:
        layers = int(self.text_config["num_hidden_layers"])
        needed = ["embed_tokens.weight", "norm.weight"]
        for layer in range(layers):
            needed += [f"layers.{layer}.self_attn.q_proj.weight", f"layers.{layer}.mlp.down_proj.weight"]
        missing = [name for name in needed if name not in self.tensors]
        if len(missing) == len(needed):
            raise CheckpointError(
                f"{self.path} would load no weights: no tensor in its safetensors files is named "
                f"`{_TEXT_PREFIXES[0]}...`. {_USE_GEMMA}"
            )
        if missing:
            raise CheckpointError(
                f"{self.path} is incomplete: {len(missing)} tensors such as `{missing[0]}` are in none of its "
                f"safetensors files. {_USE_GEMMA}"
            )


def check_gemma_directory(path: str | Path, states: tuple[int, int] | None = None) -> str:
    """Checks a Gemma 3 directory without loading it.

    Args:
        path: The directory.
        states: Number and width of hidden states that the base model expects, `Checkpoint.text_states`.

    Returns:
        A fingerprint of its config, tokenizer and weights.

    Raises:
        CheckpointError: With the reason and the way out.
    """
    return GemmaDirectory(path, states).fingerprint()


def _checked_directory(path: str | Path) -> Path:
    text, local = str(path), Path(path).expanduser()
    if local.is_dir():
        if not any(local.iterdir()):
            raise CheckpointError(f"{local} is empty, but `model.text_encoder` must hold Gemma 3. {_USE_GEMMA}")
        return local
    if local.is_file():
        raise CheckpointError(
            f"{local} is a file, but `model.text_encoder` is a directory with config, tokenizer and weights "
            f"(the single file of ComfyUI lacks the first two). {_USE_GEMMA}"
        )
    is_id = re.fullmatch(r"[\w.-]+/[\w.-]+", text) and local.parts[0] != "models" and not local.parent.exists()
    if re.match(r"^(https?|hf):/", text) or is_id:
        raise CheckpointError(
            f"`{text}` is a place on the Hugging Face hub, but `model.text_encoder` is a local directory. {_USE_GEMMA}"
        )
    raise CheckpointError(f"{local} does not exist, but `model.text_encoder` must hold Gemma 3. {_USE_GEMMA}")


def _text_config(directory: Path) -> dict[str, Any]:
    file = directory / "config.json"
    if not file.is_file():
        raise CheckpointError(f"{directory} has no config.json, so it is no Gemma 3 directory. {_USE_GEMMA}")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        kind, section = config.get("model_type"), config.get("text_config")
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{file} is not valid JSON: {error}. {_USE_GEMMA}") from error
    if kind != "gemma3" or not isinstance(section, dict) or "num_hidden_layers" not in section:
        raise CheckpointError(
            f"{directory} holds a model of type `{kind}`, but the text encoder of LTX-2.3 is `gemma3` "
            f"(Gemma 3 with its vision tower, as published). {_USE_GEMMA}"
        )
    return section


def _check_size(directory: Path, config: dict[str, Any], states: tuple[int, int] | None) -> None:
    found = int(config["num_hidden_layers"]) + 1, int(config.get("hidden_size", 0))
    if states is not None and found != states:
        raise CheckpointError(
            f"{directory} is a Gemma 3 with {found[0] - 1} layers of width {found[1]}, but the base model was trained "
            f"with {states[0] - 1} layers of width {states[1]}: it is another size of Gemma. {_USE_GEMMA}"
        )


def _check_tokenizer(directory: Path) -> None:
    if not any((directory / name).is_file() for name in _TOKENIZER_FILES):
        raise CheckpointError(f"{directory} has no tokenizer ({' or '.join(_TOKENIZER_FILES)}). {_USE_GEMMA}")


def _open_shards(directory: Path) -> list[SafetensorsFile]:
    index = directory / _INDEX
    if index.is_file():
        try:
            names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise CheckpointError(f"{index} is not a safetensors index. {_USE_GEMMA}") from error
    elif (directory / _SINGLE).is_file():
        names = [_SINGLE]
    else:
        raise CheckpointError(f"{directory} would load no weights: it has neither {_INDEX} nor {_SINGLE}. {_USE_GEMMA}")
    if missing := [name for name in names if not (directory / name).is_file()]:
        raise CheckpointError(
            f"{directory} is incomplete: {missing[0]}{_and_more(missing)} of its index is not there. {_USE_GEMMA}"
        )
    return [SafetensorsFile(directory / name) for name in names]


def _and_more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _bare_name(stored: str) -> str | None:
    for prefix in _TEXT_PREFIXES:
        if stored.startswith(prefix):
            return stored.removeprefix(prefix)
    return None
