"""Where each component lies in the published file, and what diffusers calls its tensors.

The transformer needs no map: our module carries the published names.
"""

import re
from collections.abc import Callable, Iterable
from typing import Literal, get_args

from ltx_module.checkpoint.fp8 import is_scale

Component = Literal["transformer", "text_connectors", "video_vae", "audio_vae", "vocoder"]
COMPONENTS: tuple[Component, ...] = get_args(Component)

TRANSFORMER_PREFIX = "model.diffusion_model."
_CONNECTORS = (
    f"{TRANSFORMER_PREFIX}video_embeddings_connector.",
    f"{TRANSFORMER_PREFIX}audio_embeddings_connector.",
)
_PREFIXES: dict[Component, tuple[str, ...]] = {
    "transformer": (TRANSFORMER_PREFIX,),
    "text_connectors": ("text_embedding_projection.", *_CONNECTORS),
    "video_vae": ("vae.",),
    "audio_vae": ("audio_vae.",),
    "vocoder": ("vocoder.",),
}
# statistics that the reference stores and never reads
_UNUSED_STATISTICS = ("channel", "mean-of-stds", "mean-of-stds_over_std-of-means")
_ENCODER_BLOCK = re.compile(r"vae\.encoder\.down_blocks\.(\d+)\.")
_STATISTICS = {"mean-of-means": "latents_mean", "std-of-means": "latents_std"}


def component_names(component: Component, names: Iterable[str]) -> list[str]:
    """The tensors of one component among all names of a file, scales included."""
    found = [name for name in names if name.startswith(_PREFIXES[component])]
    return [name for name in found if not name.startswith(_CONNECTORS)] if component == "transformer" else found


def component_sources(component: Component, names: Iterable[str]) -> dict[str, str]:
    """Name in our module -> name in the file, for one component.

    fp8 scales and the statistics that nothing reads are left out; every other tensor of the component is kept,
    so that an unknown one shows up as a name its module does not have.
    """
    own = component_names(component, names)
    rename = _renamer(component, own)
    return {rename(name): name for name in own if not is_scale(name) and not _is_unused_statistic(name)}


def _renamer(component: Component, own: list[str]) -> Callable[[str], str]:
    match component:
        case "transformer":
            return lambda name: name.removeprefix(TRANSFORMER_PREFIX)
        case "text_connectors":
            return _connector_name
        case "video_vae":
            last = max((int(match[1]) for name in own if (match := _ENCODER_BLOCK.match(name))), default=0)
            return lambda name: _video_vae_name(name, last)
        case "audio_vae":
            return lambda name: _statistics_name(name.removeprefix("audio_vae."))
        case "vocoder":
            return _vocoder_name


def _is_unused_statistic(name: str) -> bool:
    path, _, leaf = name.rpartition(".")
    return path.endswith("per_channel_statistics") and leaf in _UNUSED_STATISTICS


def _statistics_name(name: str) -> str:
    path, _, leaf = name.rpartition(".")
    return _STATISTICS.get(leaf, name) if path == "per_channel_statistics" else name


def _connector_name(name: str) -> str:
    name = name.removeprefix("text_embedding_projection.").removeprefix(TRANSFORMER_PREFIX)
    name = re.sub(r"^(video|audio)_aggregate_embed", r"\1_text_proj_in", name)
    name = re.sub(r"^(video|audio)_embeddings_connector", r"\1_connector", name)
    name = name.replace("transformer_1d_blocks", "transformer_blocks")
    return name.replace("q_norm", "norm_q").replace("k_norm", "norm_k")


def _video_vae_name(name: str, last_encoder_block: int) -> str:
    """The file numbers stages and resamplers in one list; diffusers nests a resampler in the stage beside it."""
    name = _statistics_name(name.removeprefix("vae.")).replace("res_blocks", "resnets")
    match = re.match(r"^(encoder|decoder)\.(down|up)_blocks\.(\d+)\.(.*)$", name)
    if match is None:
        return name
    side, way, index, rest = match[1], match[2], int(match[3]), match[4]
    if index == (last_encoder_block if side == "encoder" else 0):
        return f"{side}.mid_block.{rest}"
    # encoder: stage, down, stage, down, ..., middle; decoder: middle, up, stage, up, stage, ...
    stage = index // 2 if side == "encoder" else (index - 1) // 2
    resampler = "" if (index % 2 == 0) else f"{way}samplers.0."
    return f"{side}.{way}_blocks.{stage}.{resampler}{rest}"


def _vocoder_name(name: str) -> str:
    # the prefix goes once: the first stage is itself called `vocoder`
    name = re.sub(r"(^|\.)ups\.", r"\1upsamplers.", name.removeprefix("vocoder."))
    name = name.replace("resblocks", "resnets").replace("conv_pre", "conv_in").replace("conv_post", "conv_out")
    return name.replace("act_post", "act_out").replace("downsample.lowpass", "downsample")
