"""What a signal is: pictures made from a clip's pictures, one for each, that a model is to follow or to undo."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""`(H, W, 3)` RGB, or `(H, W)` gray."""

SignalName = Literal["canny", "depth", "pose", "blur", "downscale"]


class Signal(Protocol):
    """Makes the pictures of one kind of reference."""

    pixels: ClassVar[str]
    """FFmpeg's pixel format that keeps them."""

    @property
    def settings(self) -> Mapping[str, object]:
        """All that decides how they look, as JSON: changed settings make a reference anew."""

    def draw(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """One picture for each of a clip's, in order and of the same size.

        Args:
            pictures: `(H, W, 3)` RGB of one clip; it may be read further than what was given back.
        """
