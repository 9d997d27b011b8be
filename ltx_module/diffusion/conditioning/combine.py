"""Several conditions as one: which of them apply, and what they give together.

B batch, T tokens, R appended tokens, D features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ltx_module.diffusion.conditioning.base import Appended, Conditioning, Source
from ltx_module.diffusion.grids import token_positions

Drawn = tuple[Conditioning, bool | Tensor]
"""A condition, and whether it applies: to all items, or to each, bool, `(B,)`."""


@dataclass(frozen=True, kw_only=True)
class Conditioned:
    """One modality of a batch with all that is given of it."""

    positions: Tensor
    """Start and end of each token, those beside the clip last, `(1, axes, T + R, 2)`."""
    clean: Tensor | None = None
    """True for given tokens, bool, `(B, T)`; None where nothing is given."""
    tokens: Tensor | None = None
    """The clip with what is given in its place, `(B, T, D)`; None without a clip or a given part."""
    appended: tuple[Appended, ...] = ()
    """What is shown beside the clip."""

    @property
    def beside(self) -> Tensor | None:
        """All tokens beside the clip, `(B, R, D)`."""
        return torch.cat([one.tokens for one in self.appended], dim=1) if self.appended else None


def draw_conditions(conditions: Sequence[Conditioning], batch: int, generator: Generator) -> list[Drawn]:
    """Draw which conditions apply, to each item or to the whole batch.

    Args:
        conditions: Those of one recipe.
        batch: Items.
        generator: Source of randomness on the CPU; each condition takes as many numbers whatever its probability.
    """
    drawn: list[Drawn] = []
    for condition in conditions:
        draws = torch.rand(1 if condition.whole_batch else batch, generator=generator)
        applies_B = draws < condition.probability
        if len(applies_B) == 1:
            drawn.append((condition, bool(applies_B)))
        elif applies_B.any():
            drawn.append((condition, True if applies_B.all() else applies_B))
        else:
            drawn.append((condition, False))
    return drawn


def apply_conditions(source: Source, drawn: Sequence[Drawn]) -> Conditioned:
    """What the conditions of a modality give together.

    Args:
        source: What they take.
        drawn: All of the recipe's; those of the other modality are passed over.
    """
    tokens_BTD = None if source.latents is None else source.pack(source.latents)
    clean_BT: Tensor | None = None
    appended: list[Appended] = []
    for condition, applies in drawn:
        if condition.modality != source.modality or applies is False:
            continue
        given = condition.given(source)
        appended += given.appended
        if given.clean is None:
            continue
        given_BT = given.clean.expand(source.shape[0], -1)
        if isinstance(applies, Tensor):
            given_BT = given_BT & applies.to(source.device, non_blocking=True)[:, None]
        if given.tokens is not None:
            before = torch.zeros_like(given.tokens) if tokens_BTD is None else tokens_BTD
            tokens_BTD = torch.where(given_BT[..., None], given.tokens.to(before.dtype), before)
        clean_BT = given_BT if clean_BT is None else clean_BT | given_BT
    grids = (source.grid, *(one.grid for one in appended))
    return Conditioned(
        positions=token_positions(grids, source.device), clean=clean_BT, tokens=tokens_BTD, appended=tuple(appended)
    )
