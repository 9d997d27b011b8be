"""Guidance: pushing a prediction away from worse ones, on x0 in float32.

    guided = cond + (cfg - 1) * (cond - negative) + stg * (cond - perturbed) + (modality - 1) * (cond - isolated)
    guided = guided * (rescale * std(cond) / std(guided) + 1 - rescale)

negative: the negative prompt; perturbed: some self-attention replaced by its values (spatio-temporal guidance, STG);
isolated: no audio-video cross attention. Each costs one more pass of the transformer; a neutral scale costs none.

B batch, T tokens, D features.
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

_FULL_SIZE_BLOCKS, _FULL_SIZE_STG_BLOCK = 48, 28


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """Scales of one modality; the defaults are neutral, so that one pass suffices."""

    cfg: float = 1.0
    """Classifier-free guidance; 1 is none."""
    stg: float = 0.0
    """Spatio-temporal guidance; 0 is none."""
    modality: float = 1.0
    """Guidance by the other modality; 1 is none."""
    rescale: float = 0.0
    """How far the guided prediction's standard deviation is brought back to the unguided one's, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class JointGuidance:
    """Guidance of a sample."""

    video: Guidance = Guidance()
    audio: Guidance = Guidance()
    stg_blocks: tuple[int, ...] | None = None
    """Blocks that the STG pass perturbs, in both streams; None takes `default_stg_blocks`."""


class Predictions(NamedTuple):
    """x0 of one modality by pass, float32, each `(B, T, D)`; None for a pass that was not needed."""

    cond: Tensor
    negative: Tensor | None = None
    perturbed: Tensor | None = None
    isolated: Tensor | None = None


def default_stg_blocks(num_blocks: int) -> tuple[int, ...]:
    """The published block 28 of 48; at other depths the block at 60 % of it."""
    return (_FULL_SIZE_STG_BLOCK if num_blocks == _FULL_SIZE_BLOCKS else num_blocks * 3 // 5,)


def guide(predictions: Predictions, guidance: Guidance) -> Tensor:
    """Combine the passes of one modality.

    Args:
        predictions: x0 of each pass; those whose scale is neutral are not used.
        guidance: Scales.

    Returns:
        Guided x0, `(B, T, D)`.
    """
    cond = guided = predictions.cond
    for prediction, weight in (
        (predictions.negative, guidance.cfg - 1),
        (predictions.perturbed, guidance.stg),
        (predictions.isolated, guidance.modality - 1),
    ):
        if prediction is not None and weight != 0:
            guided = guided + weight * (cond - prediction)
    if guidance.rescale == 0 or guided is cond:
        return guided
    # Over all tokens and features of a sample, clean tokens included.
    factor = cond.std(dim=(1, 2), keepdim=True) / guided.std(dim=(1, 2), keepdim=True)
    return guided * (guidance.rescale * factor + 1 - guidance.rescale)
