"""The feed-forward layer of a block: Linear, GELU (tanh), Linear, four times wider inside."""

from torch import Tensor, nn

_EXPANSION = 4


class GELUProjection(nn.Module):
    """The first linear layer with its activation, under the published name `proj`.

    Args:
        dim: Width of the stream.
        inner_dim: Width inside.
    """

    def __init__(self, dim: int, inner_dim: int) -> None:
        super().__init__()
        self.proj = nn.Linear(dim, inner_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Project and activate, `(..., D)` -> `(..., 4 * D)`."""
        return nn.functional.gelu(self.proj(x), approximate="tanh")


class FeedForward(nn.Module):
    """Feed-forward layer of one stream.

    Args:
        dim: Width of the stream.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        inner_dim = _EXPANSION * dim
        # The published names count a dropout between the two, which has no parameters.
        self.net = nn.Sequential(GELUProjection(dim, inner_dim), nn.Identity(), nn.Linear(inner_dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Update of the stream, `(..., D)` -> `(..., D)`."""
        update: Tensor = self.net(x)
        return update
