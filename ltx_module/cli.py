"""Command line: one recipe, seven verbs.

    python -m ltx_module {check,preprocess,fit,validate,sample,evaluate,export} --config RECIPE [--config OVERLAY]

Built on LightningCLI's public seams: `subcommands()`, `add_arguments_to_parser`, `before_instantiate_classes`.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import set_parsing_settings
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from typing_extensions import override

from datamodules.latents import LatentDataModule
from ltx_module.adapters.conditioning_metadata import conditioning_metadata
from ltx_module.command_line import parser_words, require_recipe
from ltx_module.console import quiet_foreign_output
from ltx_module.evaluation.config import EvaluationConfig
from ltx_module.failures import explain
from ltx_module.module import LTXModule
from ltx_module.recipe import SaveRecipe, recipe_hash, recipe_name, recipe_text, run_path
from ltx_module.sample_config import SampleConfig
from ltx_module.trainer import RecipeTrainer

# Trainer method -> its parameters that the command line supplies itself.
_SUPPLIED = {"model", "datamodule"}
VERBS: dict[str, set[str]] = {
    "check": _SUPPLIED,
    "preprocess": _SUPPLIED,
    "fit": _SUPPLIED | {"train_dataloaders", "val_dataloaders"},
    "validate": _SUPPLIED | {"dataloaders"},
    "sample": _SUPPLIED,
    "evaluate": _SUPPLIED,
    "export": _SUPPLIED,
}


class RecipeCLI(LightningCLI):
    """`LightningCLI` with the verbs, links and run directory of this repository.

    Args:
        verbs: The verbs to build a parser for, which takes half a second each.
        **kwargs: Arguments of `LightningCLI`.
    """

    def __init__(self, verbs: Sequence[str], **kwargs: Any) -> None:
        self.verbs = {name: VERBS[name] for name in verbs}
        try:
            super().__init__(**kwargs)
        finally:
            self._release_run()

    def _release_run(self) -> None:
        """Give the run's name back where nothing was written under it."""
        run = Path(os.environ.get("LTX_RUN") or ".")
        if run.is_dir() and run != Path() and not any(run.iterdir()):
            run.rmdir()

    @override
    def subcommands(self) -> dict[str, set[str]]:
        return self.verbs

    @override
    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--run", type=str | None, default=None, help="Name of the run below runs/; default: <recipe>-<n>, n free."
        )
        parser.add_class_arguments(SampleConfig, "sample", sub_configs=True)
        parser.add_class_arguments(EvaluationConfig, "evaluate", sub_configs=True)
        parser.link_arguments("model.base_model", "data.base_model")
        parser.link_arguments("model.text_encoder", "data.text_encoder")
        parser.link_arguments("model.streams", "data.with_audio", compute_fn=_has_audio)
        parser.link_arguments(("sample.prompts", "sample.negative_prompt"), "data.prompts", compute_fn=_prompts)
        parser.link_arguments("model.preservation", "data.class_word", compute_fn=_class_word)
        parser.link_arguments("seed_everything", "data.seed")
        parser.link_arguments("seed_everything", "model.seed")

    @override
    def before_instantiate_classes(self) -> None:
        """Name the run, so that trainer, loggers and callbacks share one directory."""
        config = self.config[self.subcommand]
        config.trainer.default_root_dir = str(run_path(config, self.subcommand))

    @override
    def after_instantiate_classes(self) -> None:
        """Hand each part what belongs to the whole recipe."""
        config = self.config[self.subcommand]
        text = recipe_text(self._parser(self.subcommand), config)
        self.datamodule.recipe_name = recipe_name(config)
        self.model.sample_config = self.config_init[self.subcommand].sample
        self.trainer.evaluation_config = self.config_init[self.subcommand].evaluate
        self.model.trigger, self.model.fps = config.data.trigger, config.data.fps
        self.model.contexts, self.model.given = self.datamodule.context, self.datamodule.given
        self.datamodule.needs = self.model.needs
        samples = self.model.sample_config
        self.datamodule.sample_media = tuple((one, samples.bucket) for one in samples.media_prompts)
        self.model.lora_metadata = {
            "base_model": Path(config.model.base_model).stem,
            "trigger": config.data.trigger,
            "recipe": self.datamodule.recipe_name,
            "recipe_hash": recipe_hash(text),
            **conditioning_metadata(
                self.model.conditions,
                downscale_factor=config.data.reference_downscale_factor,
                temporal_factor=config.data.reference_temporal_factor,
            ),
        }


def main(args: Sequence[str] | None = None) -> None:
    """Run `python -m ltx_module`.

    Args:
        args: Command line in place of `sys.argv`, for tests.

    Raises:
        SystemExit: With code 2 for what the user can mend, 130 or 143 after a signal.
    """
    quiet_foreign_output()
    words = parser_words(sys.argv[1:] if args is None else args)
    verbs = [word for word in words[:1] if word in VERBS] or list(VERBS)
    with explain(verbs[0] if len(verbs) == 1 else "VERB"):
        require_recipe(words, VERBS)
        run_command(words, verbs)


def run_command(
    words: Sequence[str],
    verbs: Sequence[str],
    *,
    cli: type[RecipeCLI] = RecipeCLI,
    model: type[LTXModule] = LTXModule,
    data: type[LatentDataModule] = LatentDataModule,
) -> RecipeCLI:
    """Parse a command and do it.

    Args:
        words: The command line, as `parser_words` gives it.
        verbs: The verbs to build a parser for.
        cli: The command line's class; this and the next two let benchmarks run the same command on random weights.
        model: The module's class.
        data: The data module's class.
    """
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    usage = "python -m ltx_module {} --config RECIPE [--config OVERLAY] [--key value ...]"
    return cli(
        verbs,
        model_class=model,
        datamodule_class=data,
        trainer_class=RecipeTrainer,
        save_config_callback=SaveRecipe,
        seed_everything_default=0,
        auto_configure_optimizers=False,
        load_from_checkpoint_support=False,
        trainer_defaults={"use_distributed_sampler": False},  # the bucket sampler shards by rank
        parser_kwargs={
            "prog": "python -m ltx_module",
            "description": "LoRA fine-tuning of LTX-2.3, one recipe at a time.",
            "exit_on_error": False,
            **{verb: {"usage": usage.format(verb), "exit_on_error": False} for verb in verbs},
        },
        args=words,
    )


def _has_audio(streams: str) -> bool:
    """Whether a recipe trains on sound."""
    return streams != "video"


def _class_word(preservation: Any) -> str | None:
    """What class captions hold in place of the trigger; None where none are drawn."""
    options = {} if preservation is None else preservation.init_args
    return options["class_word"] if options.get("class_probability") else None


def _prompts(prompts: tuple[Any, ...], negative_prompt: str) -> list[str]:
    """Every text that sampling needs beside the captions."""
    texts = (one if isinstance(one, str) else one.get("init_args", one)["prompt"] for one in prompts)
    return [*texts, negative_prompt]
