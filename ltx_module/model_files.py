"""The two files a user must have, and what to do when they are not there."""

from pathlib import Path

from ltx_module.checkpoint import Checkpoint, CheckpointError
from ltx_module.checkpoint.gemma_directory import check_gemma_directory

_GEMMA = "google/gemma-3-12b-it-qat-q4_0-unquantized"
FETCH = f"""To get the model files (about 71 GB), from the directory of this repository:
  hf download Lightricks/LTX-2.3 ltx-2.3-22b-dev.safetensors --local-dir models                # 46 GB
  (accept Gemma's licence at https://huggingface.co/{_GEMMA}, then `hf auth login`)
  hf download {_GEMMA} --local-dir models/{_GEMMA.partition("/")[2]}   # 24 GB
`hf` comes with this environment. Files you have already, such as those in ComfyUI/models/checkpoints, are used where
they are: set `model.base_model` and `model.text_encoder`. To try everything without them: MODEL=pico."""


def require_files(base_model: Path, text_encoder: Path) -> None:
    """Check that both are there and are what they should be; weights are not read.

    Args:
        base_model: The recipe's `model.base_model`.
        text_encoder: The recipe's `model.text_encoder`.

    Raises:
        CheckpointError: Naming everything that is wrong at once; how to fetch what is missing stands below it.
    """
    problems = []
    for key, check, path in (
        ("model.base_model", Checkpoint, base_model),
        ("model.text_encoder", check_gemma_directory, text_encoder),
    ):
        try:
            check(path)
        except CheckpointError as error:
            problems.append(f"`{key}`: {error}")
    if problems:
        missing = not Path(base_model).exists() or not Path(text_encoder).exists()
        raise CheckpointError("\n".join(problems + ([FETCH] if missing else [])))
