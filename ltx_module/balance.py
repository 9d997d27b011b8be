"""The audio loss brought to the size of the video loss.

    audio_weight = running mean of the video loss / running mean of the audio loss

The audio latents are harder to predict: their loss is about ten times the video's, and drowns it at equal weights.
Both means are taken over the same micro-batches, those of the concept with sound on any rank, and fade by one hundredth
with each, so that a single noise level decides nothing.
"""

from collections.abc import Mapping

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor, distributed

from ltx_module.training import StepLoss

START = 0.1
"""Audio weight before any loss was seen: the usual ratio."""
_FADE = 0.01
_RANGE = (0.01, 10.0)


class LossBalance:
    """Running means of both losses. They stay on the device, so that no step waits for them."""

    def __init__(self) -> None:
        self._means = torch.zeros(2)

    def update(self, losses: StepLoss | None, strategy: Strategy) -> None:
        """Takes a micro-batch's losses in; every rank must call.

        Args:
            losses: Those of this rank, or None where they do not count.
            strategy: Joins those of all ranks, which therefore have one weight.
        """
        seen = torch.zeros(3, device=strategy.root_device)
        if losses is not None and losses.video_loss is not None and losses.audio_loss is not None:
            pair = torch.stack([losses.video_loss.detach().mean(), losses.audio_loss.detach().mean()]).float()
            seen = torch.cat([pair, pair.new_ones(1)])
        if distributed.is_initialized():
            distributed.all_reduce(seen)  # unlike the strategy's `reduce`, it does not wait for the device
        video, audio, count = seen
        means = self._means.to(seen.device)
        faded = torch.lerp(means, torch.stack([video, audio]) / count.clamp(min=1), _FADE)
        self._means = torch.where(count > 0, faded, means)

    @property
    def audio_weight(self) -> Tensor:
        """Factor on the audio loss, a scalar without gradient; limited to 0.01 to 10."""
        video, audio = self._means
        return torch.where(audio > 0, video / audio, START).clamp(*_RANGE)

    def state_dict(self) -> dict[str, list[float]]:
        """The means, exactly."""
        return {"means": self._means.tolist()}

    def load_state_dict(self, state: Mapping[str, list[float]]) -> None:
        """Goes on from saved means."""
        self._means = torch.tensor(state["means"])
