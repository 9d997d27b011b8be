"""A `Trainer` with the verbs that come before and after training.

Every verb takes the same recipe. Those that use a LoRA take `--lora FILE[:STRENGTH]`, repeatable; without it they use
the newest file of the run, and `--lora none` is the base model.
"""

import logging
import sys
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint, Timer
from lightning.pytorch.loggers import Logger
from typing_extensions import override

from callbacks import MemoryGuard, RunProgress, StopOnNaN, StopOnSignal, WatchControl, WriteStatus
from datamodules.atomic import read_json, write_json
from datamodules.latents import LatentDataModule
from ltx_module.adapter_files import choose_adapters, label_of, require_loras
from ltx_module.condition_needs import require_pictures
from ltx_module.evaluation.candidates import choose_candidates
from ltx_module.evaluation.config import EvaluationConfig
from ltx_module.export import LoRAExport
from ltx_module.failures import way_out
from ltx_module.metrics_log import run_loggers
from ltx_module.module import DTYPES, LTXModule
from ltx_module.out_of_memory import answering
from ltx_module.requirements import require_samples, require_trainable
from ltx_module.resume import find_state, say_how_to_go_on
from ltx_module.run_directory import RunDirectory, step_of
from ltx_module.run_plan import say_what_contradicts, say_what_is_lacking, say_what_is_unused
from ltx_module.sample_files import sample_works
from ltx_module.strategies import require_fit
from ltx_module.verbs import NoModel, Work, WorkList

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
        self.guard = MemoryGuard()
        callbacks = [self.guard, self.signals, WatchControl(), StopOnNaN(), *(callbacks or []), self.status]
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
        self.evaluation_config = EvaluationConfig()
        """The recipe's `evaluate:` block."""

    @override
    def _run_stage(self) -> Any:
        """Let all ranks end together: whoever started them takes the end of the first one for that of all."""
        results = super()._run_stage()
        self.strategy.barrier("done")
        return results

    def check(
        self, model: LTXModule, datamodule: LatentDataModule, json: Path | None = None, doctor: bool = True
    ) -> None:
        """Report what the recipe would do: clips, cache, parameters, memory, time; loads no weights.

        Args:
            json: File for the same report as JSON.
            doctor: Examine the clips, too, as `python -m datamodules doctor` does; what is read once is remembered.
        """
        from ltx_module.report import check_recipe

        model.require_files()
        require_trainable(model)
        report = check_recipe(self, model, datamodule, with_doctor=doctor)
        say_what_is_unused(self, datamodule.sets)
        sys.stdout.write(report.text() + "\n")
        if json is not None:
            report.write(json)
        report.data.raise_if_unusable()
        cache = report.data.cache
        shared = cache.needed_bytes if cache.free_bytes == report.run_free_bytes else 0  # on the same disk
        self.run_directory.require_room(report.run_bytes + shared, report.run_free_bytes)

    def preprocess(
        self, model: LTXModule, datamodule: LatentDataModule, decode: bool = False, prune: bool = False
    ) -> None:
        """Encode the recipe's clips and captions into the latent cache.

        Args:
            decode: Decode the cached latents back to mp4 for a look.
            prune: Delete cache entries that no recipe of this dataset uses.
        """
        model.require_files()
        with self.signals.installed(), answering(self, model, datamodule, "encoding the dataset"):
            super().predict(NoModel(), datamodule=datamodule, return_predictions=False)
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
        state = self.resume_state = find_state(self.run_directory, ckpt_path)
        step = None if state is None else step_of(state)
        if self.logger is None:
            self.loggers = run_loggers(self.run_directory.path, step)
        before = read_json(self.run_directory.status)
        with self.signals.installed():
            try:
                self.status.report(self, "checking")
                if datamodule is not None:
                    datamodule.on_encoding = lambda: self.status.report(self, "encoding")
                model.require_files()
                require_trainable(model)
                require_fit(self, model.swap_blocks)
                say_what_is_lacking(self, step)
                sets = [] if datamodule is None else datamodule.sets
                say_what_contradicts(self, model.preservation, sets)
                say_what_is_unused(self, sets)
                with answering(self, model, datamodule):
                    super().fit(
                        model, train_dataloaders, val_dataloaders, datamodule, ckpt_path=state, weights_only=True
                    )
            except Exception as error:
                if state is not None and self.signals.is_waiting and self.is_global_zero:
                    write_json(self.run_directory.status, before)  # a refused resume leaves the run as it was
                else:
                    self.status.report(self, "failed", error=(str(error), way_out(error)))
                raise
            except SystemExit:  # a signal before the first step or after the last
                self._close_run()
                raise
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
        self._use_loras(model, lora)
        with self.signals.installed(), answering(self, model, datamodule, "validation"):
            metrics = super().validate(model, dataloaders, datamodule=datamodule, verbose=False)[0]
        if self.is_global_zero:
            sys.stdout.writelines(f"{name:40s} {value:.6f}\n" for name, value in metrics.items())
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
        self._use_loras(model, lora)
        require_samples(model)
        directory = out or self.run_directory.path / "samples" / label_of(model.adapters, self.run_directory)
        self._do(model, datamodule, sample_works(model, directory))

    # The verb. jsonargparse names a verb's option group after its function, and the recipe has a group `sample`.
    sample = generate

    def assess(
        self,
        model: LTXModule,
        datamodule: LatentDataModule,
        lora: list[str] | None = None,
        out: Path | None = None,
    ) -> None:
        """Say whether a LoRA is any good: samples with and without it, scores, the best checkpoint and strength.

        Args:
            lora: LoRA file with an optional strength, `FILE[:STRENGTH]`; repeatable, and each is judged by itself.
                Default: at most `evaluate.checkpoints` of the run's, evenly spread, the last among them.
            out: Directory for evaluation.json, evaluation.html and samples/; default: evaluation/ of the run.
        """
        from ltx_module.evaluation.verb import EvaluationOrder

        require_pictures(model.objective.conditions, model.streams)
        model.require_files()
        require_samples(model)
        candidates = choose_candidates(lora, self.run_directory, self.evaluation_config.checkpoints)
        require_loras([candidate.file for candidate in candidates], model.lora_metadata)
        order = EvaluationOrder(
            candidates=candidates,
            directory=out or self.run_directory.path / "evaluation",
            run=self.run_directory.path,
            config=self.evaluation_config,
            max_steps=self.max_steps,
        )
        with self.signals.installed(), answering(self, model, datamodule, "evaluation"):
            super().predict(model, datamodule=order.data(model, datamodule), return_predictions=False)

    evaluate = assess  # named as `sample` is

    def export(
        self,
        model: LTXModule,
        datamodule: LatentDataModule,
        lora: list[str] | None = None,
        out: Path | None = None,
        dtype: Literal["bf16", "fp32"] = "bf16",
    ) -> None:
        """Write the ComfyUI package: LoRA file, workflows, notes; then load it back and compare.

        Args:
            lora: LoRA file to export; default: the run's newest.
            out: Directory; default: export/ of the run.
            dtype: Number format of the exported weights.
        """
        self._use_loras(model, lora)
        export = LoRAExport.of(model, self.run_directory, out, DTYPES[dtype])
        self._do(model, datamodule, [lambda placed: export.run(placed, placed.attached[0])])

    def _use_loras(self, model: LTXModule, lora: list[str] | None) -> None:
        """Look at all files that a verb needs before it begins."""
        model.require_files()
        model.adapters = require_loras(choose_adapters(lora, self.run_directory), model.lora_metadata)

    def _do(self, model: LTXModule, datamodule: LatentDataModule, work: list[Work]) -> None:
        """Place the model and let the ranks share the work."""
        with self.signals.installed(), answering(self, model, datamodule, "sampling or loading"):
            super().predict(model, datamodule=WorkList(datamodule, work), return_predictions=False)

    def _close_run(self) -> None:
        """Say how the run ended and how to go on; leave with the signal's code after a signal.

        Raises:
            SystemExit: 128 + the signal's number.
        """
        finished = self.global_step >= self.max_steps
        self.status.report(self, "finished" if finished else "stopped")
        if not finished and self.is_global_zero:
            say_how_to_go_on(self.run_directory)
        if self.signals.received is not None:
            raise SystemExit(128 + self.signals.received)
