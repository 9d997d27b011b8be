"""`ic_union`: edges, depth or limbs bring the motion, whichever is given; captions name the rest."""

from datamodules.world.modes.signals import canny, depth, pose
from datamodules.world.modes.structure import structure_mode

IC_UNION = structure_mode(
    {"canny": canny, "depth": depth, "pose": pose},
    leave_out=("motion", "sound"),
    goals={"edges": 0.8, "motion": 0.8, "shape": 0.8, "colour": 0.8},
)
