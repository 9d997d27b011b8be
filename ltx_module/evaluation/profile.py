"""What a LoRA does to the model's predictions on clips, without sampling: losses by strength, and changes by caption.

Every number is a difference between predictions from the same noise, so it is exact where a few samples are a matter of
luck, and it costs a few passes through the transformer for each clip.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from datamodules.batch import LatentBatch
from ltx_module.adapters import lora_disabled, scaled_strengths
from ltx_module.evaluation.references import Contexts, Reference
from ltx_module.evaluation.strength_curve import MEASURED
from ltx_module.held_out_loss import HeldOutLoss, fixed_noise, held_out_loss
from ltx_module.model import LTXTransformer
from ltx_module.training import TrainingObjective, velocities

CHANGE_SIGMAS = (0.7, 0.95)
"""Noise levels at which a caption still decides what will be seen."""

Losses = dict[str, dict[str, float]]
"""By modality and noise level, as `HeldOutLoss.to_dict` has them."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Measures of one LoRA, or of the base."""

    losses: dict[str, dict[str, Losses]] = field(default_factory=dict)
    """By split and strength, such as `losses["train"]["0.5"]`; captions have the trigger. The base is `0`."""
    changes: dict[str, dict[str, float]] = field(default_factory=dict)
    """By modality and kind of caption: mean square change of the velocity, as a share of the base's own."""

    def loss(self, split: str, strength: float, modality: str) -> float | None:
        """Mean over the noise levels; None where it was not measured."""
        losses = self.losses.get(split, {}).get(f"{strength:g}", {}).get(modality)
        return sum(losses.values()) / len(losses) if losses else None

    def to_dict(self) -> dict[str, object]:
        """For JSON; `Profile(**content)` reads it back."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Measures profiles of a transformer; all its adapters count as the LoRA."""

    transformer: LTXTransformer
    objective: TrainingObjective
    references: Sequence[Reference]
    captions: Mapping[str, Callable[[Reference], Contexts]]
    """Contexts for a clip by kind of caption, such as `no_trigger`."""
    off_topic: Sequence[LatentBatch] = ()
    """Samples of the base for ordinary prompts."""
    forward_context: Callable[[], AbstractContextManager[object]] = nullcontext
    """The trainer's precision."""

    def base(self) -> Profile:
        """Profile of the model without adapters."""
        with self.forward_context():
            return Profile(losses=self.losses((0.0,), ()))

    def lora(self, strengths: Sequence[float], adapters: Sequence[str]) -> Profile:
        """Profile of the adapters, at these strengths and at those from which an optimum is found."""
        with self.forward_context():
            return Profile(losses=self.losses(sorted({*strengths, *MEASURED}), adapters), changes=self.changes())

    def losses(self, strengths: Sequence[float], adapters: Sequence[str]) -> dict[str, dict[str, Losses]]:
        """Losses on the clips of each split at each strength; strength 0 needs no adapter."""
        result: dict[str, dict[str, Losses]] = {}
        for split in dict.fromkeys(reference.split for reference in self.references):
            batches = [reference.batch() for reference in self.references if reference.split == split]
            for strength in strengths:
                with at_strength(self.transformer, adapters, strength):
                    loss: HeldOutLoss = held_out_loss(self.transformer, self.objective, batches)
                result.setdefault(split, {})[f"{strength:g}"] = loss.to_dict()
        return result

    @torch.no_grad()
    def changes(self) -> dict[str, dict[str, float]]:
        """How much the active adapters change the velocity, by modality and kind of caption."""
        kinds = {
            kind: [reference.batch(contexts(reference)) for reference in self.references]
            for kind, contexts in self.captions.items()
        }
        kinds["off_topic"] = list(self.off_topic)
        after = {kind: self._velocities(batches) for kind, batches in kinds.items()}
        with lora_disabled(self.transformer):
            before = {kind: self._velocities(batches) for kind, batches in kinds.items()}
        result: dict[str, dict[str, float]] = {}
        for kind, pairs in ((kind, list(zip(before[kind], after[kind], strict=True))) for kind in kinds):
            for modality in ("video", "audio"):
                changed = [(one[modality], other[modality]) for one, other in pairs if modality in one]
                if changed:
                    change = sum(float((other - one).square().mean()) for one, other in changed)
                    size = sum(float(one.square().mean()) for one, _ in changed)
                    result.setdefault(modality, {})[kind] = change / max(size, 1e-12)
        return result

    def _velocities(self, batches: Sequence[LatentBatch]) -> list[dict[str, Tensor]]:
        """Predicted velocities of each batch at each noise level, by modality, float32, on the CPU."""
        device = next(self.transformer.parameters()).device
        found = []
        for batch in (batch.to(device) for batch in batches):
            for sigma in CHANGE_SIGMAS:
                noised = fixed_noise(self.transformer, batch, sigma, self.objective.conditions.certain)
                predicted = velocities(self.transformer, batch, noised)
                found.append({name: velocity.float().cpu() for name, velocity in predicted.items()})
        return found


@contextmanager
def at_strength(transformer: LTXTransformer, adapters: Sequence[str], strength: float) -> Iterator[None]:
    """Multiply the strength of adapters inside the block; 0 is the base, bit for bit."""
    if strength == 0:
        with lora_disabled(transformer):
            yield
        return
    with scaled_strengths(transformer, adapters, strength):
        yield
