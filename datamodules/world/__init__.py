"""A world drawn by the program: shapes that move over a plain background to a tone, with captions in plain words."""

from datamodules.world.dataset import demo_scenes, write_dataset
from datamodules.world.draw import draw_frames
from datamodules.world.scene import Scene, random_scene
from datamodules.world.tone import play_tone

__all__ = ["Scene", "demo_scenes", "draw_frames", "play_tone", "random_scene", "write_dataset"]
