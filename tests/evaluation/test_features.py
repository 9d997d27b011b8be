"""The features tell apart what a viewer or listener tells apart, and do not mind the size."""

import math

import pytest
import torch

from ltx_module.evaluation import audio_features as sound
from ltx_module.evaluation.observation import SHORT_SIDE, Observation, reduce_frames
from ltx_module.evaluation.video_features import video_features
from ltx_module.evaluation.video_scores import Look, similarity

RATE = sound.SAMPLE_RATE


def video(frames, latents=None):
    return Observation(latents=torch.zeros(4, 3, 4, 4) if latents is None else latents, frames=frames)


def stripes(width, *, frames=9, size=96, speed=0):
    """White and black stripes of a width in pixels, that move so many pixels a frame."""
    columns = torch.arange(size)
    rows = [((columns + speed * frame) // width % 2 * 255).expand(3, size, size) for frame in range(frames)]
    return torch.stack(rows).to(torch.uint8)


def tone(hertz, seconds=1.0, loudness=0.5):
    wave = loudness * torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)
    return wave.expand(2, -1)


def difference(left, right, family):
    return float((video_features(video(left))[family] - video_features(video(right))[family]).abs().max())


def test_texture_shows_in_textures_and_movement_in_motion():
    still, fine, moving = stripes(16), stripes(4), stripes(16, speed=4)
    assert difference(still, fine, "texture") > 1
    assert difference(still, fine, "motion") < 0.01
    assert difference(still, moving, "motion") > 1
    assert difference(still, moving, "texture") < 0.2


def test_stripes_across_are_not_stripes_along():
    assert difference(stripes(16), stripes(16).transpose(2, 3), "texture") > 0.5


def test_samples_and_clips_of_different_sizes_can_be_compared():
    small, large = stripes(16, size=96), stripes(16, size=160, frames=17)
    for family, values in video_features(video(small)).items():
        assert values.shape == video_features(video(large))[family].shape


def test_a_still_has_no_motion():
    assert "motion" not in video_features(video(stripes(16, frames=1), latents=torch.zeros(4, 1, 4, 4)))


def test_values_that_are_not_finite_do_not_reach_the_features():
    broken = Observation(latents=torch.full((4, 3, 4, 4), math.nan), frames=stripes(16))
    assert not broken.is_finite
    assert all(torch.isfinite(values).all() for values in video_features(broken).values())


def test_large_frames_are_reduced_and_small_ones_left():
    assert reduce_frames(torch.zeros(2, 3, 256, 512, dtype=torch.uint8)).shape == (2, 3, SHORT_SIDE, 2 * SHORT_SIDE)
    small = stripes(16)
    assert reduce_frames(small) is small


def test_an_observation_survives_its_file(tmp_path):
    seen = Observation(latents=torch.randn(4, 3, 4, 4), frames=stripes(8), waveform=tone(440))
    seen.save(tmp_path / "one.safetensors")
    read = Observation.load(tmp_path / "one.safetensors")
    assert torch.equal(read.latents, seen.latents)
    assert torch.equal(read.frames, seen.frames)
    assert torch.equal(read.waveform, seen.waveform)
    assert read.audio_latents is None


def test_a_picture_with_more_contrast_and_colour_looks_so():
    dull = torch.full((3, 3, 64, 64), 128, dtype=torch.uint8)
    dull[:, 0] += 20
    vivid = stripes(16, frames=3, size=64).clone()
    vivid[:, 1] = 0
    assert Look.of(video(vivid)).saturation > 5 * Look.of(video(dull)).saturation
    assert Look.of(video(vivid)).contrast > 0.2 > Look.of(video(dull)).contrast


def test_a_video_is_most_like_itself():
    one, other = video(stripes(16)), video(stripes(4))
    assert similarity(one, one) == (pytest.approx(1.0), 60.0)
    assert similarity(one, other)[0] < 0.9


def test_level_silence_and_clipping_are_what_one_hears():
    silence, loud = torch.zeros(2, RATE), tone(440, loudness=1.5).clamp(-1, 1)
    half = torch.cat([tone(440, 0.5), torch.zeros(2, RATE // 2)], dim=1)
    assert sound.level_db(tone(440, loudness=1.0)) == pytest.approx(-3.01, abs=0.01)  # rms of a sine: 1 / sqrt(2)
    assert (sound.silence_share(silence), sound.silence_share(tone(440))) == (1.0, 0.0)
    assert sound.silence_share(half) == pytest.approx(0.5)
    assert sound.clipping_share(loud) == pytest.approx(2 / math.pi * math.acos(1 / 1.5), abs=0.01)
    assert sound.clipping_share(tone(440)) == 0


def test_the_centroid_of_a_tone_an_octave_up_is_an_octave_up():
    rise = sound.spectral_centroid(tone(1760)) - sound.spectral_centroid(tone(880))
    assert rise == pytest.approx(1.0, abs=0.15)  # bands are a quarter of an octave wide


def test_noise_is_flat_and_a_tone_is_not():
    noise = 0.1 * torch.randn(2, RATE, generator=torch.Generator().manual_seed(0))
    assert sound.spectral_flatness(noise) > 10 * sound.spectral_flatness(tone(880))


def test_spectral_distance_does_not_mind_the_level():
    noise = 0.1 * torch.randn(2, RATE, generator=torch.Generator().manual_seed(0))
    assert sound.log_spectral_distance(noise, 2 * noise) < 0.5
    assert sound.log_spectral_distance(noise, tone(880)) > 10


def test_a_rising_tone_differs_from_a_steady_one_in_how_it_changes():
    steady, other = (sound.audio_features(tone(hertz))["sound_motion"] for hertz in (440, 460))
    half = torch.cat([tone(440, 0.5), tone(1760, 0.5)], dim=1)
    rising = sound.audio_features(half)["sound_motion"]
    assert (rising - steady).abs().max() > 3 * (other - steady).abs().max()


def test_a_sound_shorter_than_a_window_of_the_spectrum_has_features():
    assert all(torch.isfinite(values).all() for values in sound.audio_features(torch.zeros(2, 500)).values())
