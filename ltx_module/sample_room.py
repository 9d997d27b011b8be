"""Room on the device for samples between two training steps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from datamodules.geometry import LatentSpec
from ltx_module.decoders import BYTES_PER_PIXEL
from ltx_module.diffusion.presets import find_preset
from ltx_module.generator import BYTES_PER_TOKEN_WIDTH
from ltx_module.precision.card import Card

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from ltx_module.module import LTXModule
    from ltx_module.sample_config import SampleRequest


@contextmanager
def room(trainer: "Trainer", model: "LTXModule", requests: Sequence["SampleRequest"]) -> Iterator[None]:
    """Free inside the block what the next step makes anew: gradients, and recorded steps where memory is short.

    Recording them again takes about the time of a few steps for each geometry, so they stay where the card has room
    besides. Where it has none, nothing that samples took is kept from the steps that follow.

    Args:
        trainer: Between two optimizer steps.
        model: Placed.
        requests: Samples to make.
    """
    for optimizer in trainer.optimizers:
        optimizer.zero_grad(set_to_none=True)
    card = Card.of(model.device)
    if card is None or model.transformer is None:
        yield
        return
    outside = card.free - torch.cuda.memory_reserved(model.device)
    is_tight = outside < max(_needed(model, request) for request in requests)
    if is_tight:
        model.transformer.blocks.release_steps()
        torch.cuda.empty_cache()
    try:
        yield
    finally:
        if is_tight:
            torch.cuda.empty_cache()


def _needed(model: "LTXModule", request: "SampleRequest") -> int:
    """Bytes that a sample takes at most, decoded whole."""
    assert model.transformer is not None
    bucket, path = request.bucket, model.sample_config.distilled_lora
    tokens = 0 if bucket.is_sound else LatentSpec().tokens(bucket)
    distilled = path.stat().st_size if path is not None and find_preset(request.preset).needs_distilled else 0
    forward = BYTES_PER_TOKEN_WIDTH * tokens * model.transformer.config.video_dim
    return distilled + max(forward, BYTES_PER_PIXEL * bucket.width * bucket.height * bucket.frames)
