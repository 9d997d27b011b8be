"""Scoring on the first rank: everything in the folder becomes outcomes, a verdict and the files a reader wants."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING

from datamodules.atomic import write_json
from ltx_module.evaluation.candidates import BASE
from ltx_module.evaluation.clip_score import ClipScorer
from ltx_module.evaluation.measured import Measured
from ltx_module.evaluation.outcome import Outcome, RecipeFacts
from ltx_module.evaluation.page import write_page
from ltx_module.evaluation.plan import SampleJob
from ltx_module.evaluation.ranking import rank
from ltx_module.evaluation.references import captioned, observe
from ltx_module.evaluation.result import Occasion, ScoredSample, evaluation_content, report_text
from ltx_module.evaluation.scoring import Scores, score, score_sample
from ltx_module.evaluation.session import Session
from ltx_module.evaluation.tensorboard import log_evaluation
from ltx_module.evaluation.verdict import give_verdict
from ltx_module.evaluation.yardstick import Samples, Yardstick

if TYPE_CHECKING:
    from ltx_module.module import LTXModule

logger = logging.getLogger(__name__)


@dataclass
class Assessment:
    """Scores an evaluation and writes its result."""

    occasion: Occasion
    facts: RecipeFacts
    session: Session
    _measured: dict[str, Measured] = field(default_factory=dict)
    _yardstick: Yardstick | None = None
    _clip: ClipScorer | None = None

    def choose(self, model: "LTXModule") -> str:
        """The best checkpoint at strength 1."""
        self._prepare(model)
        return rank(self._outcomes(None))[0][0].name

    def finish(self) -> None:
        """Score everything; write evaluation.json, the page and TensorBoard entries; print table and verdict."""
        session, best = self.session, rank(self._outcomes(None))[0][0].name
        outcomes = self._outcomes(best)
        base_scores = self._score(session.jobs(BASE))
        verdict = give_verdict(outcomes, replace(self.facts, base_sound_gap=base_scores.get("sound_gap")))
        samples = [self._scored(job) for name in (BASE, *self._names) for job in session.jobs(name, best)]
        content = evaluation_content(self.occasion, outcomes, verdict, samples, base_scores)
        store = session.store
        write_json(store.result, content)
        page = write_page(content, store.directory)
        log_evaluation(self.occasion.run, content)
        store.clear()
        sys.stdout.write(report_text(content, page) + "\n")

    @property
    def _names(self) -> list[str]:
        return [candidate.name for candidate in self.session.candidates]

    def _prepare(self, model: "LTXModule") -> None:
        """Measure the clips and the base's samples, and fit the way from one to the other."""
        session = self.session
        assert model.decoders is not None
        clips = [(reference, Measured(observe(reference.item, model.decoders))) for reference in session.references]
        prompted = captioned(session.references, session.config.captions)
        stick = Yardstick.build(
            self._samples(session.jobs(BASE)),
            captioned=[clip for wanted in prompted for reference, clip in clips if reference is wanted],
            training=[clip for reference, clip in clips if reference.split == "train"],
            held_out=[clip for reference, clip in clips if reference.split == "validation"],
            captions_held_out=all(reference.split == "validation" for reference in prompted),
        )
        self._yardstick = stick.focused(self._samples(session.jobs(name)) for name in self._names)
        if session.config.clip_model is not None:
            self._clip = ClipScorer(session.config.clip_model)

    def _outcomes(self, best: str | None) -> list[Outcome]:
        """Every checkpoint's scores; the best one's at every strength."""
        base = self.session.profile(BASE)
        outcomes = []
        for candidate in self.session.candidates:
            jobs = self.session.jobs(candidate.name, best)
            strengths = sorted({job.strength for job in jobs})
            outcomes.append(
                Outcome(
                    name=candidate.name,
                    file=str(candidate.file.path),
                    step=candidate.step,
                    profile=self.session.profile(candidate.name),
                    base_profile=base,
                    by_strength={
                        strength: self._score([job for job in jobs if job.strength == strength])
                        for strength in strengths
                    },
                )
            )
        return outcomes

    def _score(self, jobs: Sequence[SampleJob]) -> Scores:
        """Scores of the samples of one checkpoint at one strength."""
        assert self._yardstick is not None
        scores = score(self._yardstick, self._samples(jobs))
        if self._clip is not None:
            agreement = [self._agreement(job) for job in jobs if job.group in ("trigger", "novel")]
            scores["clip_score"] = fmean(agreement)
        return scores

    def _samples(self, jobs: Sequence[SampleJob]) -> Samples:
        return {job.place: self._measure(job) for job in jobs}

    def _measure(self, job: SampleJob) -> Measured:
        """A sample's measures, taken once."""
        if job.name not in self._measured:
            self._measured[job.name] = Measured(self.session.store.observation(job))
        return self._measured[job.name]

    def _agreement(self, job: SampleJob) -> float:
        assert self._clip is not None
        plain = self.session.trigger.removed(job.prompt)  # a made-up word means nothing to CLIP
        return self._clip.score(self._measure(job).observation.frames, plain)

    def _scored(self, job: SampleJob) -> ScoredSample:
        assert self._yardstick is not None
        measured = self._measure(job)
        return ScoredSample(
            job=job,
            file=self.session.store.video(job),
            has_audio=measured.observation.waveform is not None,
            scores=score_sample(self._yardstick, job.place, measured),
        )
