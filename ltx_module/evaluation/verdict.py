"""The verdict on all checkpoints: the best one, what is wrong with it, and with those that came after it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ltx_module.evaluation.faults import Finding, judge
from ltx_module.evaluation.outcome import Outcome, RecipeFacts
from ltx_module.evaluation.ranking import Best, choose_strength, largest_gain, rank

_EARLY = ("underfit", "no_trigger_response", "inconsistent")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an evaluation comes to."""

    summary: str
    best: Best | None
    findings: tuple[Finding, ...]


def give_verdict(outcomes: Sequence[Outcome], facts: RecipeFacts) -> Verdict:
    """Judge every checkpoint; an earlier step than the best is not blamed for having learnt less.

    Args:
        outcomes: Scores of the checkpoints; the best one's at every strength.
        facts: What the recipe says.
    """
    ranked = [outcome for outcome, _ in rank(outcomes)]
    if not ranked:
        return Verdict(summary="There is no checkpoint to judge.", best=None, findings=())
    first = ranked[0]
    best = choose_strength(first, largest_gain(outcomes))
    findings = judge(first, facts)
    for outcome in ranked[1:]:
        earlier = outcome.step is not None and first.step is not None and outcome.step < first.step
        others = [finding for finding in judge(outcome, facts) if not (earlier and finding.fault in _EARLY)]
        findings += [replace(finding, severity="warning") for finding in others]
    return Verdict(summary=_summary(first, best, findings, facts), best=best, findings=tuple(findings))


def _summary(first: Outcome, best: Best, findings: Sequence[Finding], facts: RecipeFacts) -> str:
    own = [finding for finding in findings if finding.checkpoint == first.name]
    name = f"{first.name} at strength {best.strength:g}"
    if own:
        text = f"{name} is the best of what there is, but {own[0].text[0].lower()}{own[0].text[1:]}"
        rest = [finding.fault.replace("_", " ") for finding in own[1:]]
        text += f" Also: {', '.join(rest)}." if rest else ""
    else:
        text = f"{name} works: {best.reason}. No fault was found."
    return text + " " + " ".join(_unknown(facts)) if _unknown(facts) else text


def _unknown(facts: RecipeFacts) -> list[str]:
    """What could not be judged, and why."""
    unknown = []
    if not facts.held_out_clips:
        unknown.append(
            "Whether it is overfit is unknown, because no clip is held out: set `data.validation_fraction` to 0.2."
        )
    if not facts.trigger:
        unknown.append("The recipe has no `data.trigger`, so the answer to it could not be compared.")
    return unknown
