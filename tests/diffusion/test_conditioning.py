import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jsonargparse import ArgumentParser

from ltx_module.diffusion.conditioning import Conditioning, FirstFrame
from ltx_module.diffusion.tokens import pack_video

sizes = st.integers(1, 4)


@given(st.integers(2, 5), sizes, sizes)
def test_the_first_frame_is_kept_clean_in_token_order(frames, height, width):
    latents = torch.zeros(1, 1, frames, height, width)
    latents[:, :, 0] = 1
    assert torch.equal(FirstFrame().clean_tokens((8, frames, height, width)), pack_video(latents)[0, :, 0].bool())


def test_a_still_is_generated_whole():
    assert not FirstFrame().draw(4, (128, 1, 3, 3)).any()


@pytest.mark.parametrize(("probability", "items"), [(0.0, 0), (1.0, 1000)])
def test_certain_probabilities_apply_to_none_or_all(probability, items):
    drawn = FirstFrame(probability).draw(1000, (2, 1, 1))
    assert drawn[:, 0].sum() == items
    assert not drawn[:, 1].any()


def test_each_item_is_drawn_on_its_own_with_the_given_probability():
    drawn = FirstFrame(0.25).draw(20_000, (2, 1, 1), torch.Generator().manual_seed(0))
    # Standard deviation of the share: sqrt(0.25 * 0.75 / 20,000) = 0.003.
    assert drawn[:, 0].float().mean().item() == pytest.approx(0.25, abs=0.012)


def test_draws_follow_the_generator_and_take_one_number_an_item():
    generator = torch.Generator().manual_seed(3)
    first = FirstFrame(0.5).draw(8, (2, 2, 2), generator)
    after = torch.rand(1, generator=generator)
    expected = torch.rand(9, generator=torch.Generator().manual_seed(3))
    assert first[:, 0].tolist() == (expected[:8] < 0.5).tolist()
    assert after == expected[8]


def test_a_probability_above_one_is_refused():
    with pytest.raises(ValueError, match=r"probability` of FirstFrame is 1\.5"):
        FirstFrame(1.5)


def test_a_recipe_can_name_a_conditioning():
    parser = ArgumentParser()
    parser.add_argument("--condition", type=Conditioning)
    arguments = ["--condition=ltx_module.diffusion.conditioning.FirstFrame", "--condition.probability=0.5"]
    assert parser.instantiate(parser.parse_args(arguments)).condition.probability == 0.5
