"""The trained parts as pico: the single file and the Gemma directory, in bf16 and the published layout."""

import json
import logging
import shutil
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ltx_module.pico.bundle import GEMMA_DIRECTORY, PICO_FILE
from ltx_module.pico.config import MODEL_VERSION, pico_config
from ltx_module.pico.file import write_safetensors

logger = logging.getLogger(__name__)

_PARTS = ("video_vae", "audio_vae", "vocoder", "text", "transformer")


def write_bundle(parts: Path, directory: Path) -> None:
    """Writes the bundle from the files of all stages.

    Args:
        parts: Directory that the stages wrote into.
        directory: Where the bundle goes, such as assets/pico.
    """
    tensors: dict[str, Tensor] = {}
    steps = {}
    for name in _PARTS:
        file = parts / f"{name}.safetensors"
        tensors |= {key: value.bfloat16() for key, value in load_file(file).items()}
        with safe_open(file, "pt") as opened:  # type: ignore[no-untyped-call]
            steps[name] = opened.metadata()["steps"]
    metadata = {
        "config": json.dumps(pico_config(), sort_keys=True),
        "model_version": MODEL_VERSION,
        "pico": json.dumps({"trained": True, "steps": steps}),
    }
    directory.mkdir(parents=True, exist_ok=True)
    write_safetensors(directory / PICO_FILE, tensors, metadata)
    shutil.rmtree(directory / GEMMA_DIRECTORY, ignore_errors=True)
    shutil.copytree(parts / GEMMA_DIRECTORY, directory / GEMMA_DIRECTORY)
    values = sum(tensor.numel() for tensor in tensors.values())
    logger.info("wrote %s: %.2f million values", directory / PICO_FILE, values / 1e6)
