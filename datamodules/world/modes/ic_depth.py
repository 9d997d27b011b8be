"""`ic_depth`: a depth map, in which larger is nearer, brings form and motion, captions the colours."""

from datamodules.world.modes.signals import depth
from datamodules.world.modes.structure import structure_mode

IC_DEPTH = structure_mode(
    {"depth": depth},
    leave_out=("shape", "motion", "sound"),
    goals={"edges": 0.8, "colour": 0.8, "background": 0.8},
)
