"""A sample as TensorBoard shows it: an animated picture and the sound."""

from collections.abc import Sequence

import torch
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from torch import Tensor
from torch.nn import functional

from datamodules.media.write import encode_gif
from ltx_module.sample_config import VideoSample
from ltx_module.sample_output import SAMPLE_RATE

_ANIMATION_PIXELS = 320


def summarise(loggers: Sequence[Logger], sample: VideoSample, step: int) -> None:
    """Give TensorBoard an animated picture and the sound as a mono mix.

    Args:
        loggers: The run's; those that are not TensorBoard's are left alone.
        sample: What was generated.
        step: Optimizer steps done.
    """
    for run_logger in loggers:
        if isinstance(run_logger, TensorBoardLogger):
            tag = f"sample/{sample.request.name}"
            if sample.frames is not None:
                _add_animation(run_logger, tag, sample.frames, sample.request.fps, step)
            if sample.waveform is not None:
                mono = sample.waveform.mean(0, keepdim=True)
                run_logger.experiment.add_audio(tag, mono, step, sample_rate=SAMPLE_RATE)


def _add_animation(run_logger: TensorBoardLogger, tag: str, frames: Tensor, fps: float, step: int) -> None:
    """Write frames, `(F, 3, H, W)`, as an animated GIF: TensorBoard's own video writer needs moviepy 1."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    small = _shrink(frames)
    height, width = small.shape[2:]
    encoded = encode_gif(small, fps)
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded)
    run_logger.experiment.file_writer.add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), step)


def _shrink(frames: Tensor) -> Tensor:
    """Frames whose longer side is at most 320 pixels: a GIF of 960x544 takes tens of megabytes."""
    scale = _ANIMATION_PIXELS / max(frames.shape[2:])
    if scale >= 1:
        return frames
    small = functional.interpolate(frames.float(), scale_factor=scale, mode="area")
    return small.round().to(torch.uint8)
