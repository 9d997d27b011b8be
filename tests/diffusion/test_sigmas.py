from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse import ArgumentParser

from ltx_module.diffusion.sigmas import (
    DISTILLED_SIGMAS,
    ShiftedLogitNormal,
    SigmaSampler,
    Uniform,
    check_sigmas,
    inference_sigmas,
)

GOLDEN_CASES = ["schedule", "sigma_sampler"]

TOKENS = [126, 1024, 2016, 6120]


@pytest.mark.parametrize(("steps", "tokens"), [(8, 4096), (20, 4096), (30, 4096), (30, 1024), (30, 2016), (30, 6120)])
def test_schedule_matches_the_reference(steps, tokens, golden):
    sigmas = torch.tensor(inference_sigmas(steps, tokens))
    torch.testing.assert_close(sigmas, golden[f"schedule.steps{steps}_tokens{tokens}"], atol=1e-6, rtol=0)


@given(st.integers(1, 100), st.integers(1, 20000))
def test_every_schedule_falls_from_one_to_zero(steps, tokens):
    sigmas = inference_sigmas(steps, tokens)
    assert (len(sigmas), sigmas[0], sigmas[-1]) == (steps + 1, 1.0, 0.0)
    assert all(after < before for before, after in pairwise(sigmas))


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match=r"sample\.steps.* is 0"):
        inference_sigmas(0)


@pytest.mark.parametrize("sigmas", [(1.0,), (0.5, 0.5), (0.2, 0.4, 0.0), (1.1, 0.0), (1.0, -0.1)])
def test_noise_levels_that_do_not_fall_are_refused(sigmas):
    with pytest.raises(ValueError, match="must fall"):
        check_sigmas(sigmas)


def test_the_distilled_schedule_has_eight_steps_that_a_sampler_can_follow():
    check_sigmas(DISTILLED_SIGMAS)
    assert len(DISTILLED_SIGMAS) == 9


@pytest.mark.parametrize("tokens", TOKENS)
def test_draws_of_the_global_generator_match_the_reference(tokens, golden):
    torch.manual_seed(11)
    drawn = ShiftedLogitNormal().draw(256, tokens)
    torch.testing.assert_close(drawn, golden[f"sigma_sampler.tokens{tokens}"], atol=1e-6, rtol=0)


@pytest.mark.parametrize("tokens", TOKENS)
def test_draws_of_a_passed_generator_match_the_reference(tokens, golden):
    torch.manual_seed(5)
    drawn = ShiftedLogitNormal().draw(256, tokens, torch.Generator().manual_seed(11))
    torch.testing.assert_close(drawn, golden[f"sigma_sampler.tokens{tokens}"], atol=1e-6, rtol=0)


@pytest.mark.parametrize("tokens", TOKENS)
def test_the_distribution_matches_the_reference(tokens, golden):
    drawn = ShiftedLogitNormal().draw(10**6, tokens, torch.Generator().manual_seed(11))
    quantiles = drawn.quantile(torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95]))
    torch.testing.assert_close(quantiles, golden[f"sigma_sampler.quantiles_tokens{tokens}"], atol=1e-6, rtol=0)


@settings(deadline=None)
@given(st.integers(1, 20000), st.integers(0, 1000), st.sampled_from(["extrapolate", "clamp", 2.05]))
def test_noise_levels_lie_between_zero_and_one(tokens, seed, shift):
    drawn = ShiftedLogitNormal(shift).draw(200, tokens, torch.Generator().manual_seed(seed))
    assert ((drawn >= 0) & (drawn <= 1)).all()


def median(sampler: SigmaSampler, tokens: int) -> float:
    return sampler.draw(50_000, tokens, torch.Generator().manual_seed(0)).median().item()


def test_the_median_rises_with_the_number_of_tokens():
    medians = [median(ShiftedLogitNormal(), tokens) for tokens in (126, 1024, 4096, 8160)]
    assert medians == sorted(medians)
    # Published medians of the reference at these token counts; 50,000 draws are good to 0.003.
    assert medians == pytest.approx([0.611, 0.669, 0.812, 0.890], abs=5e-3)


def test_a_clamped_shift_stops_at_the_published_points():
    clamped, line = ShiftedLogitNormal("clamp"), ShiftedLogitNormal()
    assert median(clamped, 8160) == median(line, 4096)
    assert median(clamped, 100) == median(line, 1024)
    assert median(clamped, 2016) == median(line, 2016)


def test_a_fixed_shift_ignores_the_number_of_tokens():
    fixed = ShiftedLogitNormal(2.05)
    assert median(fixed, 126) == pytest.approx(median(ShiftedLogitNormal(), 4096), abs=1e-6)
    assert median(fixed, 126) == median(fixed, 8160)


def test_uniform_probability_one_draws_evenly():
    drawn = ShiftedLogitNormal(uniform_probability=1.0).draw(50_000, 8160, torch.Generator().manual_seed(0))
    assert drawn.quantile(torch.tensor([0.25, 0.5, 0.75])).tolist() == pytest.approx([0.25, 0.5, 0.75], abs=0.01)


def test_uniform_draws_evenly_between_its_bounds():
    drawn = Uniform(0.2, 0.6).draw(50_000, 1, torch.Generator().manual_seed(0))
    quantiles = drawn.quantile(torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]))
    assert quantiles.tolist() == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6], abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shift": "follow"}, "shift.*'follow'"),
        ({"std": 0.0}, r"std.* is 0\.0"),
        ({"eps": 0.5}, r"eps.* is 0\.5"),
        ({"uniform_probability": 1.5}, r"uniform_probability.* is 1\.5"),
    ],
)
def test_bad_settings_are_refused_by_name_and_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        ShiftedLogitNormal(**arguments)


def test_bounds_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match=r"min_value.* 0\.9 and 0\.1"):
        Uniform(0.9, 0.1)


@pytest.mark.parametrize(("shift", "parsed"), [("clamp", "clamp"), ("1.5", 1.5)])
def test_a_recipe_can_name_a_sampler_and_its_shift(shift, parsed):
    parser = ArgumentParser()
    parser.add_argument("--sigmas", type=SigmaSampler)
    path = "ltx_module.diffusion.sigmas.ShiftedLogitNormal"
    config = parser.parse_args([f"--sigmas.class_path={path}", f"--sigmas.init_args.shift={shift}"])
    assert parser.instantiate(config).sigmas.shift == parsed
