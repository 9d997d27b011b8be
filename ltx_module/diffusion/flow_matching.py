"""Flow matching on straight lines between noise and clean latents.

    x_sigma  = (1 - sigma) * x0 + sigma * noise          sigma in [0, 1], 1 is noise
    velocity = noise - x0                                what the model predicts
    x0       = x_sigma - timestep * velocity             timestep: the noise level of the token

Clean tokens keep x0 at timestep 0 and do not enter the loss. All of it is float32.

B batch, T tokens, D features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ltx_module.model import NoiseLevels


def velocity_target(x0_BTD: Tensor, noise_BTD: Tensor) -> Tensor:
    """Velocity = noise - x0, float32."""
    return noise_BTD.float() - x0_BTD.float()


def x0_from_velocity(x_BTD: Tensor, velocity_BTD: Tensor, timesteps_BT: Tensor) -> Tensor:
    """x0 = x - timestep * velocity, float32.

    Args:
        x_BTD: Noisy latents.
        velocity_BTD: Predicted velocity.
        timesteps_BT: Noise level of each token.
    """
    return x_BTD.float() - timesteps_BT[..., None] * velocity_BTD.float()


@dataclass(frozen=True, kw_only=True)
class FlowMatching:
    """Latents brought to a noise level, and what the model must predict there."""

    noisy: Tensor
    """x_sigma, x0 where clean, float32, `(B, T, D)`."""
    velocity: Tensor
    """Target, float32, `(B, T, D)`."""
    sigma: Tensor
    """Noise level of the item, `(B,)`."""
    clean: Tensor | None
    """True for clean tokens, bool, `(B, T)`; None where there are none."""

    @classmethod
    def interpolate(
        cls, x0_BTD: Tensor, noise_BTD: Tensor, sigma_B: Tensor, clean_BT: Tensor | None = None
    ) -> "FlowMatching":
        """Mix clean latents with noise.

        Args:
            x0_BTD: Clean latents.
            noise_BTD: Standard normal noise.
            sigma_B: Noise level of each item, in [0, 1].
            clean_BT: True for tokens to keep clean, bool.
        """
        sigma_B11 = sigma_B.float()[:, None, None]
        noisy_BTD = (1 - sigma_B11) * x0_BTD.float() + sigma_B11 * noise_BTD.float()
        if clean_BT is not None:
            noisy_BTD = torch.where(clean_BT[..., None], x0_BTD.float(), noisy_BTD)
        target_BTD = velocity_target(x0_BTD, noise_BTD)
        return cls(noisy=noisy_BTD, velocity=target_BTD, sigma=sigma_B.float(), clean=clean_BT)

    @property
    def timesteps(self) -> Tensor:
        """Noise level of each token, `(B, T)`: sigma, 0 where clean."""
        timesteps_BT = self.sigma[:, None].expand(self.noisy.shape[:2])
        return timesteps_BT if self.clean is None else timesteps_BT.masked_fill(self.clean, 0)

    @property
    def noise_levels(self) -> NoiseLevels:
        """The timesteps in compact form, without reading anything back from the device."""
        return NoiseLevels.one(self.sigma) if self.clean is None else NoiseLevels.two(self.sigma, self.clean)

    def loss(self, prediction_BTD: Tensor) -> Tensor:
        """Mean squared error of the predicted velocity over the generated tokens of each item, `(B,)`.

        An item without generated tokens has loss 0 and no gradient.
        """
        error_BT = (prediction_BTD.float() - self.velocity).square().mean(dim=-1)
        if self.clean is None:
            return error_BT.mean(dim=1)
        generated_BT = ~self.clean
        return error_BT.masked_fill(self.clean, 0).sum(dim=1) / generated_BT.sum(dim=1).clamp(min=1)
