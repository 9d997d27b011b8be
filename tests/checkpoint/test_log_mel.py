"""The audio front end against transformers' filter bank and plain facts of sound."""

import pytest
import torch

from ltx_module.checkpoint.log_mel import MelConfig, log_mel, mel_filters

RATE = 16000


def test_filters_are_those_of_transformers():
    from transformers.audio_utils import mel_filter_bank

    expected = mel_filter_bank(513, 64, 0.0, 8000.0, RATE, norm="slaney", mel_scale="slaney")
    assert torch.allclose(mel_filters(MelConfig()), torch.from_numpy(expected).T.float(), atol=1e-7)


@pytest.mark.parametrize("samples", [513, 6000, 16000, 16159, 16160])
def test_one_frame_per_hop_and_one_more(samples):
    assert log_mel(torch.zeros(1, 2, samples)).shape == (1, 2, samples // 160 + 1, 64)


def test_silence_is_the_floor():
    assert torch.allclose(log_mel(torch.zeros(1, 2, 8000)), torch.tensor(1e-5).log())


def test_channels_do_not_mix():
    sound = torch.randn(1, 2, 8000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(log_mel(sound)[:, 1], log_mel(sound.flip(1))[:, 0])


def test_a_higher_tone_peaks_in_a_higher_band():
    time = torch.arange(RATE) / RATE
    peaks = [
        int(log_mel(torch.sin(2 * torch.pi * hertz * time).expand(1, 2, -1))[0, 0, 50].argmax())
        for hertz in (200, 800, 3200, 7000)
    ]
    assert peaks == sorted(set(peaks))


def test_a_sound_shorter_than_half_a_window_is_refused():
    with pytest.raises(ValueError, match="512 samples, but a spectrogram needs more than 512"):
        log_mel(torch.zeros(1, 2, 512))


def test_absent_metadata_means_the_published_sizes():
    assert MelConfig.from_metadata({}) == MelConfig()
