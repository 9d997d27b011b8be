"""Datasets of the drawn world: real video and picture files with captions beside them."""

import logging
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from datamodules.media.write import write_video
from datamodules.world.concepts import CONCEPTS
from datamodules.world.draw import draw_frames
from datamodules.world.modes import Canvas, ModeName
from datamodules.world.modes.files import write_mode
from datamodules.world.scene import Scene, random_scene
from datamodules.world.tone import play_tone

logger = logging.getLogger(__name__)

_MOST_SCENES = 100


def write_dataset(
    directory: Path,
    clips: int | None = None,
    stills: int | None = None,
    *,
    concept: Literal["style", "character", "motion", "audio_video"] | None = None,
    mode: ModeName | None = None,
    width: int = 128,
    height: int | None = None,
    frames: int | None = None,
    fps: float = 24.0,
    seed: int = 0,
) -> None:
    """Write a small dataset that teaches one thing: mp4 clips with sound, png stills, and captions.

    The captions do not mention what is to be learnt: faces on the shapes, the concept, or what the given media of a
    mode decide. Every other clip and still stands upright, so the set has two sizes, unless it is square or a mode's.

    Args:
        directory: Where to; made if missing.
        clips: Number of clips; by default 8, and 128 of a mode.
        stills: Number of stills; by default 2 with faces, and none of a concept or mode, which have clips alone.
        concept: Teach the concept of this recipe's name instead of faces.
        mode: Teach the mode of this recipe's name instead of faces, with references and masks where it takes them.
        width: Pixels of a lying clip, and height of an upright one.
        height: Pixels of a lying clip, and width of an upright one; by default 96, and 128 of a mode.
        frames: Frames of a clip; by default 33, and 25 of a mode.
        fps: Frames per second.
        seed: Decides the scenes; clips of another seed are there to hold out.

    Raises:
        ValueError: If a concept and a mode, stills of one of them, or more clips than there are, are asked for.
    """
    if concept is not None and mode is not None:
        raise ValueError(f"concept is {concept} and mode is {mode}, but a dataset teaches one thing: leave one out.")
    if stills and (concept or mode):
        what = f"the concept {concept}" if concept else f"the mode {mode}"
        raise ValueError(f"stills is {stills}, but {what} is taught by clips alone: leave stills out.")
    if mode is not None:
        clips = 128 if clips is None else clips
        canvas = Canvas(width=width, height=height or 128, frames=frames or 25, fps=fps)
        write_mode(directory, mode, clips=clips, canvas=canvas, seed=seed)
        logger.info("wrote %d clips of the mode %s with captions to %s", clips, mode, directory)
        return
    clips, height, frames = 8 if clips is None else clips, height or 96, frames or 33
    sides = [(width, height) if index % 2 == 0 else (height, width) for index in range(clips + (stills or 2))]
    directory.mkdir(parents=True, exist_ok=True)
    if concept is None:
        stills = 2 if stills is None else stills
        _write_faces(directory, clips, stills, sides=sides, frames=frames, fps=fps, seed=seed)
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
