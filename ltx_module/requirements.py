"""What a recipe must fulfil before anything long begins: said without reading weights."""

from typing import TYPE_CHECKING

from ltx_module.adapters import read_lora_file
from ltx_module.adapters.conditioning_metadata import require_same_factors
from ltx_module.checkpoint import Checkpoint
from ltx_module.condition_needs import require_media
from ltx_module.export import require_workflows
from ltx_module.model_files import require_adapters, require_preset

if TYPE_CHECKING:
    from ltx_module.module import LTXModule


def require_trainable(model: "LTXModule") -> None:
    """Check that a recipe can be trained and sampled.

    Raises:
        CheckpointError: If the base model is not one to train on.
        FileNotFoundError: If a LoRA that the recipe names is missing.
        ValueError: If the adapters fit no layer, or the samples cannot be made.
    """
    require_adapters(Checkpoint(model.base_model), model.lora, model.streams, allow_distilled=model.allow_distilled)
    if model.lora.init_from is not None:
        metadata = read_lora_file(model.lora.init_from).metadata
        require_same_factors(model.lora.init_from, metadata, model.lora_metadata)
    require_samples(model)


def require_samples(model: "LTXModule") -> None:
    """Check that preset, media and size of the samples suit the base model and the conditions.

    Raises:
        FileNotFoundError: If the distilled LoRA that the recipe names is missing.
        ValueError: Naming what does not suit.
    """
    require_preset(Checkpoint(model.base_model), model.sample_config)
    require_media(model.objective.conditions, model.sample_config.media_prompts)
    require_workflows(model)
