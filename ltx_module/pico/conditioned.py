"""Has a LoRA taught pico a mode of conditioning? Generates held-out scenes with it and without, and measures them.

python -m ltx_module.pico.conditioned ic_canny runs/ic_canny-1/lora/step_001000.safetensors

Prompts leave out what the given media are to decide, so that a model that overlooks them cannot score.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import torch
from jsonargparse import auto_cli

from datamodules.manifest.clip import final_caption
from datamodules.world.modes import MODES, Canvas, Example, Footage, Mode, ModeName, Scores
from ltx_module.adapters import load_lora
from ltx_module.checkpoint import Checkpoint
from ltx_module.decoders import Decoders
from ltx_module.generator import Generator
from ltx_module.pico.bundle import PICO_FILE
from ltx_module.pico.contact_sheet import Row, contact_sheet, save_sheet
from ltx_module.pico.example_media import ExampleMedia
from ltx_module.pico.mode_recipe import ModeRecipe
from ltx_module.pico.obedience import text_contexts
from ltx_module.sample_config import NEGATIVE_PROMPT, SampleRequest

logger = logging.getLogger(__name__)

_ROWS = 6  # of a contact sheet


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one example."""

    example: Example
    signal: str | None
    """Which of its references was given."""
    kept: Footage
    """Its clip as the autoencoders keep it."""
    with_lora: Footage
    without: Footage
    scores: dict[str, Scores]
    """Of these three, by name."""


@dataclass(frozen=True, kw_only=True)
class Laboratory:
    """Pico with a LoRA, and what a mode's recipe says of samples."""

    mode: Mode
    recipe: ModeRecipe
    generator: Generator
    media: ExampleMedia

    @classmethod
    def open(cls, name: ModeName, lora: Path, directory: Path, device: torch.device) -> "Laboratory":
        """Load pico and the LoRA.

        Args:
            name: The mode.
            lora: The LoRA file.
            directory: Where pico is.
            device: Where to compute.
        """
        recipe = ModeRecipe.read(name)
        checkpoint = Checkpoint(directory / PICO_FILE)
        transformer = checkpoint.load_transformer(recipe.streams, torch.float32, device).eval()
        load_lora(transformer, lora)
        decoders = Decoders(checkpoint=checkpoint, device=device, keep=True)
        generator = Generator(
            transformer=transformer,
            checkpoint=checkpoint,
            contexts=text_contexts(directory),
            conditions=recipe.conditions,
            decoders=decoders,
        )
        media = ExampleMedia(
            video_vae=checkpoint.load_video_vae(torch.float32, device),
            audio_vae=checkpoint.load_audio_vae(device=device),
            decoders=decoders,
            canvas=Canvas(),
            seconds=recipe.bucket.duration(recipe.fps),
            reference_downscale_factor=recipe.reference_downscale_factor,
        )
        return cls(mode=MODES[name], recipe=recipe, generator=generator, media=media)

    def results(self, scenes: int) -> Iterator[Result]:
        """Held-out scenes, each with every signal of its references, generated with the same noise each way.

        Args:
            scenes: How many.
        """
        for seed, scene in enumerate(self.mode.held_out(scenes)):
            example = self.mode.compose(scene, self.media.canvas)
            given = self.media.kept(example.given)
            kept = given if example.original is None else self.media.kept(example.clip)
            for signal in example.references or (None,):
                ways = {
                    "clips": kept,
                    "lora": self._sample(example, signal, seed, strength=1.0),
                    "base": self._sample(example, signal, seed, strength=0.0),
                }
                yield Result(
                    example=example,
                    signal=signal,
                    kept=kept,
                    with_lora=ways["lora"],
                    without=ways["base"],
                    scores={name: self.mode.measure(example, footage, given) for name, footage in ways.items()},
                )

    @torch.no_grad()
    def _sample(self, example: Example, signal: str | None, seed: int, *, strength: float) -> Footage:
        given = self.media.given(self.mode, example, signal)
        generator = replace(self.generator, given=lambda media, bucket: given)  # noqa: ARG005 - encoded beforehand
        sample = generator.sample(
            SampleRequest(
                prompt=final_caption(example.caption, self.recipe.trigger),
                negative_prompt=NEGATIVE_PROMPT,
                bucket=self.recipe.bucket,
                fps=self.recipe.fps,
                seed=seed,
                preset=self.recipe.preset,
                steps=self.recipe.steps,
                strength=strength,
            )
        )
        return Footage(frames=sample.frames, waveform=sample.waveform)


def summary(results: Sequence[Result]) -> dict[str, dict[str, Scores]]:
    """Mean scores by signal ("" where there is none) and by way: `clips`, `lora`, `base`."""
    table: dict[str, dict[str, Scores]] = {}
    for signal in dict.fromkeys(result.signal for result in results):
        alike = [result.scores for result in results if result.signal == signal]
        table[signal or ""] = {
            way: {key: mean(scores[way][key] for scores in alike) for key in alike[0][way]} for way in alike[0]
        }
    return table


def is_taught(mode: Mode, table: dict[str, dict[str, Scores]]) -> bool:
    """Whether the LoRA reaches every goal of the mode, with every signal."""
    return all(ways["lora"][key] >= goal for ways in table.values() for key, goal in mode.goals.items())


def main(
    mode: ModeName,
    lora: Path,
    scenes: int = 12,
    directory: Path = Path("assets/pico"),
    sheet: Path | None = None,
    device: str = "cpu",
) -> None:
    """Measure how well a LoRA has taught pico a mode of conditioning.

    Args:
        mode: Which, by the name of its recipe.
        lora: The LoRA file.
        scenes: How many held-out scenes.
        directory: Where pico is.
        sheet: File for a picture of some of them: what is given, and the results with and without the LoRA.
        device: Where to compute.
    """
    results = []
    for result in Laboratory.open(mode, lora, directory, torch.device(device)).results(scenes):
        results.append(result)
        logger.info("%s%s: %s", result.example.caption, f" ({result.signal})" if result.signal else "", _text(result))
    table = summary(results)
    for signal, ways in table.items():
        for way, scores in ways.items():
            logger.info("%s %s %s: %s", mode, signal, way, _numbers(scores))
    logger.info("%s: %s", mode, "taught" if is_taught(MODES[mode], table) else "not taught")
    if sheet is not None:
        rows = [_row(MODES[mode], result) for result in _spread(results)]
        save_sheet(contact_sheet(rows), sheet)
        logger.info("wrote %s", sheet)


def _spread(results: Sequence[Result]) -> Sequence[Result]:
    """As many results as a sheet shows, of every signal."""
    signals = len({result.signal for result in results})
    # a scene's results follow one another: the first scene with its first signal, the second with its second, ...
    chosen = [scene * signals + scene % signals for scene in range(len(results) // signals)]
    return [results[number] for number in chosen[:_ROWS]]


def _row(mode: Mode, result: Result) -> Row:
    example = result.example
    given = mode.show(example) if result.signal is None else example.references[result.signal]
    return Row(
        caption=example.caption, blocks={"given": given, "with the LoRA": result.with_lora, "without": result.without}
    )


def _text(result: Result) -> str:
    return "; ".join(f"{way} {_numbers(result.scores[way])}" for way in ("lora", "base"))


def _numbers(scores: Scores) -> str:
    return ", ".join(f"{key} {value:.{1 if key.endswith('_db') else 2}f}" for key, value in scores.items())


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logger.setLevel(logging.INFO)
    auto_cli(main, as_positional=True)
