import pytest
import torch

from datamodules.world import play_batch, play_tone
from datamodules.world.patterns import checks, dots, halves, ramp, stripes
from datamodules.world.scene import MOTIONS, TONES, Scene
from datamodules.world.sounds import play_variety
from datamodules.world.variety import draw_variety


def variety(number=12, seed=0, **size):
    generator = torch.Generator().manual_seed(seed)
    return draw_variety(number, **{"frames": 9, "width": 64, "height": 48, **size}, generator=generator)


def sounds(number=16, seed=0, seconds=0.5):
    return play_variety(number, seconds=seconds, generator=torch.Generator().manual_seed(seed))


def test_pictures_of_a_seed_are_the_same_and_of_another_differ():
    assert variety().shape == (12, 3, 9, 48, 64)
    assert torch.equal(variety(), variety())
    assert not torch.equal(variety(), variety(seed=1))


def test_variety_has_movement_and_more_colours_than_the_world():
    pictures = variety(24)
    assert (pictures[:, :, 0] != pictures[:, :, -1]).flatten(1).any(1).float().mean() > 0.7
    colours = pictures[:, :, 0].flatten(2).transpose(0, 1).flatten(1).unique(dim=1)
    assert colours.shape[1] > 500
    assert (colours.amin(1) < 10).all()
    assert (colours.amax(1) > 245).all()


def test_a_single_frame_can_be_drawn():
    assert variety(3, frames=1).shape == (3, 3, 1, 48, 64)


@pytest.mark.parametrize(
    ("pattern", "share"), [(stripes, 0.5), (dots, torch.pi * 0.3**2), (checks, 0.5), (halves, 0.5), (ramp, 0.5)]
)
def test_patterns_cover_their_share_of_a_period(pattern, share):
    place = torch.arange(-40.0, 40.0) + 0.5
    covered = pattern(place, place[:, None], 20.0)
    assert covered.shape == (80, 80)
    assert covered.mean().item() == pytest.approx(share, abs=0.01)
    assert covered.amin() == 0
    assert covered.amax() == 1


def test_sounds_are_stereo_and_of_all_loudnesses():
    loudness = sounds(40).square().mean((1, 2)).sqrt()
    assert sounds().shape == (16, 2, 24000)
    assert sounds(40).abs().max() <= 1
    assert loudness.max() > 0.1
    assert (loudness < 1e-3).any()


def test_pitches_of_sounds_spread_over_the_range():
    power = torch.fft.rfft(sounds(40)[:, 0]).abs()
    hertz = power.argmax(1) * 2  # half a second: bins of 2 Hz
    assert ((hertz > 100) & (hertz < 300)).any()
    assert ((hertz > 1000) & (hertz < 4000)).any()


def test_tones_played_together_are_those_played_one_by_one():
    scenes = [Scene(tone=tone, motion=motion) for tone in TONES for motion in MOTIONS]
    together = play_batch(scenes, frames=5)
    assert torch.equal(together, torch.stack([play_tone(scene, frames=5) for scene in scenes]))
