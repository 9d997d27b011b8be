"""LoRA files: the tensors of each module, whatever names the tool that wrote them uses.

Read are `lora_A`/`lora_B` and `lora_down`/`lora_up` with or without `.default`, `.alpha` (scale alpha / rank, 1 where
absent), behind `diffusion_model.`, `transformer.`, `lora_unet_` or nothing. Written is the form that every consumer
takes: `diffusion_model.<module>.lora_A.weight` and `.lora_B.weight`, the scale folded into B, no other keys.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from datamodules.atomic import replacing
from ltx_module.adapters.conditioning_metadata import ReferenceFactors
from ltx_module.adapters.pair import LoRAPair
from ltx_module.checkpoint.file import SafetensorsFile

PREFIX = "diffusion_model."
KOHYA_PREFIX = "lora_unet_"

_PREFIXES = ("base_model.model.", "model.diffusion_model.", PREFIX, "transformer.")
_HALF = re.compile(
    r"(?P<module>.+?)(?:\.lora_|\.lora\.|_lora\.|\.lora_linear_layer\.)(?P<half>A|B|down|up)(?:\.default)?(?:\.weight)?"
)
_ALPHA = re.compile(r"(?P<module>.+?)(?:\.lora)?\.alpha")
_OTHER_METHODS = {
    "LoKr": re.compile(r"\.lokr_"),
    "LoHa": re.compile(r"\.hada_"),
    "DoRA": re.compile(r"\.dora_scale|lora_magnitude_vector"),
    "OFT or BOFT": re.compile(r"\.(oft|boft)_|\.oft_blocks"),
    "GLoRA": re.compile(r"\.[ab][12]\.weight$"),
    "a full weight difference": re.compile(r"\.(diff|diff_b|set_weight|w_norm|b_norm|reshape_weight)$"),
    "a convolution (lora_mid)": re.compile(r"lora_mid"),
    "a bias (lora_B.bias)": re.compile(r"lora_(A|B|up|down)(\.default)?\.bias$"),
}
_CONNECTORS = re.compile(r"embeddings_connector|text_embedding_projection|aggregate_embed")
_TEXT_ENCODER = re.compile(r"^(text_encoders?\.|lora_te\d?_|te\d?\.)")
_CHECKPOINT_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "vae.", "audio_vae.", "vocoder.")
_BASE_KEYS = ("base_model_version", "base_version", "ss_base_model_version", "model_version", "modelspec.architecture")
_BASE_VERSION = re.compile(r"(?P<family>.*ltx[^\d]*)?v?(?P<major>\d+)\.(?P<minor>\d+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class LoRAFile:
    """A LoRA file's content by module."""

    path: Path
    pairs: Mapping[str, LoRAPair]
    """A, B and alpha by module name as the file spells it, less its prefix; `lora_unet_` names keep theirs, since only
    the model can tell where their dots were."""
    metadata: Mapping[str, str]
    """Free text entries of the header."""
    connector_keys: tuple[str, ...] = ()
    """Keys of the text connectors, which are not among `pairs`."""

    @property
    def rank(self) -> int:
        """Largest rank of its modules."""
        return max(pair.rank for pair in self.pairs.values())

    @property
    def alpha(self) -> float:
        """Alpha of the module with the largest rank."""
        return max(self.pairs.values(), key=lambda pair: pair.rank).alpha

    @property
    def reference_factors(self) -> ReferenceFactors | None:
        """Size and rate of the reference videos it was trained with; None if it is no IC-LoRA.

        Raises:
            ValueError: If the metadata are no whole numbers.
        """
        return ReferenceFactors.of(self.metadata, self.path)


