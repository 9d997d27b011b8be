"""Sample the recipe's prompts while training, before the first step and at every checkpoint."""

import logging
from pathlib import Path
from typing import Any

import torch
from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from callbacks.period import is_due
from callbacks.stop_on_signal import is_stopping
from callbacks.write_status import report_state
from datamodules.media.write import encode_gif
from ltx_module.module import LTXModule
from ltx_module.run_directory import RunDirectory
from ltx_module.sample_config import VideoSample
from ltx_module.sample_files import write_sample

logger = logging.getLogger(__name__)

_ANIMATION_PIXELS = 320


class SampleVideos(Callback):
    """Writes `samples/step_<number>/*.mp4` with sound, a json beside each, and previews for TensorBoard.

    Prompts, size, preset and seed come from the recipe's `sample:` block, so a prompt starts from the same noise at
    every step. Ranks share the prompts; TensorBoard shows those of the first. Draws here never touch the random
    numbers of training.

    Args:
        every_n_steps: Optimizer steps between samples.
        at_start: Whether to sample before the first step, as the baseline to compare with.
    """

    def __init__(self, every_n_steps: PositiveInt = 250, at_start: bool = True) -> None:
        self.every_n_steps = every_n_steps
        self.at_start = at_start

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        if self.at_start and trainer.global_step == 0:
            self.sample(trainer, pl_module)

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if is_due(trainer, batch_idx, self.every_n_steps) and not trainer.should_stop:
            self.sample(trainer, pl_module)

    def sample(self, trainer: Trainer, pl_module: LTXModule) -> None:
        """Sample all prompts at the present step."""
        requests = pl_module.sample_requests()
        if not requests:
            return
        report_state(trainer, "sampling")
        run, step = RunDirectory(Path(trainer.default_root_dir)), trainer.global_step
        saved = [{"file": str(run.lora(step)), "strength": 1.0}] if run.lora(step).is_file() else []
        for request in requests[trainer.global_rank :: trainer.world_size]:
            if is_stopping(trainer):
                logger.info("sampling left off: the run is stopping")
                break
            sample = pl_module.sample(request)
            write_sample(run.samples(step), sample, {"step": step, "lora": saved})
            if trainer.is_global_zero:
                self._log(trainer, sample)
        report_state(trainer, "training")

    @staticmethod
    def _log(trainer: Trainer, sample: VideoSample) -> None:
        """Give TensorBoard an animated picture and the sound as a mono mix."""
        for run_logger in trainer.loggers:
            if isinstance(run_logger, TensorBoardLogger):
                tag = f"sample/{sample.request.name}"
                if sample.frames is not None:
                    _add_animation(run_logger, tag, sample.frames, sample.request.fps, trainer.global_step)
                if sample.waveform is not None:
                    mono = sample.waveform.mean(0, keepdim=True)
                    run_logger.experiment.add_audio(tag, mono, trainer.global_step, sample_rate=48_000)


def _add_animation(run_logger: TensorBoardLogger, tag: str, frames_F3HW: Tensor, fps: float, step: int) -> None:
    """Write an animated GIF as an image summary; TensorBoard's own video writer needs moviepy 1."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    frames = _shrink(frames_F3HW)
    height, width = frames.shape[2:]
    encoded = encode_gif(frames, fps)
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded)
    run_logger.experiment.file_writer.add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), step)


def _shrink(frames_F3HW: Tensor) -> Tensor:
    """Frames whose longer side is at most 320 pixels: a GIF of 960x544 takes tens of megabytes."""
    scale = _ANIMATION_PIXELS / max(frames_F3HW.shape[2:])
    if scale >= 1:
        return frames_F3HW
    small = functional.interpolate(frames_F3HW.float(), scale_factor=scale, mode="area")
    return small.round().to(torch.uint8)
