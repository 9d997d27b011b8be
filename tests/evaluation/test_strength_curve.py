import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltx_module.evaluation.strength_curve import AROUND, NO_OPTIMUM, optimal_strength


@given(optimum=st.floats(0.1, 5.0), depth=st.floats(0.01, 10.0), base=st.floats(0.1, 10.0))
def test_the_optimum_of_a_parabola_is_found_whatever_its_depth(optimum, depth, base):
    def loss(strength):
        return base + depth * ((strength / optimum - 1) ** 2 - 1)

    assert optimal_strength(*(loss(strength) for strength in AROUND)) == pytest.approx(optimum, rel=1e-4)


def test_a_loss_that_falls_in_a_straight_line_has_its_optimum_out_of_sight():
    assert optimal_strength(0.9, 0.8, 0.7) == NO_OPTIMUM


def test_a_lora_that_makes_it_worse_at_any_strength_is_best_left_out():
    assert optimal_strength(1.1, 1.4, 1.6) == 0.0


def test_a_lora_that_does_nothing_has_no_optimum():
    assert optimal_strength(1.0, 1.0, 1.0) is None
