"""Datasets of the drawn world: real video and picture files with captions beside them."""

import logging
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from datamodules.world.concepts import CONCEPTS
from datamodules.world.draw import draw_frames
from datamodules.world.scene import Scene, random_scene
from datamodules.world.tone import play_tone
from datamodules.write import write_video

logger = logging.getLogger(__name__)

_MOST_SCENES = 100


def write_dataset(
    directory: Path,
    clips: int = 8,
    stills: int | None = None,
    *,
    concept: Literal["style", "character", "motion", "audio_video"] | None = None,
    width: int = 128,
    height: int = 96,
    frames: int = 33,
    fps: float = 24.0,
    seed: int = 0,
) -> None:
    """Write a small dataset that teaches one thing: mp4 clips with sound, png stills, and captions.

    The captions do not mention what is to be learnt: faces on the shapes, or the concept. Every other clip and still
    stands upright, so the set has two sizes, unless it is square.

    Args:
        directory: Where to; made if missing.
        clips: Number of clips.
        stills: Number of stills; by default 2 with faces, and none of a concept, which has clips alone.
        concept: Teach the concept of this recipe's name instead of faces.
        width: Pixels of a lying clip, and height of an upright one.
        height: Pixels of a lying clip, and width of an upright one.
        frames: Frames of a clip.
        fps: Frames per second.
        seed: Decides the scenes; clips of another seed are there to hold out.

    Raises:
        ValueError: If stills of a concept, or more clips than there are, are asked for.
    """
    sides = [(width, height) if index % 2 == 0 else (height, width) for index in range(clips + (stills or 2))]
    directory.mkdir(parents=True, exist_ok=True)
    if concept is None:
        stills = 2 if stills is None else stills
        _write_faces(directory, clips, stills, sides=sides, frames=frames, fps=fps, seed=seed)
    elif stills:
        raise ValueError(f"stills is {stills}, but the concept {concept} is taught by clips alone: leave stills out.")
    else:
        _write_concept(directory, concept, sides=sides[:clips], frames=frames, fps=fps, seed=seed)
    logger.info("wrote %d clips and %d stills with captions to %s", clips, stills or 0, directory)


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


def _write_faces(
    directory: Path, clips: int, stills: int, *, sides: list[tuple[int, int]], frames: int, fps: float, seed: int
) -> None:
    from PIL import Image

    for index, scene in enumerate(demo_scenes(clips + stills, seed)):
        is_still = index >= clips
        width, height = sides[index]
        pictures = draw_frames(scene, frames=1 if is_still else frames, width=width, height=height)
        path = directory / f"{index + 1:02d}-{scene.colour}-{scene.shape}-{'still' if is_still else scene.motion}"
        _write_caption(path, scene.caption(as_still=is_still))
        if is_still:
            Image.fromarray(pictures[0].permute(1, 2, 0).numpy()).save(path.with_suffix(".png"))
        else:
            write_video(path.with_suffix(".mp4"), pictures, fps, play_tone(scene, frames=frames, fps=fps))


def _write_concept(
    directory: Path, name: str, *, sides: list[tuple[int, int]], frames: int, fps: float, seed: int
) -> None:
    concept = CONCEPTS[name]
    for index, prompt in enumerate(concept.dataset(len(sides), seed)):
        width, height = sides[index]
        pictures = concept.draw([prompt.scene], frames=frames, width=width, height=height)[0]
        waveform = concept.play([prompt.scene], frames=frames, fps=fps)[0]
        path = directory / f"{index + 1:02d}-{name}"
        _write_caption(path, prompt.text)
        write_video(path.with_suffix(".mp4"), _frames_first(pictures), fps, waveform)


def _write_caption(path: Path, caption: str) -> None:
    path.with_suffix(".txt").write_text(caption + "\n", encoding="utf-8")


def _frames_first(pictures: Tensor) -> Tensor:
    return pictures.transpose(0, 1).contiguous()  # (3, F, H, W) -> (F, 3, H, W)
