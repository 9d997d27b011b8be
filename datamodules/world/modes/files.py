"""Datasets of the modes as files: clips with captions, `references/` and `masks/` beside them.

Two held-out scenes become `samples.yaml`, an overlay with prompts, and `samples/`, the media that they are given.
"""

from pathlib import Path

import torch
import yaml
from torch import Tensor

from datamodules.atomic import replacing
from datamodules.media.write import write_video
from datamodules.media.write_wave import write_wave
from datamodules.world.modes import MODES, ModeName
from datamodules.world.modes.mode import Canvas, Example, Footage, Medium, Mode
from datamodules.world.tone import SAMPLE_RATE

NUM_SAMPLES = 2
"""Prompts in `samples.yaml`."""


def write_mode(directory: Path, name: ModeName, *, clips: int, canvas: Canvas, seed: int = 0) -> None:
    """Write the dataset of a mode.

    Args:
        directory: Where to.
        name: The mode.
        clips: Number of clips.
        canvas: Their size and length.
        seed: Decides the scenes; clips of another seed are there to hold out.

    Raises:
        ValueError: If more clips than there are are asked for.
    """
    mode = MODES[name]
    for index, scene in enumerate(mode.dataset(clips, seed), start=1):
        write_example(directory, f"{index:03d}-{name}", mode.compose(scene, canvas), canvas.fps)
    write_samples(directory, mode, canvas)


def write_example(directory: Path, stem: str, example: Example, fps: float) -> None:
    """Write one clip with everything beside it.

    Args:
        directory: The dataset.
        stem: Name of the files without suffix.
        example: What to write.
        fps: Frames per second.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{stem}.txt").write_text(example.caption + "\n", encoding="utf-8")
    write_footage(directory / stem, example.clip, fps)
    for signal, reference in example.references.items():
        write_footage(directory / "references" / signal / stem, reference, fps)
    if example.video_mask is not None:
        _write_video_mask(directory / "masks" / f"{stem}.png", example.video_mask)
    if example.audio_mask is not None:
        _write_audio_mask(directory / "masks" / f"{stem}.wav", example.audio_mask)


def write_samples(directory: Path, mode: Mode, canvas: Canvas) -> None:
    """Write `samples.yaml` and the media that it names, for held-out scenes.

    Args:
        directory: The dataset.
        mode: Its mode.
        canvas: Size and length of the media.
    """
    prompts = []
    for index, scene in enumerate(mode.held_out(NUM_SAMPLES), start=1):
        example = mode.compose(scene, canvas)
        media = {key: str(_write_medium(directory / "samples", index, key, example, canvas.fps)) for key in mode.gives}
        prompts.append({"prompt": example.caption} | media)
    with replacing(directory / "samples.yaml") as temporary:
        temporary.write_text(yaml.safe_dump({"sample": {"prompts": prompts}}, sort_keys=False), encoding="utf-8")


def write_footage(path: Path, footage: Footage, fps: float) -> Path:
    """Write pictures, with their sound if there is one, as `.mp4`, and sound alone as `.wav`.

    Args:
        path: Without suffix.
        footage: What to write.
        fps: Frames per second.

    Returns:
        The file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if footage.frames is None:
        write_wave(path.with_name(f"{path.name}.wav"), footage.sound, SAMPLE_RATE)
        return path.with_name(f"{path.name}.wav")
    write_video(path.with_name(f"{path.name}.mp4"), footage.frames, fps, footage.waveform)
    return path.with_name(f"{path.name}.mp4")


def _write_medium(folder: Path, index: int, key: Medium, example: Example, fps: float) -> Path:
    """Write what a sample is given by one key."""
    if key == "image":
        path = folder / f"{index}.png"
        _write_picture(path, example.given.pictures[0].permute(1, 2, 0))
        return path
    if key == "video_mask":
        assert example.video_mask is not None
        return _write_video_mask(folder / f"{index}-mask.png", example.video_mask)
    if key == "audio_mask":
        assert example.audio_mask is not None
        return _write_audio_mask(folder / f"{index}-mask.wav", example.audio_mask)
    references = list(example.references.values())
    footage = references[(index - 1) % len(references)] if key.startswith("reference_") else example.given
    if key.endswith("audio"):
        footage = Footage(waveform=footage.waveform)
    return write_footage(folder / f"{index}", footage, fps)


def _write_video_mask(path: Path, mask: Tensor) -> Path:
    _write_picture(path, mask.to(torch.uint8) * 255)
    return path


def _write_audio_mask(path: Path, mask: Tensor) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wave(path, mask.float().expand(2, -1), SAMPLE_RATE)
    return path


def _write_picture(path: Path, pixels: Tensor) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.contiguous().numpy()).save(path)
