"""What is known of a ComfyUI node class."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Kind = str | tuple[str, ...]
"""Type of an input as ComfyUI names it, or the choices it has."""


@dataclass(frozen=True)
class NodeType:
    """Inputs and outputs of a node class."""

    inputs: Mapping[str, Kind]
    """Type of each input that must be given."""
    outputs: tuple[str, ...] = ()
    optional: Mapping[str, Kind] = field(default_factory=dict)
    """Type of each input that may be left out."""
