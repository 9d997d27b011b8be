"""Scores from made-up samples whose truth is known."""

import math

import pytest
import torch

from ltx_module.evaluation.measured import Measured
from ltx_module.evaluation.observation import Observation
from ltx_module.evaluation.scoring import score
from ltx_module.evaluation.yardstick import Yardstick

SIZE, FRAMES = 64, 9
SEEDS = (1, 2)
DOTS = 90


def picture(prompt, seed, dots=0.0):
    """A coloured field that depends on prompt and seed, with a lattice of dots of some strength: the concept."""
    generator = torch.Generator().manual_seed(1000 * prompt + seed)
    field = 40 + 100 * torch.rand(3, 4, 4, generator=generator)
    field = torch.nn.functional.interpolate(field[None], size=(SIZE, SIZE), mode="bilinear")[0]
    lattice = ((torch.arange(SIZE) % 8 < 4)[:, None] & (torch.arange(SIZE) % 8 < 4)).float()
    frames = (field + DOTS * dots * lattice).clamp(0, 255).expand(FRAMES, 3, SIZE, SIZE).to(torch.uint8)
    latents = torch.nn.functional.adaptive_avg_pool3d(frames.float().transpose(0, 1) / 64 - 2, (2, 4, 4))
    return Measured(Observation(latents=latents, frames=frames))


def samples(**dots):
    """Samples of three prompts in each group with so much of the concept."""
    return {
        (group, prompt, seed): picture(10 * number + prompt, seed, dots.get(group, 0.0))
        for number, group in enumerate(("trigger", "no_trigger", "off_topic", "novel"))
        for prompt in range(3)
        for seed in SEEDS
    }


@pytest.fixture(scope="module")
def yardstick() -> Yardstick:
    clips = [picture(prompt, 7, dots=1.0) for prompt in range(3)]
    training = [picture(50 + prompt, 7, dots=1.0) for prompt in range(4)]
    stick = Yardstick.build(samples(), captioned=clips, training=training, held_out=clips, captions_held_out=True)
    return stick.focused([samples(trigger=1.0)])


def test_the_base_has_adopted_nothing_and_changed_nothing(yardstick):
    scores = score(yardstick, samples())
    assert scores["adoption"] == 0
    assert scores["side_effects"] is None  # a share of nothing, too
    assert scores["ssim_off_topic"] == pytest.approx(1, abs=1e-4)
    assert scores["steering"] == pytest.approx(1, abs=1e-4)
    assert scores["leak"] is None  # a share of nothing


def test_a_lora_that_answers_to_the_trigger_alone_does_not_bleed(yardstick):
    scores = score(yardstick, samples(trigger=1.0, novel=1.0))
    assert scores["adoption"] == pytest.approx(1, abs=0.25)
    assert scores["adoption_novel"] == pytest.approx(1, abs=0.3)
    assert scores["leak"] == pytest.approx(0, abs=0.02)
    assert scores["inconsistency"] < 0.3


def test_a_lora_that_does_it_unasked_bleeds(yardstick):
    scores = score(yardstick, samples(trigger=1.0, no_trigger=0.9, off_topic=0.9, novel=1.0))
    assert scores["leak"] > 0.7
    assert scores["side_effects"] > 0.7
    assert scores["ssim_off_topic"] < 0.9


def test_damage_without_the_trigger_is_a_side_effect_though_it_is_not_the_concept(yardstick):
    made = samples(trigger=1.0, novel=1.0)
    made |= {place: _darkened(sample) for place, sample in made.items() if place[0] == "no_trigger"}
    scores = score(yardstick, made)
    assert scores["leak"] < 0.3
    assert scores["side_effects"] > 0.8


def test_half_the_concept_is_about_half_of_the_adoption(yardstick):
    half, whole = (score(yardstick, samples(trigger=dots))["adoption"] for dots in (0.5, 1.0))
    assert 0.35 < half / whole < 0.85  # some features are logarithms


def test_some_seeds_with_the_concept_and_some_without_are_inconsistent(yardstick):
    made = samples(trigger=1.0)
    made |= {place: picture(place[1], place[2]) for place in made if place[0] == "trigger" and place[2] == 2}
    assert score(yardstick, made)["inconsistency"] > 0.8  # of 0 and 1, the deviation equals the mean


def test_the_same_sample_for_every_prompt_steers_no_more(yardstick):
    made = {place: picture(0, place[2], 1.0) for place in samples()}
    assert score(yardstick, made)["steering"] == 0


def test_training_clips_given_back_are_copies(yardstick):
    made = samples() | {place: yardstick.training[place[1]] for place in samples() if place[0] in ("trigger", "novel")}
    scores = score(yardstick, made)
    assert scores["nearest_latents"] == scores["nearest_pixels"] == 0
    assert score(yardstick, samples(trigger=1.0, novel=1.0))["nearest_latents"] > 0.5


def test_garish_samples_are_burnt(yardstick):
    garish = {
        place: Measured(Observation(latents=sample.observation.latents, frames=_stretched(sample.observation.frames)))
        for place, sample in samples(trigger=1.0).items()
    }
    assert score(yardstick, garish)["burn"] > 0.5
    assert score(yardstick, samples(trigger=1.0))["burn"] < 0.1


def test_broken_samples_are_counted_and_left_out(yardstick):
    made = samples(trigger=1.0)
    place = ("trigger", 0, 1)
    made[place] = Measured(
        Observation(latents=torch.full((3, 2, 4, 4), math.nan), frames=made[place].observation.frames)
    )
    scores = score(yardstick, made)
    assert scores["broken"] == pytest.approx(1 / 24)
    assert math.isfinite(scores["adoption"])


def test_silent_recipes_have_no_scores_of_sound(yardstick):
    assert not any("audio" in name or name in ("level", "silence") for name in score(yardstick, samples()))


def _darkened(sample):
    seen = sample.observation
    return Measured(Observation(latents=seen.latents - 1, frames=(seen.frames.float() * 0.5).to(torch.uint8)))


def _stretched(frames):
    return ((frames.float() - 90) * 4).clamp(0, 255).to(torch.uint8)
