import math

import pytest
import torch

from datamodules.media.audio import downmix, resample

GOLDEN_CASES = ["resample"]


def test_resampling_matches_the_reference(golden):
    resampled = resample(golden["resample.waveform_48k"], 48000)
    expected = golden["resample.waveform_16k"]
    assert resampled.shape == expected.shape
    assert (resampled - expected).abs().max() < 1e-5


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
def test_a_tone_keeps_its_pitch_and_loudness(rate):
    time = torch.arange(rate) / rate
    resampled = resample(torch.sin(2 * math.pi * 440 * time)[None], rate)
    expected = torch.sin(2 * math.pi * 440 * torch.arange(16000) / 16000)
    middle = slice(200, -200)  # the ends see the silence around the tone
    assert (resampled[0, middle] - expected[middle]).abs().max() < 2e-3


@pytest.mark.parametrize(("samples", "rate"), [(44100, 44100), (1000, 44100), (999, 48000), (1, 22050), (7, 8000)])
def test_length_is_rounded_up(samples, rate):
    assert resample(torch.zeros(2, samples), rate).shape == (2, math.ceil(samples * 16000 / rate))


def test_what_the_new_rate_cannot_hold_is_removed():
    time = torch.arange(48000) / 48000
    resampled = resample(torch.sin(2 * math.pi * 12000 * time)[None], 48000)
    assert resampled[:, 200:-200].abs().max() < 0.01


def test_the_same_rate_changes_nothing():
    waveform = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(resample(waveform, 16000), waveform)


def test_mono_is_heard_on_both_sides():
    mono = torch.tensor([[0.1, -0.2, 0.3]])
    assert torch.equal(downmix(mono), mono.repeat(2, 1))


def test_stereo_is_left_alone():
    stereo = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    assert torch.equal(downmix(stereo), stereo)


@pytest.mark.parametrize(
    ("channel", "left", "right"),
    # the reference's weights of FL, FR, FC, LFE, BL, BR: 1 / 2.414 and 0.707 / 2.414
    [(0, 0.4142, 0), (1, 0, 0.4142), (2, 0.2929, 0.2929), (3, 0, 0), (4, 0.2929, 0), (5, 0, 0.2929)],
)
def test_each_channel_of_5_1_has_its_weight(channel, left, right):
    waveform = torch.zeros(6, 1)
    waveform[channel] = 1
    assert torch.allclose(downmix(waveform)[:, 0], torch.tensor([left, right]).float(), atol=1e-4)


@pytest.mark.parametrize(
    ("channel", "left", "right"),
    # 1 / 3.121 and 0.707 / 3.121
    [(0, 0.3204, 0), (2, 0.2265, 0.2265), (3, 0, 0), (4, 0.2265, 0), (5, 0, 0.2265), (6, 0.2265, 0), (7, 0, 0.2265)],
)
def test_each_channel_of_7_1_has_its_weight(channel, left, right):
    waveform = torch.zeros(8, 1)
    waveform[channel] = 1
    assert torch.allclose(downmix(waveform)[:, 0], torch.tensor([left, right]).float(), atol=1e-4)


def test_other_layouts_give_their_mean_on_both_sides():
    assert torch.allclose(downmix(torch.tensor([[0.3], [0.6], [0.0]])), torch.full((2, 1), 0.3))
