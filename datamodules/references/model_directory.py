"""A model of transformers in a local directory: checked before any work, known by its contents, loaded whole.

torchvision is not needed: transformers has processors on Pillow for the models that are used here.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")
_SAMPLE_BYTES = 1 << 20


@dataclass(frozen=True)
class ModelDirectory:
    """A checked directory; made by `open_model_directory`."""

    path: Path
    """The directory."""
    option: str
    """What names it on the command line, for messages."""
    config: dict[str, Any]
    """Its `config.json`."""

    @property
    def fingerprint(self) -> str:
        """Of its configuration, and of its weights by name, size and their first and last megabyte."""
        digest = hashlib.sha256()
        for file in sorted(self.path.iterdir()):
            if file.suffix == ".json":
                digest.update(file.name.encode() + file.read_bytes())
            elif file.suffix in _WEIGHTS:
                digest.update(f"{file.name}:{file.stat().st_size}".encode() + b"".join(_ends(file)))
        return digest.hexdigest()[:40]

    def load(self, kind: str, device: str) -> Any:
        """The model, in evaluation mode and float32.

        Args:
            kind: Name of transformers' class, such as `AutoModelForDepthEstimation`.
            device: Such as `cuda`, or `auto`.

        Raises:
            ValueError: If transformers cannot load it, or weights are missing.
        """
        import torch
        import transformers

        with self._named_errors(), _quiet():
            model, info = getattr(transformers, kind).from_pretrained(
                self.path, local_files_only=True, output_loading_info=True, dtype=torch.float32
            )
        if info["missing_keys"]:
            some = ", ".join(sorted(info["missing_keys"])[:3])
            raise ValueError(
                f"`{self.option}` {str(self.path)!r} lacks weights ({some} ...), which would be random: get it again."
            )
        return model.eval().requires_grad_(False).to(chosen_device(device))

    def processor(self) -> Any:
        """What turns pictures into the model's input.

        Raises:
            ValueError: If there is none, or none that works without torchvision.
        """
        import transformers

        with self._named_errors():
            return transformers.AutoImageProcessor.from_pretrained(self.path, local_files_only=True)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        from safetensors import SafetensorError

        try:
            yield
        except (OSError, ValueError, ImportError, KeyError, RuntimeError, SafetensorError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ValueError(f"`{self.option}` {str(self.path)!r} cannot be loaded: {reason[0]}") from error


def open_model_directory(path: Path | None, option: str, head: str, what: str) -> ModelDirectory:
    """Checks a directory without loading anything.

    Args:
        path: The directory.
        option: What names it on the command line.
        head: How the model's class must end, such as `ForDepthEstimation`.
        what: What to give, for messages, such as `a depth model, Depth Anything V2 for example`.

    Raises:
        FileNotFoundError: If it is not there, or holds no model.
        ValueError: If none is given, or the model is of another kind.
    """
    if path is None:
        raise ValueError(f"`{option}` is missing: give a local transformers directory of {what}.")
    if not path.is_dir():
        raise FileNotFoundError(
            f"`{option}` is {str(path)!r}, but there is no such directory: give a local one of transformers, of {what}."
        )
    for file in ("config.json", "preprocessor_config.json"):
        if not (path / file).is_file():
            raise FileNotFoundError(f"`{option}` {str(path)!r} has no {file}: give a transformers directory of {what}.")
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"`{option}` {str(path)!r}: config.json is not JSON ({error}): get the model again."
        ) from error
    classes = config.get("architectures") or []
    if classes and not any(name.endswith(head) for name in classes):
        raise ValueError(f"`{option}` {str(path)!r} is a {', '.join(classes)}, but it must be {what} (...{head}).")
    if not any(file.suffix in _WEIGHTS for file in path.iterdir()):
        raise FileNotFoundError(f"`{option}` {str(path)!r} has no weights: get the model whole.")
    return ModelDirectory(path, option, config)


def chosen_device(device: str) -> str:
    """The first GPU if there is one and `auto` is given."""
    import torch

    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def memory_errors(batch_size: int) -> Iterator[None]:
    """Turns a lack of GPU memory into a message.

    Raises:
        ValueError: If it does not suffice.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ValueError(f"`batch_size` {batch_size} does not fit into the GPU's memory: give less.") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No bar of transformers between ours."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _ends(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        yield opened.read(_SAMPLE_BYTES)
        opened.seek(max(file.stat().st_size - _SAMPLE_BYTES, 0), os.SEEK_SET)
        yield opened.read(_SAMPLE_BYTES)
