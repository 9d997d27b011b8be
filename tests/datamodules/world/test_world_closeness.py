"""The measures that modes share, against closed forms."""

import math

import pytest
import torch

from datamodules.world import Scene, draw_frames, play_tone
from datamodules.world.modes.closeness import overlap, psnr, same_tune
from datamodules.world.modes.edges import edge_agreement, edges, relative_edge_agreement
from datamodules.world.modes.text_to_audio import beating
from datamodules.world.modes.tunes import NOTE_SECONDS, play_tune

SIZE = {"frames": 3, "width": 96, "height": 96}


def square(left, side=40):
    frames = torch.full((2, 3, 96, 96), 20, dtype=torch.uint8)
    frames[:, :, 30 : 30 + side, left : left + side] = 200
    return frames


def test_edges_of_a_square_are_its_outline():
    found = edges(square(30))
    rows, columns = found[0].nonzero(as_tuple=True)
    outline = torch.minimum((rows - 29.5).abs(), (rows - 69.5).abs()) < 1.6
    outline |= torch.minimum((columns - 29.5).abs(), (columns - 69.5).abs()) < 1.6
    assert outline.all()
    assert found[0].sum() == pytest.approx(4 * 40, rel=0.15)


@pytest.mark.parametrize(("shift", "least", "most"), [(0, 1, 1), (1, 0.95, 1), (4, 0.4, 0.65), (30, 0, 0.4)])
def test_agreement_falls_beyond_a_pixel(shift, least, most):
    assert least <= edge_agreement(square(20 + shift), square(20)) <= most


def test_a_blank_clip_agrees_with_no_edges_but_a_blank_ones():
    blank = torch.full((2, 3, 96, 96), 20, dtype=torch.uint8)
    assert edge_agreement(blank, square(20)) == 0
    assert edge_agreement(square(20), blank) == 0
    assert edge_agreement(blank, blank) == 1


def test_agreement_is_relative_to_what_was_kept():
    true, kept, worse = square(20), square(22), square(26)
    assert relative_edge_agreement(kept, kept, true) == 1
    ratio = edge_agreement(worse, true) / edge_agreement(kept, true)
    assert relative_edge_agreement(worse, kept, true) == pytest.approx(ratio)


def test_decibels_are_those_of_the_error():
    frames = torch.full((2, 3, 8, 8), 100, dtype=torch.uint8)
    other = frames + 10
    assert psnr(frames, other) == pytest.approx(20 * math.log10(25.5))
    assert psnr(frames, frames) == 60
    left = torch.zeros(8, 8, dtype=torch.bool)
    left[:, :4] = True
    other[..., 4:] = 0
    assert psnr(frames, other, left) == pytest.approx(20 * math.log10(25.5), abs=0.01)


def test_overlap_is_that_of_the_areas():
    assert overlap(square(20), square(20)) == pytest.approx(1, abs=0.01)
    assert overlap(square(20), square(40)) == pytest.approx(1 / 3, abs=0.05)  # 20 of 60 columns
    assert overlap(square(10), square(54)) == pytest.approx(0, abs=0.01)


def test_a_tune_is_the_same_where_its_notes_are():
    tune = play_tune([200, 400], frames=24)
    assert same_tune(tune, tune) == 1
    assert same_tune(play_tune([200, 300], frames=24), tune) == pytest.approx(0.6)  # three notes of five
    assert same_tune(play_tune([200, 300], frames=24), tune, (0.0, 0.2)) == 1
    assert same_tune(torch.zeros_like(tune), tune) == 0


def test_notes_begin_at_every_fifth_of_a_second():
    tune = play_tune([200, 0, 800], frames=24, place=0.0)
    assert tune.shape == (2, 48000)
    assert tune[1].abs().max() == 0
    loud = tune[0].unfold(0, 4800, 4800).abs().amax(1) > 0.1
    assert loud.tolist() == [True, True, False, False, True, True, True, True, False, False]
    assert pytest.approx(0.2) == NOTE_SECONDS


def test_steady_tones_and_silence_have_no_beat():
    steady = play_tone(Scene(tone="low"), frames=25)
    assert beating(steady) < 0.3
    assert beating(torch.zeros(2, 50000)) == 0


def test_a_beat_of_another_speed_counts_little():
    time = torch.arange(50000) / 48000
    slow = play_tone(Scene(tone="low"), frames=25) * (torch.sin(2 * math.pi * 1.5 * time) > 0)
    assert beating(slow) < 0.3


def test_shapes_of_a_scene_overlap_less_when_they_differ():
    star, circle = (draw_frames(Scene(shape=shape), **SIZE) for shape in ("star", "circle"))
    assert overlap(star, circle) < 0.6
