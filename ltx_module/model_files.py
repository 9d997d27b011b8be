"""The files a recipe names, looked at before anything long begins, and what to do when they will not do."""

from pathlib import Path

import torch

from ltx_module.adapters import LoRAConfig
from ltx_module.adapters.lora import warm_start
from ltx_module.adapters.targets import linear_shapes, resolve_targets
from ltx_module.checkpoint import Checkpoint, CheckpointError
from ltx_module.checkpoint.gemma_directory import check_gemma_directory
from ltx_module.diffusion.presets import find_preset
from ltx_module.model import LTXConfig, LTXTransformer, Streams
from ltx_module.sample_config import SampleConfig

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


def require_adapters(checkpoint: Checkpoint, lora: LoRAConfig, streams: Streams, *, allow_distilled: bool) -> None:
    """Refuse what cannot be trained, which loading the model would find out after hours of encoding.

    Raises:
        CheckpointError: If the base is the distilled model and that is not allowed.
        FileNotFoundError: If the LoRA to start from is missing.
        ValueError: If the targets match no layer, or that LoRA does not fit them.
    """
    checkpoint.require_trainable(allow_distilled)
    if lora.init_from is not None and not lora.init_from.is_file():
        raise FileNotFoundError(
            f"`model.lora.init_from` is {lora.init_from}, which is not a file: give a LoRA file, or null to start from"
            " nothing."
        )
    with torch.device("meta"):
        transformer = LTXTransformer(LTXConfig.from_metadata(checkpoint.config["transformer"]), streams)
    names = resolve_targets(lora, linear_shapes(transformer))
    if lora.init_from is not None:
        warm_start(transformer, lora, names)


def require_preset(checkpoint: Checkpoint, config: SampleConfig) -> None:
    """Refuse a preset that the base model cannot follow.

    Raises:
        ValueError: If the preset needs the distilled LoRA on this base and the recipe names none, or fixes its steps.
        FileNotFoundError: If the recipe names one that is missing.
    """
    preset = find_preset(config.preset)
    preset.schedule(config.steps)
    lora = config.distilled_lora
    if checkpoint.distilled or (lora is None and not preset.needs_distilled):
        return
    if lora is None:
        raise ValueError(
            f"`sample.preset` is {preset.name}, whose eight steps only the distilled model can follow, but"
            f" {checkpoint.path.name} is the dev model: set `sample.distilled_lora` to"
            " ltx-2.3-22b-distilled-lora-384-1.1.safetensors, or use the preset quality."
        )
    if not lora.is_file():
        raise FileNotFoundError(
            f"`sample.distilled_lora` is {lora}, which is not a file. To get it:\n"
            "  hf download Lightricks/LTX-2.3 ltx-2.3-22b-distilled-lora-384-1.1.safetensors --local-dir models"
        )
