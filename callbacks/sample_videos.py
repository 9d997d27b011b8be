"""Sample the recipe's prompts while training: before the first step, at checkpoints and at the end."""

import logging
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, Trainer
from typing_extensions import override

from callbacks.period import is_due
from callbacks.stop_on_signal import is_stopping
from callbacks.write_status import report_state
from ltx_module.background import Background
from ltx_module.module import LTXModule
from ltx_module.preview_plan import PreviewPlan, plan_previews, run_cost
from ltx_module.run_directory import RunDirectory
from ltx_module.sample_config import SampleRequest, VideoSample, with_preset
from ltx_module.sample_files import write_sample
from ltx_module.sample_room import room
from ltx_module.sample_summary import summarise
from ltx_module.strategies import Share, share_of

logger = logging.getLogger(__name__)


class SampleVideos(Callback):
    """Writes `samples/step_<number>/*.mp4` with sound, a json beside each, and previews for TensorBoard.

    Prompts, size, preset and seed come from the recipe's `sample:` block, so a prompt starts from the same noise at
    every step. Which prompts are sampled at which checkpoints, and in which way, follows from `sample.max_share`; the
    log says it before the first step. Ranks share the prompts; TensorBoard shows those of the first. Draws here never
    touch the random numbers of training. Files are written while training goes on.

    Args:
        every_n_steps: Optimizer steps between checkpoints that may be sampled.
        at_start: Whether to sample before the first step, as the baseline to compare with.
    """

    def __init__(self, every_n_steps: PositiveInt = 250, at_start: bool = True) -> None:
        self.every_n_steps = every_n_steps
        self.at_start = at_start
        self._plan: PreviewPlan | None = None
        self._files = Background("samples")
        self._seconds, self._began = 0.0, 0.0

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LTXModule) -> None:
        prompts = len(pl_module.sample_config.prompts)
        self._seconds, self._began = 0.0, time.monotonic()
        if not prompts:
            return
        self._plan = plan_previews(
            pl_module.sample_config, run_cost(trainer, pl_module, self.every_n_steps, self.at_start)
        )
        if trainer.is_global_zero:
            logger.info(self._plan.text(prompts))
        if trainer.global_step == 0:
            self._sample(trainer, pl_module, self._plan.requests(0, pl_module.sample_requests()))

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LTXModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._plan is None or trainer.should_stop or not is_due(trainer, batch_idx, self.every_n_steps):
            return
        self._sample(trainer, pl_module, self._plan.requests(trainer.global_step, pl_module.sample_requests()))

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LTXModule) -> None:
        self._files.finish()
        training = time.monotonic() - self._began - self._seconds
        if self._plan is not None and trainer.is_global_zero:
            logger.info("samples took %.0f s beside %.0f s of training", self._seconds, training)

    @override
    def on_exception(self, trainer: Trainer, pl_module: LTXModule, exception: BaseException) -> None:
        if (error := self._files.wait()) is not None and error is not exception:
            logger.warning("a sample was not written: %s", error)

    def sample(self, trainer: Trainer, pl_module: LTXModule) -> None:
        """Sample all prompts at the present step, in the way of the previews."""
        if self._plan is not None:
            requests = [with_preset(request, self._plan.manual) for request in pl_module.sample_requests()]
            self._sample(trainer, pl_module, requests)

    def _sample(self, trainer: Trainer, pl_module: LTXModule, requests: list[SampleRequest]) -> None:
        """Make this rank's share of some samples."""
        if not requests:
            return
        begin, share, failed = time.monotonic(), share_of(trainer), set[str]()
        report_state(trainer, "sampling")
        self._files.finish()
        with room(trainer, pl_module, requests):
            for request in share.of(requests):
                if share.any(is_stopping(trainer)):
                    logger.info("sampling left off: the run is stopping")
                    break
                sample = None if request.preset in failed else _sampled(pl_module, request, share)
                if sample is None:
                    failed.add(request.preset)
                elif share.writes:
                    self._files.do(partial(_write, trainer, sample, trainer.global_step))
        self._seconds += time.monotonic() - begin
        report_state(trainer, "training")


def _sampled(pl_module: LTXModule, request: SampleRequest, share: Share) -> VideoSample | None:
    """A sample, or None where there is too little memory for it: training goes on without."""
    try:
        return pl_module.sample(request)
    except torch.OutOfMemoryError as error:
        if share.mesh is not None:  # the other ranks wait in the middle of this forward
            raise
        smaller = ", or remove `sample.distilled_lora`, which takes 7 GiB" if request.preset == "fast" else ""
        logger.warning(
            "no sample of %s in %s at this step, training goes on: it does not fit beside the model. Make `sample.size`"
            " smaller%s (%s)",
            request.preset,
            request.bucket,
            smaller,
            str(error).partition(". ")[0],
        )
    torch.cuda.empty_cache()
    return None


def _write(trainer: Trainer, sample: VideoSample, step: int) -> None:
    """Write a sample's files, and show it in TensorBoard."""
    run = RunDirectory(Path(trainer.default_root_dir))
    saved = [{"file": str(run.lora(step)), "strength": 1.0}] if run.lora(step).is_file() else []
    write_sample(run.samples(step), sample, {"step": step, "lora": saved})
    if trainer.is_global_zero:
        summarise(trainer.loggers, sample, step)
