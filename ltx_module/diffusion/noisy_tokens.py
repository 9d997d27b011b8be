"""One modality of a batch as the transformer sees it in training: noisy where it is generated, clean where it is given.

B batch, T tokens, R tokens beside them, D features.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from ltx_module.diffusion.conditioning import Conditioned
from ltx_module.diffusion.flow_matching import FlowMatching
from ltx_module.model import Modality, NoiseLevels


@dataclass(frozen=True, kw_only=True)
class NoisyTokens:
    """Tokens at a noise level, where they lie, and what is shown beside them."""

    flow: FlowMatching
    """The tokens to be generated, and what the model must predict of them."""
    positions: Tensor
    """Start and end of each token, `(1, axes, T + R, 2)`."""
    beside: Tensor | None = None
    """Clean tokens beside the others, `(B, R, D)`."""
    is_generated: bool = True
    """Whether there is a loss; a frozen modality is given whole."""

    @classmethod
    def of(cls, conditioned: Conditioned, noise_BTD: Tensor, sigma_B: Tensor) -> Self:
        """Bring what is generated to a noise level.

        Args:
            conditioned: With the tokens of a clip.
            noise_BTD: Standard normal noise.
            sigma_B: Noise level of each item, in [0, 1].
        """
        assert conditioned.tokens is not None
        flow = FlowMatching.interpolate(conditioned.tokens, noise_BTD, sigma_B, conditioned.clean)
        return cls(flow=flow, positions=conditioned.positions, beside=conditioned.beside)

    @classmethod
    def frozen(cls, conditioned: Conditioned) -> Self:
        """A modality that is given whole: clean, at noise level 0, without loss."""
        tokens = conditioned.tokens
        assert tokens is not None
        sigma_B = torch.zeros(len(tokens), device=tokens.device)
        still = cls.of(replace(conditioned, clean=None), torch.zeros_like(tokens, dtype=torch.float32), sigma_B)
        return replace(still, is_generated=False)

    @property
    def sigma(self) -> Tensor:
        """Noise level of each item, `(B,)`."""
        return self.flow.sigma

    def modality(self, context_BSD: Tensor) -> Modality:
        """What the transformer takes.

        Args:
            context_BSD: Text context.
        """
        flow, beside = self.flow, self.beside
        latent, levels = flow.noisy, flow.noise_levels
        if beside is not None:
            latent = torch.cat([latent, beside.to(latent.dtype)], dim=1)
            levels = self._levels_with(beside)
        return Modality(
            latent=latent,
            sigma=flow.sigma,
            timesteps=levels.timesteps(latent.shape[1]),
            positions=self.positions.expand(len(latent), -1, -1, -1),
            context=context_BSD,
            noise_levels=levels,
        )

    def own(self, prediction: Tensor) -> Tensor:
        """The prediction without that of the tokens beside, `(B, T + R, D)` -> `(B, T, D)`."""
        return prediction[:, : self.flow.noisy.shape[1]]

    def loss(self, prediction: Tensor) -> Tensor:
        """Mean squared error over the generated tokens of each item, `(B,)`.

        Args:
            prediction: Velocity, `(B, T, D)`.
        """
        return self.flow.loss(prediction)

    def towards(self, velocity: Tensor) -> Self:
        """The same tokens with another velocity to predict, `(B, T, D)`."""
        return replace(self, flow=replace(self.flow, velocity=velocity.float()))

    def _levels_with(self, beside: Tensor) -> NoiseLevels:
        """Noise levels of all tokens; those beside are clean."""
        batch, tokens = self.flow.noisy.shape[:2]
        clean = self.flow.clean
        if clean is None:
            clean = torch.zeros(batch, tokens, dtype=torch.bool, device=beside.device)
        clean = torch.cat([clean, clean.new_ones(batch, beside.shape[1])], dim=1)
        return NoiseLevels.two(self.flow.sigma, clean)
