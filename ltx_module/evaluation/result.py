"""The evaluation's result: scored from the folder's files, written as JSON, a page, TensorBoard entries and words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ltx_module.evaluation.candidates import BASE
from ltx_module.evaluation.metrics import METRICS, described
from ltx_module.evaluation.outcome import Outcome
from ltx_module.evaluation.plan import SampleJob
from ltx_module.evaluation.ranking import rank
from ltx_module.evaluation.scoring import Scores
from ltx_module.evaluation.verdict import Verdict

SCHEMA = 1
_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class ScoredSample:
    """A sample with the scores it has by itself."""

    job: SampleJob
    file: str
    """Video, relative to the evaluation's folder."""
    has_audio: bool
    scores: Scores


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """What was evaluated."""

    recipe: str
    run: Path
    trigger: str
    base_model: Path
    seeds: Sequence[int]
    strengths: Sequence[float]


def evaluation_content(
    occasion: Occasion,
    outcomes: Sequence[Outcome],
    verdict: Verdict,
    samples: Sequence[ScoredSample],
    base_scores: Scores,
) -> dict[str, Any]:
    """What evaluation.json holds, schema 1.

    Args:
        occasion: What was evaluated.
        outcomes: Scores of the checkpoints.
        verdict: What they come to.
        samples: All samples.
        base_scores: Scores of the base's own samples, such as their distance to the clips.
    """
    ranked = rank(outcomes)
    names = {name for outcome in outcomes for name in outcome.scores} | base_scores.keys()
    return {
        "schema": SCHEMA,
        "recipe": occasion.recipe,
        "run": str(occasion.run),
        "trigger": occasion.trigger,
        "base_model": str(occasion.base_model),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seeds": list(occasion.seeds),
        "strengths": list(occasion.strengths),
        "verdict": asdict(verdict),
        "checkpoints": [_checkpoint(outcome, place, score) for place, (outcome, score) in enumerate(ranked, start=1)],
        "base_scores": _rounded(base_scores),
        "metrics": described(names),
        "samples": [
            {
                "checkpoint": sample.job.checkpoint,
                "group": sample.job.group,
                "prompt": sample.job.prompt,
                "seed": sample.job.seed,
                "strength": sample.job.strength,
                "file": sample.file,
                "has_audio": sample.has_audio,
                "scores": _rounded(sample.scores),
            }
            for sample in samples
        ],
    }


def _checkpoint(outcome: Outcome, place: int, score: float) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "file": outcome.file,
        "step": outcome.step,
        "rank": place,
        "score": round(score, _DIGITS),
        "scores": _rounded(outcome.scores),
        "by_strength": {f"{strength:g}": _rounded(outcome.at(strength)) for strength in sorted(outcome.by_strength)},
        "held_out_loss": outcome.profile.losses.get("validation", {}).get("1", {}),
        "base_held_out_loss": outcome.base_profile.losses.get("validation", {}).get("0", {}),
        "losses": outcome.profile.losses,
        "base_losses": outcome.base_profile.losses,
        "changes": outcome.profile.changes,
    }


def report_text(content: Mapping[str, Any], page: Path) -> str:
    """The table and the verdict for the terminal.

    Args:
        content: What evaluation.json holds.
        page: The page, to name at the end.
    """
    lines = ["", *_table(content), "", f"verdict: {content['verdict']['summary']}"]
    for finding in content["verdict"]["findings"]:
        figures = ", ".join(f"{name} {value:.3g}" for name, value in finding["evidence"].items())
        lines += [
            "",
            f"{finding['severity']}: {finding['fault'].replace('_', ' ')} ({finding['checkpoint']})",
            f"  {finding['text']}",
            f"  figures: {figures}",
            f"  change:  {finding['remedy']}",
        ]
    best = content["verdict"]["best"]
    if best is not None:
        lines += ["", f"best: {best['checkpoint']} at strength {best['strength']:g} ({best['reason']})"]
    return "\n".join([*lines, "", f"numbers {page.with_suffix('.json')}", f"page    {page}"])


def _table(content: Mapping[str, Any]) -> list[str]:
    """One row a metric, one column a checkpoint, best first, and the base."""
    checkpoints = content["checkpoints"]
    heads = [checkpoint["name"] for checkpoint in checkpoints] + [BASE]
    columns = [checkpoint["scores"] for checkpoint in checkpoints] + [content["base_scores"]]
    rows = [("score", [f"{checkpoint['score']:.2f}" for checkpoint in checkpoints] + ["-"], "")]
    rows += [
        (metric.label, [_cell(column.get(name)) for column in columns], metric.unit)
        for name, metric in METRICS.items()
        if any(column.get(name) is not None for column in columns)
    ]
    widths = [max(len(head), *(len(cells[number]) for _, cells, _ in rows)) for number, head in enumerate(heads)]
    first = max(len(label) for label, _, _ in rows)
    lines = ["  ".join([" " * first, *(head.rjust(width) for head, width in zip(heads, widths, strict=True))])]
    for label, cells, unit in rows:
        shown = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        lines.append("  ".join([label.ljust(first), *shown, unit]).rstrip())
    return lines


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _rounded(scores: Scores) -> Scores:
    return {name: None if value is None else round(value, _DIGITS) for name, value in scores.items()}
