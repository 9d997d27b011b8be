"""From samples to the scores of a checkpoint: always against the base's samples of the same prompts and seeds."""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, pstdev

from ltx_module.evaluation.audio_features import log_spectral_distance
from ltx_module.evaluation.measured import Measured
from ltx_module.evaluation.nearest import distance, diversity, nearest_ratio
from ltx_module.evaluation.plan import GROUPS, Group
from ltx_module.evaluation.video_scores import similarity
from ltx_module.evaluation.yardstick import Place, Samples, Yardstick

Scores = dict[str, float | None]

LEAST_ADOPTION = 0.15
"""Below it the concept has not come, and a share of it would be noise."""

_LOOKS = ("latent_rms", "saturation", "contrast", "high_frequency")
_UNASKED: tuple[Group, ...] = ("no_trigger", "off_topic")


def score(stick: Yardstick, samples: Samples) -> Scores:
    """All scores of a checkpoint at one strength; a group that was not sampled gives none."""
    whole = {place: sample for place, sample in samples.items() if sample.observation.is_finite}
    scores: Scores = {"broken": 1 - len(whole) / len(samples) if samples else None}
    if not whole:
        return scores
    for part in (_adoptions, _side_effects, _steering, _copies, _burn, _sound):
        scores |= part(stick, whole)
    return scores


def score_sample(stick: Yardstick, place: Place, sample: Measured) -> Scores:
    """The few scores that one sample has by itself."""
    if not sample.observation.is_finite:
        return {"broken": 1.0}
    scores: Scores = {"adoption": stick.adoption(place, sample)}
    if sample is not stick.base[place]:
        scores["ssim"], scores["psnr"] = similarity(sample.observation, stick.base[place].observation)
    if sample.sound is not None:
        scores |= {"level": sample.sound["level"], "silence": sample.sound["silence"]}
        scores["adoption_audio"] = stick.adoption_audio(place, sample)
    return scores


def _adoptions(stick: Yardstick, samples: Samples) -> Scores:
    """Concept in each group, how much of it comes unasked, and how evenly it comes."""
    values = _by_group(samples, stick.adoption)
    means = {group: _mean(numbers) for group, numbers in values.items()}
    wanted = means["trigger"]
    scores: Scores = {
        "adoption": wanted,
        "adoption_novel": means["novel"],
        "adoption_no_trigger": means["no_trigger"],
        "adoption_off_topic": means["off_topic"],
        "leak": _share(wanted, [means[group] for group in _UNASKED], LEAST_ADOPTION),
    }
    if wanted is not None and wanted > LEAST_ADOPTION:
        scores["inconsistency"] = pstdev(values["trigger"]) / wanted
    return scores


def _side_effects(stick: Yardstick, samples: Samples) -> Scores:
    """How much changes unasked, whatever it is: against the change with the trigger, and against the base's sample."""
    by_latents = _by_group(samples, lambda place, sample: distance(sample.latents, stick.base[place].latents))
    by_pixels = _by_group(samples, lambda place, sample: distance(sample.pixels, stick.base[place].pixels))
    shares = [
        _share(_mean(values["trigger"]), [_mean(values[group]) for group in _UNASKED], 0.0)
        for values in (by_latents, by_pixels)
    ]
    scores: Scores = {"side_effects": _mean(_numbers(shares))}
    places = [place for place in samples if place[0] == "off_topic"]
    if places:
        likeness = [similarity(samples[place].observation, stick.base[place].observation) for place in places]
        scores["ssim_off_topic"] = fmean(ssim for ssim, _ in likeness)
        scores["psnr_off_topic"] = fmean(psnr for _, psnr in likeness)
    return scores


