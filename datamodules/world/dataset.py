"""Datasets of the drawn world: real video and picture files with captions beside them."""

import logging
from pathlib import Path

import torch

from datamodules.world.draw import draw_frames
from datamodules.world.scene import Scene, random_scene
from datamodules.world.tone import play_tone
from datamodules.write import write_video

logger = logging.getLogger(__name__)

_MOST_SCENES = 100


def write_dataset(
    directory: Path,
    clips: int = 8,
    stills: int = 2,
    *,
    width: int = 128,
    height: int = 96,
    frames: int = 33,
    fps: float = 24.0,
    seed: int = 0,
) -> None:
    """Write a small dataset of shapes with faces: mp4 clips with sound, png stills, and captions.

    The captions do not mention the faces, which are the look that a LoRA trained on the set is to learn. Every other
    clip and still stands upright, so the set has two sizes.

    Args:
        directory: Where to; made if missing.
        clips: Number of clips.
        stills: Number of stills.
        width: Pixels of a lying clip, and height of an upright one.
        height: Pixels of a lying clip, and width of an upright one.
        frames: Frames of a clip.
        fps: Frames per second.
        seed: Decides the scenes.
    """
    from PIL import Image

    directory.mkdir(parents=True, exist_ok=True)
    for index, scene in enumerate(demo_scenes(clips + stills, seed)):
        is_still = index >= clips
        sides = (width, height) if index % 2 == 0 else (height, width)
        pictures = draw_frames(scene, frames=1 if is_still else frames, width=sides[0], height=sides[1])
        path = directory / f"{index + 1:02d}-{scene.colour}-{scene.shape}-{'still' if is_still else scene.motion}"
        if is_still:
            Image.fromarray(pictures[0].permute(1, 2, 0).numpy()).save(path.with_suffix(".png"))
        else:
            waveform = None if scene.tone == "none" else play_tone(scene, frames=frames, fps=fps)
            write_video(path.with_suffix(".mp4"), pictures, fps, waveform)
        caption = scene.caption(as_still=is_still)
        path.with_suffix(".txt").write_text(caption + "\n", encoding="utf-8")
    logger.info("wrote %d clips and %d stills with captions to %s", clips, stills, directory)


def demo_scenes(number: int, seed: int = 0) -> list[Scene]:
    """Scenes of shapes with faces and a tone, no two with the same picture.

    Args:
        number: How many, at most 100.
        seed: Decides which.

    Raises:
        ValueError: If there are not so many.
    """
    if number > _MOST_SCENES:
        raise ValueError(f"clips + stills is {number}, but the demo draws at most {_MOST_SCENES}: ask for fewer.")
    generator = torch.Generator().manual_seed(seed)
    scenes: dict[tuple[str, ...], Scene] = {}
    while len(scenes) < number:
        scene = random_scene(generator, has_face=True, with_sound=True)
        scenes.setdefault((scene.shape, scene.colour, scene.motion), scene)
    return list(scenes.values())
