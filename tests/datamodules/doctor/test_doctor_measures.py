"""What the doctor measures in pictures and sounds, against drawn pictures of which the answer is known."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from datamodules.doctor.bars import find_bars
from datamodules.doctor.cuts import cut_frames
from datamodules.doctor.file_facts import look_at
from datamodules.doctor.signature import decode_signature, encode_signature, likely_pairs, same_share
from datamodules.doctor.sound import listen
from datamodules.doctor.stillness import black_spans, longest_freeze
from datamodules.world import Scene, draw_frames
from tests.datamodules.doctor.drawn_sets import write_long
from tests.mixed_folder import write_timed, write_wav


def small(scene, frames=48, width=48, height=27):
    """Small pictures as the doctor sees them, `(F, h, w, 3)`."""
    return draw_frames(scene, frames=frames, width=width, height=height).permute(0, 2, 3, 1).numpy()


RED = Scene(motion="right", background="teal", size=0.6)
WHITE = Scene(colour="white", motion="up", background="brown")


@pytest.mark.parametrize("cuts", [[20], [12, 30], [9, 18, 27, 36]])
def test_cuts_are_found_at_their_frames(cuts):
    edges = list(pairwise([0, *cuts, 48]))
    shots = [small((RED, WHITE)[index % 2])[begin:end] for index, (begin, end) in enumerate(edges)]
    assert cut_frames(np.concatenate(shots)) == cuts


def test_a_flash_is_no_cut():
    pictures = small(RED).copy()
    pictures[20:22] = 250
    assert cut_frames(pictures) == []


def test_a_fast_pan_and_a_jolt_are_no_cuts():
    noise = np.random.default_rng(0).integers(0, 255, (9, 40), dtype=np.uint8)
    wide = noise.repeat(3, 0).repeat(12, 1)[..., None].repeat(3, 2)  # (27, 480, 3), blocks of 12 cells
    pan = np.stack([wide[:, step * 8 : step * 8 + 48] for step in range(40)])
    still = np.stack([wide[:, :48]] * 10 + [wide[:, 2:50]] * 10)
    assert cut_frames(pan) == []
    assert cut_frames(still) == []


def test_a_dissolve_is_documented_as_not_found():
    share = np.clip((np.arange(48) - 12) / 24, 0, 1)[:, None, None, None]
    assert cut_frames((small(RED) * (1 - share) + small(WHITE) * share).astype(np.uint8)) == []


@pytest.mark.parametrize("bars", [(0, 12, 0, 12), (16, 0, 16, 0), (8, 6, 8, 6), (0, 0, 0, 9), (0, 10, 0, 0)])
@pytest.mark.parametrize("level", [0, 12])
def test_bars_are_measured_to_the_pixel(bars, level):
    left, top, right, bottom = bars
    frames = np.full((6, 90, 160), level, dtype=np.uint8)
    picture = draw_frames(RED, frames=6, width=160, height=90).float().mean(1).byte().numpy()
    frames[:, top : 90 - bottom, left : 160 - right] = picture[:, top : 90 - bottom, left : 160 - right]
    assert find_bars(frames) == bars


@pytest.mark.parametrize("motion", ["left", "down", "still", "grow"])
@pytest.mark.parametrize("shape", ["square", "circle", "diamond"])
def test_a_shape_on_black_has_no_bars(shape, motion):
    scene = Scene(shape=shape, motion=motion, background="black", colour="white", size=0.6)
    assert find_bars(draw_frames(scene, frames=12, width=160, height=90)[:, 0].numpy()) == (0, 0, 0, 0)


def test_a_night_that_darkens_towards_its_edges_has_no_bars():
    rows = np.clip(np.abs(np.linspace(-1, 1, 90))[::-1] * 0 + 120 * np.cos(np.linspace(-1.7, 1.7, 90)), 0, 255)
    noise = np.random.default_rng(0).random((6, 90, 160))
    assert find_bars((rows[:, None] * noise**4).astype(np.uint8)) == (0, 0, 0, 0)


def test_black_and_frozen_stretches_have_the_times_of_their_frames():
    times = [index / 24 for index in range(48)]
    pictures = small(RED).copy()
    pictures[6:12] = 10
    pictures[30:40] = pictures[30]
    assert black_spans(pictures, times, 2.0) == [(6 / 24, 12 / 24)]
    assert longest_freeze(pictures, times, 2.0) == (30 / 24, 40 / 24)


def test_signatures_know_a_trimmed_and_brighter_copy_from_another_clip():
    first = small(RED, frames=24, width=16, height=16)
    copy = np.clip(first[3:21].astype(float) * 0.98 + 9, 0, 255).astype(np.uint8)
    assert same_share(copy, first) == 1.0
    assert same_share(small(WHITE, frames=24, width=16, height=16), first) < 0.1
    # the same shape and background, that moves another way
    down = small(Scene(motion="down", background="teal", size=0.6), frames=24, width=16, height=16)
    assert same_share(down, first) < 0.5
    assert same_share(first[::-1], first) < 0.5  # moves back
    assert np.array_equal(decode_signature(encode_signature(first)), first)


def test_likely_pairs_are_those_that_are_the_same_and_hardly_any_other():
    motions = ("left", "right", "up", "down", "grow")
    scenes = [Scene(motion=motion, colour=colour) for motion in motions for colour in ("red", "blue")]
    clips = [small(scene, 16, 16, 16) for scene in scenes]
    copies = [np.clip(clip[2:14].astype(float) + 5, 0, 255).astype(np.uint8) for clip in clips[:3]]
    everything = [*clips, np.zeros((4, 16, 16, 3), np.uint8), *copies]
    pairs = likely_pairs(everything)
    same = [
        (first, later)
        for later in range(len(everything))
        for first in range(later)
        if same_share(everything[first], everything[later]) >= 0.8
    ]
    assert set(same) == {(0, 11), (1, 12), (2, 13)}
    assert set(same) <= set(pairs)
    assert len(pairs) < len(everything)


def test_two_black_clips_are_no_copies():
    assert same_share(np.zeros((8, 16, 16, 3), np.uint8), np.zeros((8, 16, 16, 3), np.uint8)) == 0.0


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_levels_of_a_tone_are_those_of_its_formula(tmp_path, rate, channels):
    tone = 0.1 * torch.sin(2 * math.pi * 440 * torch.arange(2 * rate) / rate)
    tone[rate:] = 0
    write_wav(tmp_path / "a.wav", tone.expand(channels, -1), rate)
    facts = listen(tmp_path / "a.wav")
    assert facts.loudness_db == pytest.approx(20 * math.log10(0.1 / math.sqrt(2)), abs=0.1)
    assert facts.peak == pytest.approx(0.1, abs=1e-3)
    assert (facts.begin, facts.seconds, facts.clipped_share) == (0, 2, 0)
    assert facts.silent_share == pytest.approx(0.5, abs=0.03)


def test_clipped_samples_are_counted(tmp_path):
    tone = (4 * torch.sin(2 * math.pi * 100 * torch.arange(48000) / 48000)).clamp(-1, 1)
    write_wav(tmp_path / "a.wav", tone.expand(2, -1))
    share = 1 - 2 / math.pi * math.asin(0.99 / 4)  # of a period in which the tone is beyond 0.99
    assert listen(tmp_path / "a.wav").clipped_share == pytest.approx(share, abs=0.01)


def test_a_film_longer_than_a_minute_is_looked_at_in_stretches(tmp_path):
    scenes = [RED, WHITE] * 4
    write_long(tmp_path / "film.mp4", scenes, 10.0)
    facts = look_at(tmp_path / "film.mp4")
    assert facts.pictures.seconds == pytest.approx(60, abs=1.5)
    assert facts.info.duration == pytest.approx(80, abs=0.1)
    assert all(min(abs(cut - 10 * index) for index in range(1, 8)) < 0.1 for cut in facts.pictures.cuts)
    assert len(facts.pictures.cuts) >= 3  # at 10, 20, ..., those within a stretch


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_bars_are_those_of_the_picture_as_it_is_shown(tmp_path, rotation):
    frames = torch.zeros(12, 3, 64, 96, dtype=torch.uint8)
    frames[:, :, 8:] = draw_frames(RED, frames=12, width=96, height=56)
    write_timed(tmp_path / "a.mp4", frames, [index / 24 for index in range(12)], rotation=rotation)
    bars = {0: (0, 8, 0, 0), 90: (8, 0, 0, 0), 180: (0, 0, 0, 8), 270: (0, 0, 8, 0)}
    assert look_at(tmp_path / "a.mp4").pictures.bars == bars[rotation]
