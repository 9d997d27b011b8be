"""What a path given as the base model must be, and what to say when it is something else.

Users hand over hub ids, folders, LoRA files, other generations of LTX and half-finished downloads. Each is
told by its name or its header, before any weight is read.
"""

import json
import re
from pathlib import Path
from typing import Any

from ltx_module.checkpoint.errors import CheckpointError
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.checkpoint.key_maps import TRANSFORMER_PREFIX, Component
from ltx_module.checkpoint.text import VIDEO_PROJECTION

BASE_FILE = "ltx-2.3-22b-dev.safetensors"
DOWNLOAD = f"hf download Lightricks/LTX-2.3 {BASE_FILE} --local-dir models"
_USE_BASE = f"Use {BASE_FILE}: `{DOWNLOAD}`."
_ADAPTER_PARTS = re.compile(r"\.(lora_(A|B|up|down)|lokr_w|hada_w|dora_scale)")
_SPOKEN: dict[Component, str] = {
    "transformer": "transformer",
    "text_connectors": "text projection",
    "video_vae": "video VAE",
    "audio_vae": "audio VAE",
    "vocoder": "vocoder",
}
_CONFIG_SECTIONS = ("transformer", "vae", "audio_vae", "vocoder")


def check_location(path: str | Path) -> Path:
    """Returns the path of an existing file.

    Raises:
        CheckpointError: If it is a hub address or id, does not exist or is a directory.
    """
    text = str(path)
    local = Path(path).expanduser()
    if re.match(r"^(https?|hf):/", text) or (re.fullmatch(r"[\w.-]+/[\w.-]+", text) and _looks_like_repository(local)):
        raise CheckpointError(
            f"`{text}` is a place on the Hugging Face hub, but the base model is read from a local file. "
            f"Download it once (`{DOWNLOAD}`) and give `models/{BASE_FILE}`."
        )
    if local.is_dir():
        raise CheckpointError(
            f"{local} is a directory, but the base model is one file{_candidates(local)}. {_USE_BASE}"
        )
    if not local.is_file():
        raise CheckpointError(f"{local} does not exist{_candidates(local.parent)}. {_USE_BASE}")
    return local


def check_base_model(file: SafetensorsFile) -> dict[str, Any]:
    """Returns the parsed `config` of an LTX-2.3 file.

    Raises:
        CheckpointError: If the file is a LoRA, lacks the transformer or its config, or is another generation.
    """
    path, names = file.path, file.tensors
    if any(_ADAPTER_PARTS.search(name) for name in names):
        raise CheckpointError(
            f"{path} is a LoRA file, not a base model: give it as `model.lora.init_from` to start from it or as "
            f"`--lora` to sample with it. {_USE_BASE}"
        )
    if not any(name.startswith(TRANSFORMER_PREFIX) for name in names):
        raise CheckpointError(
            f"{path} holds no tensor named `{TRANSFORMER_PREFIX}...`, so it is not an LTX-2.3 base model but "
            f"another model or a part of one (such as an upscaler or a VAE). {_USE_BASE}"
        )
    if any(name.endswith(".weight_scale_2") for name in names):
        raise CheckpointError(f"{path} holds 4-bit (nvfp4) weights, which training cannot use. {_USE_BASE}")
    _check_generation(file)
    return _parsed_config(file)


def check_trainable(path: Path, *, distilled: bool, allow_distilled: bool) -> None:
    """Raises CheckpointError for a distilled model, unless it is allowed."""
    if distilled and not allow_distilled:
        raise CheckpointError(
            f"{path} is the distilled model (its name says so): a LoRA trained on it learns little and works badly "
            f"on the dev model. {_USE_BASE} To train on it all the same, set `model.allow_distilled: true`."
        )


def _check_generation(file: SafetensorsFile) -> None:
    version = file.metadata.get("model_version", "")
    numbers = version_numbers(version)
    gated = any(name.endswith(".attn1.to_gate_logits.weight") for name in file.tensors)
    video_only = not any(name.startswith(f"{TRANSFORMER_PREFIX}audio_") for name in file.tensors)
    if video_only:
        raise _other_generation(file.path, "LTX-Video (it has no audio stream)")
    if (
        not gated
        or "text_embedding_projection.aggregate_embed.weight" in file.tensors
        or (numbers and numbers < (2, 3))
    ):
        raise _other_generation(file.path, f"LTX-{version or '2.0'}")
    newer = any("keyframes_abs_pos_embedding" in name for name in file.tensors)
    if newer or "gemma_source_checkpoint" in file.metadata or numbers[:2] > (2, 3):
        raise _other_generation(file.path, f"LTX-{version or '2.5'}")


def version_numbers(version: str) -> tuple[int, ...]:
    """The leading integers of a version: (2, 3) of "2.3.rc1", (2, 4) of "2.4-rc2", () of ""."""
    match = re.match(r"\d+(?:\.\d+)*", version.replace("-", "."))
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _parsed_config(file: SafetensorsFile) -> dict[str, Any]:
    try:
        config = json.loads(file.metadata.get("config", ""))
    except ValueError:
        config = None
    if not isinstance(config, dict) or not isinstance(config.get("transformer"), dict):
        raise CheckpointError(
            f"{file.path} has no usable `config` in its metadata, so its sizes are unknown: a tool that saved it again "
            f"dropped it. {_USE_BASE}"
        )
    transformer = config["transformer"]
    if not transformer.get("ff_bias", True) or transformer.get("use_keyframes_abs_pos_embedding", False):
        raise _other_generation(file.path, "LTX-2.5 (by its config)")
    needed = ("apply_gated_attention", "cross_attention_adaln", "caption_proj_before_connector")
    if not all(transformer.get(key) for key in needed):
        raise _other_generation(file.path, "LTX-2.0 (by its config)")
    if absent := [section for section in _CONFIG_SECTIONS if not isinstance(config.get(section), dict)]:
        raise CheckpointError(f"The `config` in {file.path} lacks the section `{absent[0]}`. {_USE_BASE}")
    return config


def missing_component(path: Path, component: Component, *, fp8: bool) -> CheckpointError:
    """The refusal to load a component that the file does not hold."""
    kind = "this fp8 file" if fp8 else "this file"
    return CheckpointError(
        f"{path} has no {_SPOKEN[component]}: {kind} holds only a part of the model. It can be the base of the "
        f"transformer, but encoding and decoding need the complete file. {_USE_BASE}"
    )


def has_text_projection(file: SafetensorsFile) -> bool:
    """Whether the projection that precedes the connectors is in the file; the connectors alone are of no use."""
    return VIDEO_PROJECTION in file.tensors


def _other_generation(path: Path, name: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is {name}, but this project trains LTX-2.3: the architectures differ and their LoRAs do not fit "
        f"each other. {_USE_BASE}"
    )


def _looks_like_repository(path: Path) -> bool:
    return not path.exists() and not path.parent.exists() and path.suffix != ".safetensors"


def _candidates(directory: Path) -> str:
    found = sorted(path.name for path in directory.glob("*.safetensors")) if directory.is_dir() else []
    if not found:
        return ""
    shown = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
    return f" (in {directory} there is {shown})"
