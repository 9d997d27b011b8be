"""`ic_pose`: three limbs bring place, size and angle, captions the form and the colours."""

from datamodules.world.modes.signals import pose
from datamodules.world.modes.structure import structure_mode

IC_POSE = structure_mode(
    {"pose": pose},
    leave_out=("motion", "sound"),
    goals={"edges": 0.6, "motion": 0.8, "shape": 0.8, "colour": 0.8},
)
