"""The published LTX-2.3 file: opened, guarded, and loaded component by component."""

from ltx_module.checkpoint.checkpoint import Checkpoint
from ltx_module.checkpoint.errors import CheckpointError
from ltx_module.checkpoint.key_maps import Component
from ltx_module.checkpoint.tiling import Tiling

__all__ = ["Checkpoint", "CheckpointError", "Component", "Tiling"]
