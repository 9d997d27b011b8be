"""What can be wrong with a LoRA: from numbers to words, with the figures that show it and what to change.

Pure functions: the same numbers give the same findings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ltx_module.evaluation.outcome import Outcome, RecipeFacts
from ltx_module.evaluation.scoring import LEAST_ADOPTION, Scores
from ltx_module.evaluation.strength_curve import AROUND
from ltx_module.evaluation.thresholds import (
    BURN,
    COLLAPSED,
    COPY_DISTANCE,
    DEAD_AUDIO_SHARE,
    INCONSISTENT,
    LEAK,
    LOST_GAIN,
    LOWER_STRENGTH,
    NARROW,
    OVERFIT_GAP,
    OVERFIT_SHARE,
    REAL_GAIN,
    SIDE_EFFECTS,
    SOUND_GAP,
    UNCHANGED,
    UNDERFIT_OPTIMUM,
    WEAK_ADOPTION,
)

Severity = Literal["warning", "error"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong with a checkpoint."""

    fault: str
    severity: Severity
    checkpoint: str | None
    text: str
    """What is wrong, in a sentence."""
    evidence: Mapping[str, float]
    """The figures that show it."""
    remedy: str
    """What to change: recipe key and value."""


def judge(outcome: Outcome, facts: RecipeFacts) -> list[Finding]:
    """What is wrong with one checkpoint, the gravest first.

    A LoRA that is broken, too strong or underfit is not judged further: its samples do not show what it would do.
    """
    for ends in (_broken, _too_strong):
        if finding := ends(outcome):
            return [finding]
    if finding := _underfit(outcome, facts):
        return [dead, finding] if (dead := _dead_audio(outcome, facts)) else [finding]
    checks: tuple[Callable[[Outcome, RecipeFacts], Finding | None], ...] = (
        _dead_audio,
        _overfit,
        _no_response,
        _bleeds,
        _narrow,
        _inconsistent,
    )
    findings = [finding for check in checks if (finding := check(outcome, facts))]
    return sorted(findings, key=lambda finding: finding.severity != "error")


def _broken(outcome: Outcome) -> Finding | None:
    share = outcome.scores.get("broken")
    if not share:
        return None
    return Finding(
        fault="broken",
        severity="error",
        checkpoint=outcome.name,
        text=f"{share:.0%} of its samples are not finite.",
        evidence={"broken": share},
        remedy="Go back to an earlier checkpoint; halve `model.optimizer.init_args.lr`.",
    )


def _too_strong(outcome: Outcome) -> Finding | None:
    """Clearly better at a lower strength even on the clips it was trained on, or burnt pictures."""
    scores, best, gain = outcome.scores, outcome.best_measured(), outcome.gain("train")
    burn = scores.get("burn") or 0.0
    overshot = False
    if best is not None and gain is not None and best[0] <= LOWER_STRENGTH:
        overshot = best[1] > REAL_GAIN and best[1] - gain > LOST_GAIN * best[1]
    if not overshot and burn < BURN:
        return None
    wanted = best[0] if overshot and best is not None else LOWER_STRENGTH
    shown = [f"pictures exceed base and clips by {burn:.0%} in contrast, saturation or detail"] if burn >= BURN else []
    if overshot and best is not None and gain is not None:
        shown.insert(0, f"at strength {wanted:g} it takes {best[1]:.0%} of the loss off its own clips, at 1 {gain:.0%}")
    evidence = _figures(scores, "burn", "saturation", "contrast", "high_frequency", "adoption", "gain_train")
    return _finding(
        outcome,
        "too_strong",
        f"It is too strong at strength 1: {', and '.join(shown)}.",
        evidence | {"best_measured_strength": wanted},
        f"Use it at strength {wanted:g}, or train again with half of `model.optimizer.init_args.lr` or with"
        f" `model.lora.alpha` times {wanted:g}.",
    )


def _underfit(outcome: Outcome, facts: RecipeFacts) -> Finding | None:
    """Little of the concept has come, and more strength would bring more."""
    scores, optimum = outcome.scores, outcome.optimum()
    adoption = scores.get("adoption")
    unfinished = optimum is None or optimum >= UNDERFIT_OPTIMUM or _is_idle(outcome)
    if adoption is None or adoption >= WEAK_ADOPTION or not unfinished:
        return None
    return _finding(
        outcome,
        "underfit",
        f"It is underfit: samples with the trigger have gone {max(adoption, 0):.0%} of the way from the base to the"
        f" clips, and a strength of {_strength(optimum)} would have a lower loss than 1.",
        _figures(scores, "adoption", "gain_train") | {"optimal_strength": optimum},
        f"Train longer: `trainer.max_steps: {4 * (outcome.step or facts.max_steps)}`; or double"
        " `model.optimizer.init_args.lr`.",
    )


