"""Four concepts that the world never shows, named like the recipes that teach them."""

from collections.abc import Mapping
from types import MappingProxyType

from datamodules.world.concepts.audio_video import AUDIO_VIDEO
from datamodules.world.concepts.character import CHARACTER
from datamodules.world.concepts.concept import Concept
from datamodules.world.concepts.motion import MOTION
from datamodules.world.concepts.style import STYLE

CONCEPTS: Mapping[str, Concept] = MappingProxyType(
    {"style": STYLE, "character": CHARACTER, "motion": MOTION, "audio_video": AUDIO_VIDEO}
)

__all__ = ["CONCEPTS", "Concept"]
