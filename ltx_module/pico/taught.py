"""Has a LoRA taught pico a concept? Measures it with the trigger, without it, and with the LoRA off.

python -m ltx_module.pico.taught style runs/style-1/lora/step_000500.safetensors

The prompts are of combinations that the concept's datasets leave out.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Literal

import torch
from jsonargparse import auto_cli

from datamodules.geometry import Bucket
from datamodules.manifest.clip import final_caption
from datamodules.world.concepts import CONCEPTS, Concept
from datamodules.world.prompts import Prompt
from ltx_module.adapters import load_lora
from ltx_module.checkpoint import Checkpoint
from ltx_module.generator import Generator
from ltx_module.pico.bundle import PICO_FILE
from ltx_module.pico.obedience import text_contexts
from ltx_module.sample_config import NEGATIVE_PROMPT, SampleRequest

logger = logging.getLogger(__name__)

_FPS = 24.0
_SEED = 9  # of prompts that no dataset of the concept has


@dataclass(frozen=True, kw_only=True)
class Levels:
    """How much of a concept is seen or heard, 0 to 1, mean over prompts."""

    clips: float
    """In the concept's own clips, decoded from the latents that a training set is made of."""
    base: float
    """With the trigger, the LoRA off."""
    trigger: float
    """With the trigger and the LoRA."""
    without: float
    """With the LoRA, without the trigger."""

    @property
    def is_taught(self) -> bool:
        """Whether the trigger brings 80 % of the clips' level, and without it at most 20 % of the way is gone."""
        return self.trigger >= 0.8 * self.clips and abs(self.without - self.base) <= 0.2 * (self.clips - self.base)


@torch.no_grad()
def measure_lora(
    concept: Concept,
    lora: Path,
    *,
    trigger: str,
    streams: Literal["av", "video"],
    prompts: int,
    directory: Path = Path("assets/pico"),
    size: str = "128x128x25",
    steps: int = 10,
) -> Levels:
    """Generate prompts that the dataset has not, with the same seeds each way, and measure the concept.

    Args:
        concept: What was to be taught.
        lora: The LoRA file.
        trigger: Its trigger word.
        streams: `av` where sound is part of the concept.
        prompts: How many.
        directory: Where pico is.
        size: Width x height x frames.
        steps: Sampling steps.
    """
    checkpoint = Checkpoint(directory / PICO_FILE)
    transformer = checkpoint.load_transformer(streams=streams, dtype=torch.float32).eval()
    load_lora(transformer, lora)
    generator = Generator(
        transformer=transformer, checkpoint=checkpoint, contexts=text_contexts(directory), batch_guidance=True
    )
    bucket = Bucket.parse(size)
    chosen = concept.prompts(prompts, seed=_SEED)

    def level(word: str, strength: float) -> float:
        values = []
        for seed, prompt in enumerate(chosen):
            request = SampleRequest(
                prompt=final_caption(prompt.text, word),
                negative_prompt=NEGATIVE_PROMPT,
                bucket=bucket,
                fps=_FPS,
                seed=seed,
                preset="quality",
                steps=steps,
                strength=strength,
            )
            sample = generator.sample(request)
            assert sample.frames is not None
            values.append(concept.measure(sample.frames, sample.waveform))
        logger.info("%s: %s", word or "no trigger", ", ".join(f"{value:.2f}" for value in values))
        return mean(values)

    return Levels(
        clips=_clips_level(concept, chosen, bucket, checkpoint),
        base=level(trigger, 0.0),
        trigger=level(trigger, 1.0),
        without=level("", 1.0),
    )


def _clips_level(concept: Concept, prompts: list[Prompt], bucket: Bucket, checkpoint: Checkpoint) -> float:
    scenes = [prompt.scene for prompt in prompts]
    pictures = concept.draw(scenes, frames=bucket.frames, width=bucket.width, height=bucket.height)
    sounds = concept.play(scenes, frames=bucket.frames, fps=_FPS)
    vae = checkpoint.load_video_vae(dtype=torch.float32)
    decoded = vae.decode(vae.encode(pictures / 127.5 - 1)).add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    clips = zip(decoded.transpose(1, 2), sounds, strict=True)
    return mean(concept.measure(frames, sound) for frames, sound in clips)


def main(
    concept: Literal["style", "character", "motion", "audio_video"],
    lora: Path,
    trigger: str = "MYCONCEPT",
    prompts: int = 12,
) -> None:
    """Measure how well a LoRA has taught pico a concept.

    Args:
        concept: Which.
        lora: The LoRA file.
        trigger: Its trigger word.
        prompts: How many prompts.
    """
    streams: Literal["av", "video"] = "av" if concept == "audio_video" else "video"
    levels = measure_lora(CONCEPTS[concept], lora, trigger=trigger, streams=streams, prompts=prompts)
    logger.info(
        "%s: clips %.3f, base %.3f, with the trigger %.3f, without it %.3f: %s",
        *(concept, levels.clips, levels.base, levels.trigger, levels.without),
        "taught" if levels.is_taught else "not taught",
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logger.setLevel(logging.INFO)
    auto_cli(main, as_positional=True)
