"""The verb `evaluate`: from a recipe and LoRA files to a verdict."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.latents import LatentDataModule
from ltx_module.evaluation.assessment import Assessment
from ltx_module.evaluation.candidates import Candidate
from ltx_module.evaluation.config import EvaluationConfig
from ltx_module.evaluation.data import EvaluationData, trigger_of
from ltx_module.evaluation.lender import Lender
from ltx_module.evaluation.outcome import RecipeFacts
from ltx_module.evaluation.plan import PromptSet
from ltx_module.evaluation.references import Reference
from ltx_module.evaluation.result import Occasion
from ltx_module.evaluation.session import Session
from ltx_module.evaluation.store import EvaluationStore
from ltx_module.verbs import Work

if TYPE_CHECKING:
    from ltx_module.module import LTXModule

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EvaluationOrder:
    """What the command line asks for."""

    candidates: Sequence[Candidate]
    directory: Path
    """Where the result goes."""
    run: Path
    """The run's directory, whose TensorBoard events get the scores."""
    config: EvaluationConfig
    """The recipe's `evaluate:` block."""
    max_steps: int
    """Of the recipe."""

    def data(self, model: "LTXModule", datamodule: LatentDataModule) -> EvaluationData:
        """The evaluation as data for the trainer's `predict`: set-up encodes, the one batch does everything."""

        def start(references: list[Reference], prompts: PromptSet) -> Work:
            session = self._session(model, datamodule, references, prompts)
            assessment = Assessment(
                occasion=self._occasion(model, datamodule, session),
                facts=self._facts(model, datamodule),
                session=session,
            )
            if model.trainer.is_global_zero:
                logger.info("%s: %d samples", ", ".join(one.name for one in self.candidates), session.count)
            return lambda placed: session.run(placed, assessment.choose, assessment.finish)

        is_given = model.objective.conditions.certain.is_any
        return EvaluationData(datamodule, self.config, model.sample_config, start, is_given=is_given)

    def _session(
        self, model: "LTXModule", datamodule: LatentDataModule, references: list[Reference], prompts: PromptSet
    ) -> Session:
        first = model.sample_config.seed
        return Session(
            config=self.config,
            candidates=self.candidates,
            prompts=prompts,
            references=references,
            datamodule=datamodule,
            store=EvaluationStore(self.directory),
            seeds=range(first, first + self.config.seeds),
            trigger=trigger_of(datamodule),
            lender=Lender.of(references, self.config.captions, model.objective.conditions, model.sample_config.bucket),
        )

    def _occasion(self, model: "LTXModule", datamodule: LatentDataModule, session: Session) -> Occasion:
        return Occasion(
            recipe=datamodule.recipe_name,
            run=self.run,
            trigger=session.trigger.word,
            base_model=model.base_model,
            seeds=session.seeds,
            strengths=session.config.sweep,
        )

    def _facts(self, model: "LTXModule", datamodule: LatentDataModule) -> RecipeFacts:
        keeps_base = "model.preservation.init_args.weight" if model.preservation is not None else ""
        if not keeps_base and datamodule.settings.regularisation is not None:
            keeps_base = "model.regularisation_loss_weight"
        return RecipeFacts(
            trigger="" if model.objective.conditions.certain.is_any else datamodule.settings.trigger,
            max_steps=self.max_steps,
            with_audio=model.streams == "av" and model.frozen is None,
            audio_loss_weight=None if model.balance is not None else model.objective.audio_weight,
            train_clips=len(datamodule.clips_of("train")),
            held_out_clips=len(datamodule.clips_of("validation")),
            lora_rank=model.lora.rank,
            keeps_base=keeps_base,
        )
