"""A `Trainer` with the verbs that come before and after training.

Every verb takes the same recipe. Those that use a LoRA take `--lora FILE[:STRENGTH]`, repeatable; without it they use
the newest file of the run, and `--lora none` is the base model.
"""

import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, Timer
from lightning.pytorch.loggers import Logger
from typing_extensions import override

from callbacks import RunProgress, SaveLoRA, SaveResumeState, StopOnNaN, StopOnSignal, WatchControl, WriteStatus
from datamodules.latents import LatentDataModule
from ltx_module.adapter_files import AdapterFile, choose_adapters
from ltx_module.export import LoRAExport
from ltx_module.failures import way_out
from ltx_module.metrics_log import run_loggers
from ltx_module.module import DTYPES, LTXModule
from ltx_module.run_directory import RunDirectory, step_of
from ltx_module.sample_config import SampleRequest
from ltx_module.sample_files import write_sample
from ltx_module.verbs import Work, WorkList

logger = logging.getLogger(__name__)


class RecipeTrainer(Trainer):
    """Lightning's `Trainer` for recipes: steps instead of epochs, one run directory, every verb on one recipe.

    Args:
        max_steps: Optimizer steps of the run.
        max_epochs: Refused: the batches are an endless stream, so a run is measured in steps.
        precision: Arithmetic of the forward pass; adapters and optimizer stay in fp32.
        gradient_clip_val: Largest norm of the gradient; null turns clipping off.
        log_every_n_steps: Optimizer steps between rows of the logs.
        val_check_interval: Optimizer steps between validations on the held-out clips, where there are any.
        callbacks: The recipe's callbacks; progress, status, signals, control files and the NaN guard are always there.
        logger: Loggers in place of the run directory's TensorBoard events and `metrics.csv`.
        default_root_dir: The run directory; null means the first free runs/<recipe>-<n>.
        enable_progress_bar: Whether to show progress.
        **kwargs: Further arguments of Lightning's `Trainer`.

    Raises:
        ValueError: If `max_epochs` is set.
    """

    def __init__(
        self,
        *,
        max_steps: PositiveInt = 2000,
        max_epochs: int | None = None,
        precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed",
        gradient_clip_val: float | None = 1.0,
        log_every_n_steps: PositiveInt = 10,
        val_check_interval: PositiveInt = 250,
        callbacks: list[Callback] | None = None,
        logger: Logger | list[Logger] | None = None,
        default_root_dir: Path | None = None,
        enable_progress_bar: bool = True,
        **kwargs: Any,
    ) -> None:
        if max_epochs is not None:
            raise ValueError(
                f"`trainer.max_epochs` is {max_epochs}, but a run is measured in steps: set `trainer.max_steps`"
                " (one pass over the data takes clips / batch size steps)."
            )
        self.run_directory = RunDirectory(Path(default_root_dir or "runs/recipe-1"))
        self.signals, self.status = StopOnSignal(), WriteStatus()
        callbacks = [self.signals, WatchControl(), StopOnNaN(), *(callbacks or []), self.status]
        if enable_progress_bar:
            callbacks.append(RunProgress(self.status))
        super().__init__(
            max_steps=max_steps,
            max_epochs=-1,
            precision=precision,
            gradient_clip_val=gradient_clip_val,
            log_every_n_steps=log_every_n_steps,
            val_check_interval=val_check_interval * kwargs.get("accumulate_grad_batches", 1),  # it counts micro-batches
            check_val_every_n_epoch=None,
            num_sanity_val_steps=0,
            callbacks=callbacks,
            logger=logger or False,
            default_root_dir=self.run_directory.path,
            enable_progress_bar=enable_progress_bar,
            enable_model_summary=False,
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
            inference_mode=False,  # tensors made under it could not enter the RoPE cache
            **kwargs,
        )
        self.callbacks.sort(key=lambda callback: not isinstance(callback, Timer))  # the savers see a timed stop
        self.resume_state: Path | None = None
        """What `fit` resumes from."""

    def check(self, model: LTXModule, datamodule: LatentDataModule, json: Path | None = None) -> None:
        """Report what the recipe would do: clips, cache, parameters, memory, time; loads no weights.

        Args:
            json: File for the same report as JSON.
        """
        from ltx_module.report import check_recipe

        report = check_recipe(self, model, datamodule)
        sys.stdout.write(report.text() + "\n")
        if json is not None:
            report.write(json)

    def preprocess(
        self, model: LTXModule, datamodule: LatentDataModule, decode: bool = False, prune: bool = False
    ) -> None:
        """Encode the recipe's clips and captions into the latent cache.

        Args:
            decode: Decode the cached latents back to mp4 for a look.
            prune: Delete cache entries that no recipe of this dataset uses.
        """
        model.require_files()
        super().predict(_NoModel(), datamodule=datamodule, return_predictions=False)
        if decode and self.is_global_zero:
            logger.info("decoded latents are in %s", datamodule.decode(self.run_directory.path / "decoded"))
        if prune and self.is_global_zero:
            logger.info("%s", datamodule.prune())

    @override
    def fit(  # type: ignore[override]
        self,
        model: LTXModule,
        train_dataloaders: Any = None,
        val_dataloaders: Any = None,
        datamodule: LatentDataModule | None = None,
        ckpt_path: str | None = None,
    ) -> None:
        """Train: check the data, encode what is missing, fit the adapters, save and sample on the way.

        Args:
            ckpt_path: Resume state to continue from; `last` means the run's newest.

        Raises:
            SystemExit: 130 after Ctrl-C, 143 after SIGTERM, once the step is finished and saved.
        """
        state = self.resume_state = self._resume_state(ckpt_path)
        step = None if state is None else step_of(state)
        if self.logger is None:
            self.loggers = run_loggers(self.run_directory.path, step)
        self.signals.install()
        try:
            model.require_files()
            self.status.report(self, "checking")
            super().fit(model, train_dataloaders, val_dataloaders, datamodule, ckpt_path=state, weights_only=True)
        except Exception as error:
            self.status.report(self, "failed", error=(str(error), way_out(error)))
            raise
        finally:
            self.signals.restore()
        self._close_run()

    @override
    def validate(  # type: ignore[override]
        self,
        model: LTXModule,
        dataloaders: Any = None,
        datamodule: LatentDataModule | None = None,
        lora: list[str] | None = None,
    ) -> dict[str, float]:
        """Loss on the held-out clips with fixed noise, or on the training clips where none are held out.

        Args:
            lora: LoRA file with an optional strength, `FILE[:STRENGTH]`; repeatable. Default: the run's newest.
        """
        model.require_files()
        model.adapters = choose_adapters(lora, self.run_directory)
        metrics = super().validate(model, dataloaders, datamodule=datamodule, verbose=False)[0]
        for name, value in metrics.items():
            sys.stdout.write(f"{name:40s} {value:.6f}\n")
        return dict(metrics)

    def generate(
        self,
        model: LTXModule,
        datamodule: LatentDataModule,
        lora: list[str] | None = None,
        out: Path | None = None,
    ) -> None:
        """Generate the recipe's prompts with a trained LoRA.

        Args:
            lora: LoRA file with an optional strength, `FILE[:STRENGTH]`; repeatable. Default: the run's newest.
            out: Directory for the videos; default: samples/ of the run.
        """
        model.require_files()
        model.adapters = choose_adapters(lora, self.run_directory)
        directory = out or self.run_directory.path / "samples" / _label(model.adapters)
        facts = {"lora": [str(adapter.path) for adapter in model.adapters]}

        def work(request: SampleRequest) -> Work:
            return lambda placed: logger.info("wrote %s", write_sample(directory, placed.sample(request), facts))

        requests = model.sample_requests()
        if not requests:
            raise ValueError("`sample.prompts` is empty, so there is nothing to generate: add a prompt.")
        if model.sample_config.without_lora and model.adapters:
            requests += [replace(request, strength=0.0, name=f"{request.name}-without-lora") for request in requests]
        self._do(model, datamodule, [work(request) for request in requests])

    # The verb. jsonargparse names a verb's option group after its function, and the recipe has a group `sample`.
    sample = generate

    def export(
        self,
        model: LTXModule,
        datamodule: LatentDataModule,
        lora: list[str] | None = None,
        out: Path | None = None,
        dtype: Literal["bf16", "fp32"] = "bf16",
    ) -> None:
        """Write the ComfyUI package: LoRA file, two workflows, notes; then load it back and compare.

        Args:
            lora: LoRA file to export; default: the run's newest.
            out: Directory; default: export/ of the run.
            dtype: Number format of the exported weights.
        """
        model.require_files()
        model.adapters = choose_adapters(lora, self.run_directory)
        if len(model.adapters) != 1:
            raise ValueError(f"`export` takes one LoRA, but {len(model.adapters)} were given: give one --lora FILE.")
        path = model.adapters[0].path
        run = self.run_directory.name
        export = LoRAExport(
            lora=path,
            directory=out or self.run_directory.path / "export",
            name=f"{run}-{step_of(path):06d}" if path.name.startswith("step_") else path.stem,
            recipe_hash=model.lora_metadata.get("recipe_hash", ""),
            dtype=DTYPES[dtype],
        )
        self._do(model, datamodule, [lambda placed: export.run(placed, placed.attached[0])])

    def run_size(self, trainable: int) -> tuple[int, int]:
        """Bytes that a whole run writes, and bytes free where it writes them.

        Args:
            trainable: Trainable parameters.
        """
        size = 0
        for callback in self.callbacks:
            if isinstance(callback, SaveLoRA):
                files = -(-self.max_steps // callback.every_n_steps)
                size += 2 * trainable * min(files, callback.keep_last or files)
            elif isinstance(callback, SaveResumeState):
                size += 12 * trainable * (callback.keep_last + 1)  # weights, two moments; the next one beside the kept
        directory = self.run_directory.path.absolute()
        existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
        return size, shutil.disk_usage(existing).free

    def _do(self, model: LTXModule, datamodule: LatentDataModule, work: list[Work]) -> None:
        """Place the model and let the ranks share the work."""
        super().predict(model, datamodule=WorkList(datamodule, work), return_predictions=False)

    def _resume_state(self, ckpt_path: str | None) -> Path | None:
        """The resume state that `ckpt_path` names.

        Raises:
            FileNotFoundError: If there is no such file.
        """
        if ckpt_path is None:
            return None
        if ckpt_path != "last":
            path = Path(ckpt_path)
            if not path.is_file():
                raise FileNotFoundError(f"`--ckpt_path` is {path}, which is not a file: give a .ckpt, or `last`.")
            return path
        states = self.run_directory.states()
        if not states:
            logger.info("%s has no resume state yet: starting at step 0", self.run_directory.path)
            return None
        logger.info("resuming from %s", states[-1])
        return states[-1]

    def _close_run(self) -> None:
        """Say how the run ended and how to go on; leave with the signal's code after a signal.

        Raises:
            SystemExit: 128 + the signal's number.
        """
        finished = self.global_step >= self.max_steps
        self.status.report(self, "finished" if finished else "stopped")
        if not finished and self.is_global_zero:
            recipe = self.run_directory.recipe
            logger.info("stopped at step %d; go on with:", self.global_step)
            logger.info("  python -m ltx_module fit --config %s --ckpt_path last", recipe)
        if self.signals.received is not None:
            raise SystemExit(128 + self.signals.received)


def _label(adapters: Sequence[AdapterFile]) -> str:
    """Directory name for samples of these LoRA files."""
    return "+".join(f"{adapter.path.stem}@{adapter.strength:g}" for adapter in adapters) or "base"


class _NoModel(LightningModule):
    """Lets the trainer's launcher run the data module's set-up on every rank without building the transformer."""

    @override
    def predict_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        return torch.zeros(())