def read_lora_file(path: Path, *, allow_connectors: bool = False) -> LoRAFile:
    """Read a LoRA file. Tensors stay in the mapped file until they are used.

    Args:
        path: A .safetensors file.
        allow_connectors: Set keys of the text connectors aside, counted and named, rather than refuse the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a LoRA for LTX-2.3's transformer; the message says what it is and names keys.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no LoRA file {path}: give the path of a .safetensors file on this machine.")
    file = SafetensorsFile(path)
    keys = list(file.tensors)
    connector_keys = [key for key in keys if _CONNECTORS.search(key)]
    _refuse(path, keys, [] if allow_connectors and len(connector_keys) < len(keys) else connector_keys)
    _refuse_other_base(path, file.metadata)
    halves, alphas = _sort_keys(path, [key for key in keys if not _CONNECTORS.search(key)])
    tensors = dict(file.read(file.tensors))
    pairs = {}
    for module, own in halves.items():
        alpha = tensors[alphas[module]].float().item() if module in alphas else None
        pairs[module] = _pair(path, module, tensors.get(own.get("A", "")), tensors.get(own.get("B", "")), alpha)
    return LoRAFile(path=path, pairs=pairs, metadata=dict(file.metadata), connector_keys=tuple(connector_keys))


def write_lora_file(
    path: Path, pairs: Mapping[str, LoRAPair], *, dtype: torch.dtype, metadata: Mapping[str, str]
) -> None:
    """Write a LoRA file in ComfyUI's names, whole or not at all, with `alpha / rank` folded into B.

    Args:
        path: Replaced only when the new file is complete and on the disk.
        pairs: By module name of the transformer.
        dtype: Of the tensors, bf16 or fp32.
        metadata: Entries of the header; values are strings.

    Raises:
        ValueError: If a metadata value is no string, or a tensor is not finite.
    """
    wrong = [key for key, value in metadata.items() if not isinstance(value, str)]
    if wrong:
        raise ValueError(f"metadata of {path} must be strings, but {wrong[0]!r} is {metadata[wrong[0]]!r}: use str().")
    tensors = comfyui_tensors(pairs, dtype)
    broken = [key for key, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise ValueError(
            f"{len(broken)} tensors hold NaN or Inf, such as {broken[0]}: {path} was not written. "
            "Go back to an earlier LoRA, or lower the learning rate."
        )
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt", **metadata})


def comfyui_tensors(pairs: Mapping[str, LoRAPair], dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors of a written file by key: A as it is, B times `alpha / rank`, contiguous and on the CPU."""
    tensors = {}
    for name, pair in pairs.items():
        folded = pair.up.detach().float() * pair.scale
        tensors[f"{PREFIX}{name}.lora_A.weight"] = pair.down.detach().to("cpu", dtype).contiguous()
        tensors[f"{PREFIX}{name}.lora_B.weight"] = folded.to("cpu", dtype).contiguous()
    return tensors


def _sort_keys(path: Path, keys: list[str]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Keys of A and B, and of alpha, by module."""
    halves: dict[str, dict[str, str]] = {}
    alphas: dict[str, str] = {}
    unknown = []
    for key in keys:
        if match := _HALF.fullmatch(key):
            half = "A" if match["half"] in ("A", "down") else "B"
            own = halves.setdefault(_module(match["module"]), {})
            if half in own:
                raise ValueError(f"{path} has both {own[half]} and {key} for one module: keep one of them.")
            own[half] = key
        elif match := _ALPHA.fullmatch(key):
            alphas[_module(match["module"])] = key
        else:
            unknown.append(key)
    unknown += [key for module, key in alphas.items() if module not in halves]
    if unknown:
        raise ValueError(f"{path} has keys that belong to no LoRA ({listed(unknown)}), and none may be left out.")
    return halves, alphas


def _module(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _pair(path: Path, module: str, down: Tensor | None, up: Tensor | None, alpha: float | None) -> LoRAPair:
    if down is None or up is None:
        missing = "lora_A" if down is None else "lora_B"
        raise ValueError(f"{path}: module {module} has no {missing}: the file is damaged, get it again.")
    if down.dim() != 2 or up.dim() != 2 or down.shape[0] != up.shape[1]:
        raise ValueError(
            f"{path}: module {module} has A {tuple(down.shape)} and B {tuple(up.shape)}, "
            "but a LoRA of a linear layer needs (rank, in) and (out, rank)."
        )
    return LoRAPair(down=down, up=up, alpha=float(down.shape[0]) if alpha is None else alpha)


def _refuse(path: Path, keys: list[str], connector_keys: list[str]) -> None:
    for method, pattern in _OTHER_METHODS.items():
        if found := [key for key in keys if pattern.search(key)]:
            raise ValueError(
                f"{path} holds {method} ({listed(found)}), but only plain LoRA of linear layers can be applied "
                "exactly: train or convert it as a plain LoRA."
            )
    has_halves = any(_HALF.fullmatch(key) for key in keys)
    if not has_halves and any(key.startswith(_CHECKPOINT_PREFIXES) for key in keys):
        raise ValueError(
            f"{path} is a checkpoint, not a LoRA ({listed(keys)}): name it as `model.base_model`, and a LoRA file here."
        )
    if not has_halves:
        raise ValueError(f"{path} is not a LoRA: none of its {len(keys)} keys has lora_A or lora_down.")
    encoder_keys = [key for key in keys if _TEXT_ENCODER.search(key)]
    for part, found in (("text connectors", connector_keys), ("text encoder", encoder_keys)):
        if found:
            raise ValueError(
                f"{path} adapts the {part} ({listed(found)}), but text is encoded once without adapters: "
                "use a LoRA of the transformer alone."
            )


def _refuse_other_base(path: Path, metadata: Mapping[str, str]) -> None:
    """A bare number counts only as an LTX-2 version; with the model's name in front, any number does."""
    for key in _BASE_KEYS:
        match = _BASE_VERSION.match(metadata.get(key, "").strip())
        if match is None or (match["family"] is None and match["major"] != "2"):
            continue
        if (match["major"], match["minor"]) != ("2", "3"):
            raise ValueError(
                f"{path} was trained on LTX {match['major']}.{match['minor']} (metadata {key}: {metadata[key]!r}), "
                "and LoRAs of other versions do not work on LTX-2.3: use one made for 2.3."
            )


def listed(keys: Iterable[str]) -> str:
    """The first three keys, and how many more there are."""
    keys = list(keys)
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
