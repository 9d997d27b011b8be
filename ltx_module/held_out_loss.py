"""The loss on held-out clips at fixed noise levels with fixed noise: the same question to every LoRA.

A training loss mostly says which noise levels were drawn. Here each clip is brought to the same levels with the same
noise every time, so that a difference between two steps, two LoRAs or two runs is one of the weights alone. The noise
depends on the clip's file name, the modality and the level: not on the recipe's seed, the device, the folder, the order
of the clips, how they are batched or which others there are.

B batch, T tokens, D features.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

import torch
from lightning.pytorch.strategies import Strategy

from datamodules.batch import LatentBatch
from ltx_module.diffusion.conditioning import Conditioned
from ltx_module.diffusion.noisy_tokens import NoisyTokens
from ltx_module.loss_sums import LossSums
from ltx_module.model import LTXTransformer, evaluating
from ltx_module.seeding import derive_seed
from ltx_module.training import Conditions, TrainingObjective, flow_losses

NO_CONDITIONS = Conditions()
HELD_OUT_SIGMAS = (0.2, 0.4, 0.6, 0.8, 0.95)
"""The noise levels; each counts alike."""


@dataclass(frozen=True, kw_only=True)
class HeldOutLoss:
    """Mean loss over clips, every clip counted once; a clip without sound counts in the video's means alone."""

    by_sigma: Mapping[str, Mapping[float, float]]
    """By modality and noise level, `{"video": {0.2: 0.41, ...}, ...}`; without a modality that no clip has."""
    weights: Mapping[str, float]
    """Factor on each modality in the total, as in training."""

    @property
    def by_modality(self) -> dict[str, float]:
        """Mean over the noise levels."""
        return {name: sum(losses.values()) / len(losses) for name, losses in self.by_sigma.items()}

    @property
    def total(self) -> float:
        """Weighted sum of the modalities' means."""
        return sum(self.weights[name] * loss for name, loss in self.by_modality.items())

    def metrics(self, split: str = "val") -> dict[str, float]:
        """The numbers under the names of the logs, such as `val/loss_video_sigma_0.20`; the total first."""
        rows = {f"{split}/loss": self.total}
        rows |= {f"{split}/loss_{name}": loss for name, loss in self.by_modality.items()}
        for name, losses in self.by_sigma.items():
            rows |= {f"{split}/loss_{name}_sigma_{sigma:.2f}": loss for sigma, loss in losses.items()}
        return rows

    def to_dict(self) -> dict[str, dict[str, float]]:
        """By modality and noise level with texts as keys, for JSON: `{"video": {"0.20": 0.41, ...}}`."""
        return {
            name: {f"{sigma:.2f}": loss for sigma, loss in losses.items()} for name, losses in self.by_sigma.items()
        }


class HeldOutSums:
    """Losses of held-out clips added up batch by batch, on one rank's device.

    Args:
        conditions: What is given of the clips.
    """

    def __init__(self, conditions: Conditions = NO_CONDITIONS) -> None:
        self.conditions = conditions
        self._sums = LossSums(len(HELD_OUT_SIGMAS))

    @torch.no_grad()
    def add(self, transformer: LTXTransformer, batch: LatentBatch) -> None:
        """Take the losses of a batch; one that only keeps the ranks in step is computed and not counted.

        Args:
            transformer: In evaluation mode, with the adapters to judge.
            batch: Held-out clips, on the transformer's device.
        """
        for number, sigma in enumerate(HELD_OUT_SIGMAS):
            noised = fixed_noise(transformer, batch, sigma, self.conditions)
            for name, loss_B in flow_losses(transformer, batch, noised).items():
                if not batch.is_padding:
                    self._sums.add(name, loss_B, torch.full_like(loss_B, number, dtype=torch.long))

    def result(self, objective: TrainingObjective, strategy: Strategy | None = None) -> HeldOutLoss:
        """The means over all clips added.

        Args:
            objective: Weighs the modalities.
            strategy: Joins the clips of all ranks, all of which must call; null takes this rank's alone.
        """
        means = self._sums.means(strategy)
        by_sigma = {
            name: {HELD_OUT_SIGMAS[number]: loss for number, loss in losses.items()} for name, losses in means.items()
        }
        return HeldOutLoss(
            by_sigma=by_sigma, weights={"video": objective.video_weight, "audio": objective.audio_weight}
        )


def held_out_loss(
    transformer: LTXTransformer, objective: TrainingObjective, batches: Iterable[LatentBatch]
) -> HeldOutLoss:
    """Loss of a transformer, with whatever adapters are active in it, on held-out clips; on this rank alone.

    Call it inside the trainer's `precision_plugin.forward_context()`, as training does.

    Args:
        transformer: In any mode; evaluated without dropout, and given back in the mode it had.
        objective: Weighs the modalities.
        batches: Such as those of `LatentDataModule.val_dataloader()`, on any device.
    """
    sums, device = HeldOutSums(objective.conditions), next(transformer.parameters()).device
    with evaluating(transformer):
        for batch in batches:
            sums.add(transformer, batch.to(device))
    return sums.result(objective)


def fixed_noise(
    transformer: LTXTransformer, batch: LatentBatch, sigma: float, conditions: Conditions = NO_CONDITIONS
) -> dict[str, NoisyTokens]:
    """Each modality of a batch brought to a noise level with the clips' own noise.

    Args:
        transformer: Tells which modalities are built.
        batch: On the transformer's device.
        sigma: Noise level of every item.
        conditions: What is given: those that apply in at least half of the cases, to every clip.
    """
    noised = dict[str, NoisyTokens]()
    for name, conditioned in conditions.applied(transformer, batch, conditions.fixed()).items():
        if name == conditions.frozen:
            noised[name] = NoisyTokens.frozen(conditioned)
        else:
            noised[name] = _noisy(conditioned, batch.names, name, sigma)
    return noised


def _noisy(conditioned: Conditioned, clips: Iterable[str], modality: str, sigma: float) -> NoisyTokens:
    """Clips at a noise level, each with its own noise; drawn on the CPU, so that every device sees the same."""
    x0_BTD = conditioned.tokens
    assert x0_BTD is not None
    noises = []
    for clip in clips:
        generator = torch.Generator().manual_seed(
            derive_seed("held out", PurePath(clip).name, modality, f"{sigma:.2f}")
        )
        noises.append(torch.randn(x0_BTD.shape[1:], generator=generator))
    noise_BTD = torch.stack(noises).to(x0_BTD.device)
    return NoisyTokens.of(conditioned, noise_BTD, torch.full((len(noises),), sigma, device=x0_BTD.device))