def _no_response(outcome: Outcome, facts: RecipeFacts) -> Finding | None:
    """The loss has fallen, but samples with the trigger are the base's."""
    adoption = outcome.scores.get("adoption")
    if adoption is None or adoption >= LEAST_ADOPTION:
        return None
    return _finding(
        outcome,
        "no_trigger_response",
        f"It has learnt the clips, but prompts with the trigger do not bring the concept ({max(adoption, 0):.0%}).",
        _figures(outcome.scores, "adoption", "gain_train") | {"optimal_strength": outcome.optimum()},
        f"Check that captions and prompts share `data.trigger: {facts.trigger}` and that captions leave the concept"
        " unsaid; lower `callbacks.DropCaptions` `probability` to 0.05.",
    )


def _overfit(outcome: Outcome, facts: RecipeFacts) -> Finding | None:
    """Better on the training clips alone, or samples that are copies; unknown without held-out clips."""
    train, held_out = outcome.gain("train"), outcome.gain("validation")
    scores = outcome.scores
    copied = scores.get("nearest_latents")
    steering = scores.get("steering")
    narrow = train is not None and held_out is not None and train > REAL_GAIN and _does_not_hold(train, held_out)
    copies = copied is not None and copied < COPY_DISTANCE
    collapsed = steering is not None and steering < COLLAPSED
    if not (narrow or copies or collapsed):
        return None
    reasons = []
    if narrow:
        reasons.append(f"it takes {train:.1%} of the loss off training clips and {held_out:.1%} off held-out ones")
    if copies:
        reasons.append(f"samples lie at {copied:.0%} of the distance of held-out clips to the nearest training clip")
    if collapsed:
        reasons.append(f"samples of different prompts differ {steering:.0%} as much as the base's")
    few = f", and add clips: {facts.train_clips} are few" if facts.train_clips < 10 else ""
    return _finding(
        outcome,
        "overfit",
        f"It is overfit: {'; '.join(reasons)}.",
        _figures(scores, "gain_train", "gain_held_out", "nearest_latents", "nearest_pixels", "steering"),
        f"Use an earlier checkpoint or `trainer.max_steps: {max((outcome.step or facts.max_steps) // 4, 1)}`{few}; a"
        f" smaller `model.lora.rank` than {facts.lora_rank} helps too.",
    )


def _does_not_hold(train: float, held_out: float) -> bool:
    """Whether a gain on training clips is not one on clips that the LoRA has not seen."""
    return held_out < OVERFIT_SHARE * train or (1 - held_out) > OVERFIT_GAP * (1 - train)


def _dead_audio(outcome: Outcome, facts: RecipeFacts) -> Finding | None:
    """The picture has learnt and the sound has not, where there was something to learn."""
    video, audio = outcome.gain("train"), outcome.gain("train", "audio")
    if not facts.with_audio or video is None or audio is None or video <= REAL_GAIN:
        return None
    if audio >= DEAD_AUDIO_SHARE * video or (facts.base_sound_gap or 0.0) < SOUND_GAP:
        return None
    weight = facts.audio_loss_weight
    return _finding(
        outcome,
        "dead_audio",
        f"The sound has not been learnt: the LoRA takes {audio:.1%} of the base's audio loss away and {video:.1%} of"
        " its video loss, though the base's sounds are not those of the clips.",
        _figures(outcome.scores, "gain_train", "gain_train_audio", "spectral_distance", "sound_gap")
        | {"base_sound_gap": facts.base_sound_gap},
        "Set `model.audio_loss_weight: auto`"
        + ("" if weight is None else f" (it is {weight:g})")
        + " and `model.lora.targets: all_attention`, and check that the clips have their sound.",
    )


