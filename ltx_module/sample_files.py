"""A sample on disk: the video with its sound, and a json that says what made it."""

from collections.abc import Mapping
from pathlib import Path

from datamodules.atomic import write_json
from datamodules.write import write_video
from ltx_module.sample_config import VideoSample


def write_sample(directory: Path, sample: VideoSample, extra: Mapping[str, object]) -> Path:
    """Write `<name>.mp4` and `<name>.json`, each whole or not at all.

    Args:
        directory: Where to; made if missing.
        sample: What was generated.
        extra: Facts of the occasion, such as the step, added to the sample's record.

    Returns:
        The video's path.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{sample.request.name}.mp4"
    write_video(path, sample.frames, sample.request.fps, sample.waveform)
    record = {**sample.record, **extra}
    write_json(path.with_suffix(".json"), record)
    return path
