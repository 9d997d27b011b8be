"""`ic_canny`: edges bring form and motion, captions the colours."""

from datamodules.world.modes.signals import canny
from datamodules.world.modes.structure import structure_mode

IC_CANNY = structure_mode(
    {"canny": canny},
    leave_out=("shape", "motion", "sound"),
    goals={"edges": 0.8, "colour": 0.8, "background": 0.8},
)