def _bleeds(outcome: Outcome, facts: RecipeFacts) -> Finding | None:
    """The concept comes without being asked for, or pictures change that should not."""
    scores = outcome.scores
    leak, leak_audio, side = (scores.get(name) or 0.0 for name in ("leak", "leak_audio", "side_effects"))
    if leak > LEAK:
        what = f"without the trigger, {leak:.0%} of the concept comes all the same"
    elif side > SIDE_EFFECTS and (scores.get("ssim_off_topic") or 0.0) < UNCHANGED:
        what = f"without the trigger, pictures change {side:.0%} as much as with it"
    elif leak_audio > LEAK:
        what = f"without the trigger, {leak_audio:.0%} of the sound comes all the same"
    else:
        return None
    names = ("leak", "leak_audio", "side_effects", "adoption", "adoption_no_trigger", "adoption_off_topic")
    figures = _figures(scores, *names, "trigger_selectivity", "ssim_off_topic")
    return _finding(outcome, "bleeds", f"It bleeds: {what}.", figures, _keep_base(outcome, facts))


def _narrow(outcome: Outcome, facts: RecipeFacts) -> Finding | None:
    """The concept comes with captions like the clips' alone."""
    adoption, novel = outcome.scores.get("adoption"), outcome.scores.get("adoption_novel")
    if adoption is None or novel is None or adoption < WEAK_ADOPTION or novel >= NARROW * adoption:
        return None
    return _finding(
        outcome,
        "no_novel_response",
        f"It answers only to captions like the clips': {adoption:.0%} of the concept comes with those and"
        f" {max(novel, 0):.0%} with novel prompts.",
        _figures(outcome.scores, "adoption", "adoption_novel"),
        f"Vary the captions, or write `evaluate.novel` prompts as the captions are written; add clips to the"
        f" {facts.train_clips}.",
        severity="warning",
    )


def _inconsistent(outcome: Outcome, facts: RecipeFacts) -> Finding | None:
    """Some seeds or prompts bring the concept and others do not."""
    spread, adoption = outcome.scores.get("inconsistency"), outcome.scores.get("adoption")
    if spread is None or adoption is None or spread < INCONSISTENT or adoption < WEAK_ADOPTION / 2:
        return None
    return _finding(
        outcome,
        "inconsistent",
        f"It is inconsistent: over prompts and seeds the concept varies by {spread:.0%} of its mean of {adoption:.0%}.",
        _figures(outcome.scores, "adoption", "inconsistency"),
        f"Train longer (`trainer.max_steps: {2 * (outcome.step or facts.max_steps)}`), or with clips that are more"
        " alike in what the trigger stands for.",
        severity="warning",
    )


def _keep_base(outcome: Outcome, facts: RecipeFacts) -> str:
    """What to preserve: the empty caption where that is what has changed, else captions without the trigger."""
    changes = outcome.profile.changes.get("video", {})
    caption, empty = (
        changes.get(kind, 0.0) / max(changes.get("trigger", 0.0), 1e-9) for kind in ("no_trigger", "empty")
    )
    if facts.keeps_base and caption < LEAK < empty:
        return (
            "The empty caption has changed, and with it the negative prompt of every sample: set"
            " `model.preservation.init_args.blank_probability: 0.25` and drop `callbacks.DropCaptions`."
        )
    if facts.keeps_base:
        return (
            f"Double `{facts.keeps_base}` and `trainer.max_steps: {2 * facts.max_steps}`: it has not told them apart."
        )
    return (
        "Keep the base where the trigger is absent: `model.preservation: {class_path:"
        " ltx_module.preservation.Preservation, init_args: {class_probability: 0.5}}`, and write captions that say all"
        " but the concept."
    )


def _is_idle(outcome: Outcome) -> bool:
    """Whether the LoRA changes the loss by less than is worth talking of."""
    gains = [outcome.gain("train", strength=strength) for strength in AROUND]
    return all(gain is None or abs(gain) < REAL_GAIN for gain in gains)


def _strength(optimum: float | None) -> str:
    return "more" if optimum is None or optimum >= 10 else f"{optimum:.1f}"


def _figures(scores: Scores, *names: str) -> dict[str, float | None]:
    return {name: scores.get(name) for name in names}


def _finding(
    outcome: Outcome,
    fault: str,
    text: str,
    evidence: Mapping[str, float | None],
    remedy: str,
    severity: Severity = "error",
) -> Finding:
    figures = {name: round(value, 4) for name, value in evidence.items() if value is not None}
    return Finding(fault=fault, severity=severity, checkpoint=outcome.name, text=text, evidence=figures, remedy=remedy)