def _steering(stick: Yardstick, samples: Samples) -> Scores:
    """Diversity over prompts at the same seed, against the base's."""
    ratios = []
    for seed in sorted({place[2] for place in samples}):
        places = [place for place in samples if place[2] == seed and place[0] in ("trigger", "novel")]
        before = diversity([stick.base[place].latents for place in places])
        after = diversity([samples[place].latents for place in places])
        if before and after is not None:
            ratios.append(after / before)
    return {"steering": _mean(ratios)}


def _copies(stick: Yardstick, samples: Samples) -> Scores:
    """How near samples are to training clips, in latents and in pixels."""
    groups = ("trigger", "novel") if stick.captions_held_out else ("novel",)
    chosen = [sample for place, sample in samples.items() if place[0] in groups]
    clips = (chosen, stick.training, stick.held_out)
    return {
        "nearest_latents": nearest_ratio(*([item.latents for item in items] for items in clips)),
        "nearest_pixels": nearest_ratio(*([item.pixels for item in items] for items in clips)),
    }


def _burn(stick: Yardstick, samples: Samples) -> Scores:
    """What the samples have more of than the base's samples of the same prompts and than the clips."""
    scores: Scores = {}
    excess = [0.0]
    for name in _LOOKS:
        own = fmean(getattr(sample.look, name) for sample in samples.values())
        base = fmean(getattr(stick.base[place].look, name) for place in samples)
        clips = [getattr(clip.look, name) for clip in (*stick.training, *stick.held_out)]
        scores[name] = 100 * (own / max(base, 1e-6) - 1)
        if name != "latent_rms":  # large latents need not be seen
            excess.append(own / max(base, fmean(clips) if clips else 0.0, 1e-6) - 1)
    return {**scores, "burn": max(excess)}


def _sound(stick: Yardstick, samples: Samples) -> Scores:
    """The sound's own scores, against the clips of the same captions where there are such."""
    sounds = [sample.sound for sample in samples.values() if sample.sound is not None]
    if not sounds:
        return {}
    scores: Scores = {name: fmean(sound[name] for sound in sounds) for name in ("silence", "clipping")}
    wanted = [(sample, stick.captioned[place[1]]) for place, sample in samples.items() if place[0] == "trigger"]
    for name in ("level", "centroid", "flatness"):
        scores[name] = _mean([a.sound[name] - b.sound[name] for a, b in wanted if a.sound and b.sound])
    waves = [(sample.observation.waveform, clip.observation.waveform) for sample, clip in wanted]
    scores["spectral_distance"] = _mean(
        [log_spectral_distance(a, b) for a, b in waves if a is not None and b is not None]
    )
    scores["sound_gap"] = _sound_gap(stick, scores["spectral_distance"])
    values = _by_group(samples, stick.adoption_audio)
    scores["adoption_audio"] = _mean(values["trigger"])
    unasked = [_mean(values[group]) for group in _UNASKED]
    scores["leak_audio"] = _share(scores["adoption_audio"], unasked, LEAST_ADOPTION)
    return scores


def _sound_gap(stick: Yardstick, to_clips: float | None) -> float | None:
    """Distance of samples' sounds to the clips of their captions, over the distance of clips' sounds to each other."""
    waves = [clip.observation.waveform for clip in stick.captioned if clip.observation.waveform is not None]
    between = [log_spectral_distance(one, other) for number, one in enumerate(waves) for other in waves[number + 1 :]]
    return to_clips / max(fmean(between), 1e-3) if between and to_clips is not None else None


def _by_group(samples: Samples, measure: Callable[[Place, Measured], float | None]) -> dict[Group, list[float]]:
    """A measure of each sample, by group."""
    return {
        group: _numbers(measure(place, sample) for place, sample in samples.items() if place[0] == group)
        for group in GROUPS
    }


def _numbers(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _share(wanted: float | None, unwanted: Sequence[float | None], least: float) -> float | None:
    """The largest of the unwanted as a share of the wanted; None where the wanted has not come."""
    found = _numbers(unwanted)
    return max(found) / wanted if found and wanted is not None and wanted > least else None
