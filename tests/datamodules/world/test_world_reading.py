from dataclasses import replace

import pytest
import torch
from torch.nn.functional import conv2d, pad

from datamodules.world import Scene, agreement, draw_frames, play_tone, random_scene, read_scene
from datamodules.world.scene import BACKGROUNDS, COLOURS, MOTIONS, SHAPES, TONES


def blurred(frames, sigma):
    reach = torch.arange(-9, 10)
    kernel = torch.exp(-reach.square() / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    wide = pad(frames.float(), (9, 9, 9, 9), mode="replicate")
    return conv2d(conv2d(wide, kernel, groups=3), kernel.mT, groups=3)


def agreements(scenes, *, frames=25, width=128, height=128, spoil=lambda pictures: pictures):
    """Properties read right and all properties, over scenes."""
    results = []
    for scene in scenes:
        pictures = spoil(draw_frames(scene, frames=frames, width=width, height=height))
        results += agreement(scene, read_scene(pictures, play_tone(scene, frames=frames))).items()
    return [name for name, agrees in results if not agrees], len(results)


def scenes(number, seed):
    generator = torch.Generator().manual_seed(seed)
    return [random_scene(generator) for _ in range(number)]


@pytest.mark.parametrize(("width", "height", "frames"), [(128, 128, 25), (128, 96, 25), (96, 128, 25), (128, 128, 17)])
def test_drawings_are_read_as_they_were_drawn(width, height, frames):
    wrong, number = agreements(scenes(8, frames + width), frames=frames, width=width, height=height)
    assert number == 8 * 5
    assert wrong == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("motion", MOTIONS)
def test_every_shape_and_motion_is_read(shape, motion):
    pictures = draw_frames(Scene(shape=shape, motion=motion, size=0.4), frames=9, width=64, height=64)
    reading = read_scene(pictures)
    assert reading.shape == shape
    assert reading.motion == ("still" if (shape, motion) == ("circle", "spin") else motion)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_colour_is_read_over_every_background(colour, background):
    scene = Scene(shape="star", colour=colour, background=background)
    reading = read_scene(draw_frames(scene, frames=1, width=64, height=64))
    assert (reading.colour, reading.background) == (colour, background)


@pytest.mark.parametrize("tone", TONES)
def test_every_tone_is_read_through_hiss(tone):
    hiss = 0.03 * torch.randn(2, 50000, generator=torch.Generator().manual_seed(0))
    frames = draw_frames(Scene(), frames=1, width=64, height=64)
    assert read_scene(frames, play_tone(Scene(tone=tone), frames=25) + hiss).tone == tone


def test_blur_noise_and_faded_colours_are_tolerated():
    generator = torch.Generator().manual_seed(3)

    def spoil(pictures):
        noise = 12 * torch.randn(pictures.shape, generator=generator)
        return (0.9 * blurred(pictures, 2.0) + 12 + noise).clamp(0, 255).to(torch.uint8)

    wrong, number = agreements(scenes(20, 4), spoil=spoil)
    assert len(wrong) <= 0.03 * number


def test_raw_numbers_are_those_of_the_scene():
    scene = Scene(shape="square", colour="yellow", motion="left", size=0.4, tone="low")
    reading = read_scene(draw_frames(scene, frames=9, width=96, height=64), play_tone(scene, frames=24))
    assert reading.travel == pytest.approx((-0.5, 0), abs=0.01)
    assert reading.path[0] == pytest.approx((0.75, 0.5), abs=0.01)
    # a square of circumradius r has area 2 r^2, and r is half of 0.4 * 64
    assert reading.areas[4] == pytest.approx(2 * 12.8**2 / (96 * 64), rel=0.03)
    assert reading.rgb == pytest.approx((245, 220, 50), abs=1)
    assert set(reading.hertz) == {200.0}
    assert reading.overlap > 0.9


@pytest.mark.parametrize(("motion", "growth", "turn"), [("grow", 0.955, 0), ("spin", 0, 180), ("still", 0, 0)])
def test_growth_and_turn_are_measured(motion, growth, turn):
    reading = read_scene(draw_frames(Scene(shape="triangle", motion=motion), frames=17, width=96, height=96))
    assert reading.growth == pytest.approx(growth, abs=0.1)  # ln(1.3 / 0.5)
    assert reading.turn == pytest.approx(turn, abs=15)


def test_an_empty_picture_has_a_background_alone():
    scene = Scene(background="teal")
    empty = draw_frames(scene, frames=3, width=64, height=64)[:, :, :1, :1].expand(3, 3, 64, 64)
    reading = read_scene(empty)
    assert (reading.shape, reading.colour, reading.motion, reading.background) == (None, None, None, "teal")
    assert agreement(scene, reading) == {"shape": False, "colour": False, "background": True, "motion": False}


def test_a_turning_circle_may_look_still_and_nothing_else_may():
    scene = Scene(shape="circle", motion="spin")
    reading = read_scene(draw_frames(scene, frames=9, width=64, height=64))
    assert agreement(scene, reading)["motion"]
    assert not agreement(replace(scene, shape="star"), reading)["motion"]
    assert not agreement(replace(scene, motion="grow"), reading)["motion"]


def test_stills_without_sound_are_judged_by_what_they_can_show():
    scene = Scene(motion="left", tone="low")
    reading = read_scene(draw_frames(scene, frames=1, width=64, height=64))
    assert agreement(scene, reading) == {"shape": True, "colour": True, "background": True}
