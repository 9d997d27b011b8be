"""The bundle: `ltx-2.3-pico.safetensors` and `gemma/` in one directory.

    python -m ltx_module.pico DIRECTORY

writes it with random weights, from which `ltx_module.pico.training` begins and on which tests of plumbing run in
milliseconds. The trained pico is in assets/pico, and is never written over.
"""

import json
import logging
import shutil
import tempfile
from pathlib import Path

from ltx_module.checkpoint.errors import CheckpointError
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.checkpoint.gemma_directory import check_gemma_directory
from ltx_module.pico.config import MODEL_VERSION, pico_config

PICO_FILE = "ltx-2.3-pico.safetensors"
GEMMA_DIRECTORY = "gemma"
TEXT_WINDOW = 128
"""Tokens per caption that suit pico; the 22B model takes 1024."""
_FORMAT = 1  # raise it when sizes, names or the drawing of weights change

logger = logging.getLogger(__name__)


def write_pico(directory: Path, seed: int = 0) -> Path:
    """Writes the bundle, unless it is already there complete and with this seed.

    Each part is written beside its place and moved there at once, the single file last, so an interrupted call
    leaves nothing that looks finished.

    Args:
        directory: Where to; created if need be.
        seed: Of the random weights; the same seed gives the same bytes.

    Returns:
        The single file.

    Raises:
        ValueError: If the trained pico is there.
    """
    file = directory / PICO_FILE
    if _is_trained(file):
        raise ValueError(f"{file} is the trained pico, which random weights must not replace: name another directory.")
    if _is_complete(directory, seed):
        logger.info("%s is up to date", file)
        return file
    # heavy imports wait until there is something to write
    from ltx_module.pico.file import write_safetensors
    from ltx_module.pico.gemma import write_gemma
    from ltx_module.pico.weights import pico_tensors

    directory.mkdir(parents=True, exist_ok=True)
    config = pico_config()
    metadata = {
        "config": json.dumps(config, sort_keys=True),
        "model_version": MODEL_VERSION,
        "pico": _stamp(seed),
    }
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=directory) as partial:
        gemma = Path(partial) / GEMMA_DIRECTORY
        gemma.mkdir()
        write_gemma(gemma, seed)
        write_safetensors(Path(partial) / PICO_FILE, pico_tensors(config, seed), metadata)
        file.unlink(missing_ok=True)  # the mark of a complete bundle
        shutil.rmtree(directory / GEMMA_DIRECTORY, ignore_errors=True)
        gemma.replace(directory / GEMMA_DIRECTORY)
        (Path(partial) / PICO_FILE).replace(file)
    logger.info("wrote %s (%.1f MiB) and %s", file, file.stat().st_size / 2**20, directory / GEMMA_DIRECTORY)
    return file


def _is_trained(file: Path) -> bool:
    try:
        return bool(json.loads(SafetensorsFile(file).metadata.get("pico", "{}")).get("trained"))
    except (OSError, CheckpointError):
        return False


def _is_complete(directory: Path, seed: int) -> bool:
    try:
        stamp = SafetensorsFile(directory / PICO_FILE).metadata.get("pico")
        check_gemma_directory(directory / GEMMA_DIRECTORY)
    except (OSError, CheckpointError):
        return False
    return stamp == _stamp(seed)


def _stamp(seed: int) -> str:
    return json.dumps({"format": _FORMAT, "seed": seed})
