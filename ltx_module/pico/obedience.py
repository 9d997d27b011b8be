"""Does pico do what prompts ask? Generates prompts it never saw and reads the clips back.

python -m ltx_module.pico.obedience --prompts 200 --sheet docs/pico.png
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from jsonargparse import auto_cli
from torch import Tensor

from datamodules.geometry import Bucket
from datamodules.world import Scene, random_scene
from datamodules.world.read import agreement, read_scene
from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.gemma import GemmaEncoder
from ltx_module.generator import Generator
from ltx_module.pico.bundle import GEMMA_DIRECTORY, PICO_FILE, TEXT_WINDOW
from ltx_module.pico.captions import is_held_out
from ltx_module.sample_config import NEGATIVE_PROMPT, SampleRequest, VideoSample
from ltx_module.sample_targets import Contexts

logger = logging.getLogger(__name__)

_BUCKET, _FPS = "128x128x25", 24.0
_COLUMNS, _SIDE = 6, 80


def held_out_scenes(number: int, seed: int = 77) -> list[Scene]:
    """Scenes of combinations that pico was not trained on."""
    generator = torch.Generator().manual_seed(seed)
    scenes: list[Scene] = []
    while len(scenes) < number:
        scene = random_scene(generator)
        if is_held_out(scene):
            scenes.append(scene)
    return scenes


def generate(scenes: Sequence[Scene], directory: Path, *, steps: int) -> Iterator[VideoSample]:
    """Samples of the scenes' captions with the guidance of `quality`, seed 0, 1, ..."""
    checkpoint = Checkpoint(directory / PICO_FILE)
    generator = Generator(
        transformer=checkpoint.load_transformer(streams="av", dtype=torch.float32).eval(),
        checkpoint=checkpoint,
        contexts=text_contexts(directory),
        batch_guidance=True,
    )
    for seed, scene in enumerate(scenes):
        request = SampleRequest(
            prompt=scene.caption(),
            negative_prompt=NEGATIVE_PROMPT,
            bucket=Bucket.parse(_BUCKET),
            fps=_FPS,
            seed=seed,
            preset="quality",
            steps=steps,
        )
        with torch.no_grad():
            yield generator.sample(request)


def text_contexts(directory: Path) -> Contexts:
    """Encodes prompts when they are asked for, each once."""
    connectors = Checkpoint(directory / PICO_FILE).load_text_connectors(dtype=torch.float32)
    gemma = GemmaEncoder(directory / GEMMA_DIRECTORY, precision="fp32", text_window=TEXT_WINDOW)
    known: dict[str, tuple[Tensor, Tensor]] = {}

    def contexts(prompt: str) -> tuple[Tensor, Tensor]:
        if prompt not in known:
            video, audio = connectors(*gemma.encode([prompt]))
            known[prompt] = (video[0], audio[0])
        return known[prompt]

    return contexts


def obedience(
    scenes: Sequence[Scene], samples: Iterator[VideoSample], look: Callable[[Tensor], object]
) -> dict[str, float]:
    """Share of samples that show each property of their scene; silence is counted apart from the tones.

    Args:
        scenes: What was asked for.
        samples: What came out, in the same order.
        look: Is given the frames of each, `(F, 3, H, W)`.
    """
    right, asked = Counter[str](), Counter[str]()
    for number, (scene, sample) in enumerate(zip(scenes, samples, strict=True), start=1):
        assert sample.frames is not None
        look(sample.frames)
        for name, agrees in agreement(scene, read_scene(sample.frames, sample.waveform)).items():
            what = "silence" if name == "tone" and scene.tone == "none" else name
            right[what] += agrees
            asked[what] += 1
        if number % 20 == 0 or number == len(scenes):
            logger.info(
                "%d samples: %s", number, ", ".join(f"{what} {right[what] / asked[what]:.1%}" for what in asked)
            )
    return {what: right[what] / asked[what] for what in asked}


def contact_sheet(scenes: Sequence[Scene], clips: Sequence[Tensor]) -> Any:
    """First, middle and last frame of each clip above its prompt, as a picture of PIL."""
    from PIL import Image, ImageDraw

    width, height = 3 * _SIDE + 12, _SIDE + 34
    rows = -(-len(clips) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * width, rows * height), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (scene, frames) in enumerate(zip(scenes, clips, strict=True)):
        left, top = number % _COLUMNS * width, number // _COLUMNS * height
        for column, frame in enumerate(frames[[0, len(frames) // 2, -1]]):
            picture = Image.fromarray(frame.permute(1, 2, 0).numpy()).resize((_SIDE, _SIDE))
            sheet.paste(picture, (left + column * (_SIDE + 2), top))
        subject, _, place = scene.caption().partition(" over ")
        pen.text((left + 2, top + _SIDE + 3), subject, fill="black")
        pen.text((left + 2, top + _SIDE + 16), f"over {place}", fill="black")
    return sheet


def main(directory: Path = Path("assets/pico"), prompts: int = 200, steps: int = 10, sheet: Path | None = None) -> None:
    """Judge pico on prompts that it never saw.

    Args:
        directory: Where pico is.
        prompts: How many.
        steps: Sampling steps of each.
        sheet: File for a picture of the first 36.
    """
    scenes = held_out_scenes(prompts)
    clips: list[Tensor] = []
    obedience(scenes, generate(scenes, directory, steps=steps), clips.append)
    if sheet is not None:
        sheet.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(scenes[:36], clips[:36]).save(sheet, optimize=True, quality=75)
        logger.info("wrote %s", sheet)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logger.setLevel(logging.INFO)
    auto_cli(main)
