"""A world drawn by the program: shapes that move over a plain background to a tone, with captions in plain words."""

from datamodules.world.concepts import CONCEPTS, Concept
from datamodules.world.dataset import demo_scenes, write_dataset
from datamodules.world.draw import draw_batch, draw_frames
from datamodules.world.modes import MODES, Mode
from datamodules.world.prompts import Prompt, plain_prompts
from datamodules.world.read import Reading, agreement, read_scene
from datamodules.world.scene import Scene, random_scene
from datamodules.world.tone import play_batch, play_tone

__all__ = [
    "CONCEPTS",
    "MODES",
    "Concept",
    "Mode",
    "Prompt",
    "Reading",
    "Scene",
    "agreement",
    "demo_scenes",
    "draw_batch",
    "draw_frames",
    "plain_prompts",
    "play_batch",
    "play_tone",
    "random_scene",
    "read_scene",
    "write_dataset",
]
