"""A sample on disk: the video with its sound, or a sound alone, and a json that says what made it."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.atomic import write_json
from datamodules.media.write import write_video
from datamodules.media.write_wave import write_wave
from ltx_module.sample_config import SampleRequest, VideoSample
from ltx_module.sample_output import SAMPLE_RATE
from ltx_module.strategies import share_of
from ltx_module.verbs import Work

if TYPE_CHECKING:
    from ltx_module.module import LTXModule

logger = logging.getLogger(__name__)


def write_sample(directory: Path, sample: VideoSample, extra: Mapping[str, object]) -> Path:
    """Write `<name>.mp4`, or `<name>.wav` of sound alone, and `<name>.json`, each whole or not at all.

    Args:
        directory: Where to; made if missing.
        sample: What was generated.
        extra: Facts of the occasion, such as the step, added to the sample's record.

    Returns:
        The path of the video or sound.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{sample.request.name}.mp4"
    if sample.frames is not None:
        write_video(path, sample.frames, sample.request.fps, sample.waveform)
    else:
        assert sample.waveform is not None
        path = path.with_suffix(".wav")
        write_wave(path, sample.waveform, SAMPLE_RATE)
    record = {**sample.record, **extra}
    write_json(path.with_suffix(".json"), record)
    return path


def sample_works(model: "LTXModule", directory: Path) -> list[Work]:
    """A piece of work for each of the recipe's samples, which writes it; without the LoRA too where that is asked for.

    Args:
        model: With the adapters to sample with.
        directory: Where to.

    Raises:
        ValueError: If the recipe has no prompt.
    """
    facts = {"lora": [{"file": str(adapter.path), "strength": adapter.strength} for adapter in model.adapters]}

    def work(request: SampleRequest) -> Work:
        def write(placed: "LTXModule") -> None:
            sample = placed.sample(request)
            if share_of(placed.trainer).writes:
                logger.info("wrote %s", write_sample(directory, sample, facts))

        return write

    requests = model.sample_requests()
    if not requests:
        raise ValueError("`sample.prompts` is empty, so there is nothing to generate: add a prompt.")
    if model.sample_config.without_lora and model.adapters:
        requests += [replace(request, strength=0.0, name=f"{request.name}-without-lora") for request in requests]
    return [work(request) for request in requests]
