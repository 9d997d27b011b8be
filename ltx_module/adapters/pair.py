"""The two low-rank matrices that stand beside one linear layer."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LoRAPair:
    """What a LoRA adds to one weight: `W' = W + strength * (alpha / rank) * B @ A`."""

    down: Tensor
    """A, `(rank, in_features)`."""
    up: Tensor
    """B, `(out_features, rank)`."""
    alpha: float
    """Scale times rank; equal to the rank where a file names none."""

    @property
    def rank(self) -> int:
        """Rank of the update."""
        return self.down.shape[0]

    @property
    def scale(self) -> float:
        """`alpha / rank`."""
        return self.alpha / self.rank

    @property
    def shape(self) -> tuple[int, int]:
        """In and out features of the layer it was made for."""
        return self.down.shape[1], self.up.shape[0]

    def delta(self) -> Tensor:
        """`(alpha / rank) * B @ A` in fp32, `(out_features, in_features)`."""
        return self.scale * (self.up.float() @ self.down.float())

    def squared_norm(self) -> Tensor:
        """Squared Frobenius norm of `delta()` from two rank x rank products: `scale^2 * <B^T B, A A^T>`."""
        down, up = self.down.float(), self.up.float()
        return self.scale**2 * ((up.T @ up) * (down @ down.T)).sum().clamp(min=0)
