"""Keeping the base intact: where the trigger is absent, the adapter must not change what the model says.

In some micro-batches, after the ordinary loss, the model is asked once more about the same noisy latents, at the same
noise levels, with a prompt that lacks the trigger: once with the adapter, and once without it, which is the target.

    P = mean of (v_adapter(x_sigma, sigma, prompt) - v_base(x_sigma, sigma, prompt))^2      per item and modality

The prompt is the caption with a class word in place of the trigger (differential output preservation), or the empty
caption (blank-prompt preservation). A batch of a regularisation set is asked with its own captions: it shows what the
base sees without the trigger, which the training clips, being of the concept, do not.

Cost: where it is drawn, one forward without gradients and one forward and backward, on top of a step that has one
forward and backward. With recomputation that is 4 forwards on top of 3, a step 2.3 times as long; without, 3 on top of
2, 2.5 times. A probability p costs p times that: 0.5 makes a run 1.67 times as long. Activations are kept for both
passes until the backward, which adds little with recomputation and doubles them without.

B batch.
"""

import dataclasses
from typing import TYPE_CHECKING, Literal

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat
from torch import Tensor

from datamodules.batch import LatentBatch
from ltx_module.adapters import lora_disabled
from ltx_module.model import LTXTransformer
from ltx_module.seeding import derive_seed
from ltx_module.training import Noised, StepLoss, flow_losses, velocities

if TYPE_CHECKING:
    from datamodules.latents import LatentDataModule

PromptKind = Literal["class", "blank"]


class Preservation:
    """Pulls the model with its adapter to the base where the prompt lacks the trigger.

    One of both prompts is drawn in a micro-batch, or none; all ranks draw the same, so that none waits for another.

    Args:
        class_word: Stands in place of the trigger in class prompts, such as `person`; empty removes the trigger.
        class_probability: Share of the micro-batches preserved under the class prompt; 0.5: a run 1.7 times as long.
        blank_probability: Share preserved under the empty caption, at the same cost; best without `DropCaptions`.
        weight: Factor on this loss, on top of those of the modalities.

    Raises:
        ValueError: If both probabilities are more than 1 together.
    """

    def __init__(
        self,
        class_word: str = "",
        class_probability: ClosedUnitInterval = 0.5,
        blank_probability: ClosedUnitInterval = 0.0,
        weight: NonNegativeFloat = 1.0,
    ) -> None:
        if class_probability + blank_probability > 1:
            raise ValueError(
                f"`model.preservation.init_args.class_probability` is {class_probability} and `blank_probability` is"
                f" {blank_probability}, but a micro-batch is preserved under one prompt at most, so they must be 1 or"
                " less together: lower one of them, and raise `weight` in its place."
            )
        self.class_word = class_word
        self.class_probability: float = class_probability
        self.blank_probability: float = blank_probability
        self.weight: float = weight

    @property
    def probability(self) -> float:
        """Share of the micro-batches that cost more."""
        return self.class_probability + self.blank_probability

    def draw(self, seed: int, index: int) -> PromptKind | None:
        """The prompt of a micro-batch.

        Args:
            seed: The recipe's.
            index: Number of the micro-batch on its rank.
        """
        generator = torch.Generator().manual_seed(derive_seed(seed, "preservation", index))
        drawn = torch.rand((), generator=generator).item()
        if drawn < self.class_probability:
            return "class"
        return "blank" if drawn < self.probability else None

    def prompted(self, batch: LatentBatch, seed: int, data: "LatentDataModule") -> LatentBatch | None:
        """The batch under the drawn prompt; None where nothing is to be preserved.

        Args:
            batch: With its class captions, if they are to be drawn.
            seed: The recipe's.
            data: Has the contexts of the empty caption.
        """
        kind = self.draw(seed, batch.index)
        if kind is None:
            return None
        return class_prompted(batch) if kind == "class" else blank_prompted(batch, data.empty_context)


def class_prompted(batch: LatentBatch) -> LatentBatch:
    """The batch with its class captions for prompts."""
    assert batch.class_video_context is not None, "the data module was built without `class_word`"
    return dataclasses.replace(batch, video_context=batch.class_video_context, audio_context=batch.class_audio_context)


def blank_prompted(batch: LatentBatch, empty: tuple[Tensor, Tensor]) -> LatentBatch:
    """The batch with the empty caption for a prompt.

    Args:
        batch: Any batch.
        empty: Contexts of the empty caption, `(S, Dv)` and `(S, Da)`.
    """
    video, audio = (
        None if context is None else blank.to(context).expand_as(context)
        for context, blank in zip((batch.video_context, batch.audio_context), empty, strict=True)
    )
    return dataclasses.replace(batch, video_context=video, audio_context=audio)


def preservation_loss(transformer: LTXTransformer, batch: LatentBatch, noised: Noised) -> StepLoss:
    """How far the adapter moves the velocity under a batch's prompts, per item; 0 and without gradient at step 0.

    Args:
        transformer: With its adapters, in the mode in which it is trained.
        batch: With prompts that lack the trigger.
        noised: The noisy tokens that the ordinary loss was taken at, by modality.
    """
    with torch.no_grad(), lora_disabled(transformer):
        base = velocities(transformer, batch, noised)
    targets = {name: tokens.towards(base[name]) for name, tokens in noised.items()}
    return StepLoss.of(targets, flow_losses(transformer, batch, targets))
