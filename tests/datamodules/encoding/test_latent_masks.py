"""Masks at the size of latents, held against what the VAE makes of a clip that changes in one frame."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from datamodules.encoding.entries import AudioMaskEntry, VideoMaskEntry
from datamodules.encoding.latent_masks import given_pixels, given_sound, given_spans
from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from datamodules.media.write import write_video
from ltx_module.checkpoint import Checkpoint
from tests.mixed_folder import write_wav

PICO = Path(__file__).parents[3] / "assets" / "pico" / "ltx-2.3-pico.safetensors"
BUCKET = Bucket(width=64, height=64, frames=25)
RATE = 16000


def white_at(frame, *, frames=25, rows=slice(0, 64), columns=slice(0, 64)):
    mask = torch.zeros(frames, 3, 64, 64, dtype=torch.uint8)
    mask[frame, :, rows, columns] = 255
    return mask


def mask_entry(path, *, white_is_given=False, bucket=BUCKET):
    return VideoMaskEntry(
        key="mask-0",
        name="m",
        num_bytes=0,
        path=path,
        start=0.0,
        bucket=bucket,
        fps=24.0,
        white_is_given=white_is_given,
    )


def audio_mask_entry(mask, *, start=0.0, duration=1.0, loud_is_given=False):
    return AudioMaskEntry(
        key="mask-1", name="m", num_bytes=0, mask=mask, start=start, duration=duration, loud_is_given=loud_is_given
    )


@pytest.fixture(scope="module")
def video_vae():
    return Checkpoint(PICO).load_video_vae(dtype=torch.float32)


@pytest.fixture(scope="module")
def audio_vae():
    return Checkpoint(PICO).load_audio_vae()


@pytest.mark.parametrize("frame", [0, 1, 7, 8, 9, 16, 17, 24])
def test_the_latent_frame_that_a_mask_names_is_the_one_that_changes(video_vae, tmp_path, frame):
    clip = torch.full((25, 3, 64, 64), 90, dtype=torch.uint8)
    changed = clip.clone()
    changed[frame, :, 32:, :32] = 255
    mask = white_at(frame, rows=slice(32, 64), columns=slice(0, 32))
    write_video(tmp_path / "mask.mp4", mask, 24.0)
    anew = ~mask_entry(tmp_path / "mask.mp4").read()

    before, after = (video_vae.encode((frames / 127.5 - 1).transpose(0, 1)[None])[0] for frames in (clip, changed))
    change = (after - before).abs().mean(0)  # (C, F', H', W') -> (F', H', W')
    (latent_frame,) = anew.flatten(1).any(1).nonzero().flatten().tolist()
    assert change.amax((1, 2)).argmax() == latent_frame
    assert change[:latent_frame].eq(0).all()  # nothing before it knows of the change
    assert anew[latent_frame].tolist() == [[False, False], [True, False]]
    assert change[latent_frame].flatten().argmax() == 2  # the lower left one


@given(st.integers(0, 48))
def test_each_frame_belongs_to_one_latent_frame(frame):
    anew = ~given_pixels(white_at(frame, frames=49), white_is_given=False)
    (latent_frame,) = anew.flatten(1).any(1).nonzero().flatten().tolist()
    first, last = (0, 0) if latent_frame == 0 else (8 * latent_frame - 7, 8 * latent_frame)
    assert first <= frame <= last


@given(st.lists(st.tuples(st.integers(0, 24), st.integers(0, 63), st.integers(0, 63)), max_size=4))
def test_a_latent_is_made_anew_if_any_of_its_pixels_is(pixels):
    mask = torch.zeros(25, 3, 64, 64, dtype=torch.uint8)
    for frame, row, column in pixels:
        mask[frame, :, row, column] = 255
    anew = ~given_pixels(mask, white_is_given=False)
    wanted = {((frame + 7) // 8, row // 32, column // 32) for frame, row, column in pixels}
    assert {tuple(place) for place in anew.nonzero().tolist()} == wanted


def test_the_mask_has_the_shape_of_the_latents():
    bucket = Bucket(width=96, height=64, frames=17)
    frames = torch.zeros(17, 3, 64, 96, dtype=torch.uint8)
    assert given_pixels(frames, white_is_given=False).shape == LatentSpec().shape(bucket)[1:]


def test_the_other_convention_keeps_what_is_white():
    mask = white_at(8, rows=slice(0, 32))
    # In the other convention black is made anew, and every group but that of frame 8 alone has black in it.
    assert not given_pixels(mask, white_is_given=True).any()
    kept = torch.full((25, 3, 64, 64), 255, dtype=torch.uint8)
    kept[3, :, :32] = 0
    anew = ~given_pixels(kept, white_is_given=True)
    assert anew.nonzero().tolist() == [[1, 0, 0], [1, 0, 1]]


def test_grey_below_half_is_kept():
    grey = torch.full((1, 3, 32, 32), 127, dtype=torch.uint8)
    assert given_pixels(grey, white_is_given=False).all()
    assert not given_pixels(grey + 1, white_is_given=False).any()


def test_a_picture_masks_every_frame(tmp_path):
    from PIL import Image

    Image.fromarray(white_at(0)[0].permute(1, 2, 0).numpy()).save(tmp_path / "mask.png")
    assert not mask_entry(tmp_path / "mask.png").read().any()


def test_a_mask_is_cropped_like_its_clip(tmp_path):
    # A mask of 128x64 loses its left and right quarters in a bucket of 64x64.
    from PIL import Image

    mask = torch.zeros(3, 64, 128, dtype=torch.uint8)
    mask[:, :, 32:64] = 255
    Image.fromarray(mask.permute(1, 2, 0).numpy()).save(tmp_path / "mask.png")
    anew = ~mask_entry(tmp_path / "mask.png", bucket=Bucket(width=64, height=64, frames=1)).read()
    assert anew.tolist() == [[[True, False], [True, False]]]


@pytest.mark.parametrize("latent", [0, 1, 2, 7, 24])
def test_the_audio_latent_that_a_mask_names_is_where_a_click_is_heard(audio_vae, latent):
    # 100 spectra a second, of which latent k stands for 4k-3 to 4k
    centre = max((4 * latent - 1.5) / 100, 0.0)
    silence = torch.zeros(2, RATE)
    click = silence.clone()
    click[:, round(centre * RATE) : round(centre * RATE) + 40] = 0.9
    anew = ~given_sound(click, 1.0, loud_is_given=False)
    assert anew.nonzero().flatten().tolist() == [latent]
    before, after = (audio_vae.encode(waveform[None])[0, :, :25] for waveform in (silence, click))
    change = (after - before).abs().mean((0, 2))
    # A spectrum's window of 64 ms reaches to both sides of its place, and the encoder to the later ones.
    assert abs(int(change.argmax()) - latent) <= 1


def test_a_loud_stretch_is_made_anew(tmp_path):
    waveform = torch.zeros(1, RATE)
    waveform[0, RATE // 2 :] = 0.9 * torch.sin(torch.arange(RATE // 2) * 0.2)
    write_wav(tmp_path / "mask.wav", waveform, RATE)
    kept = audio_mask_entry(tmp_path / "mask.wav").read()
    # 0.5 s is the 50th spectrum, in latent 13 (spectra 49 to 52)
    assert kept.tolist() == [True] * 13 + [False] * 12
    assert audio_mask_entry(tmp_path / "mask.wav", loud_is_given=True).read().tolist() == [False] * 13 + [True] * 12


def test_the_window_of_a_sound_mask_is_that_of_the_clip(tmp_path):
    waveform = torch.zeros(1, 2 * RATE)
    waveform[0, RATE:] = 0.9
    write_wav(tmp_path / "mask.wav", waveform, RATE)
    assert not audio_mask_entry(tmp_path / "mask.wav", start=1.04, duration=0.8).read().any()
    assert audio_mask_entry(tmp_path / "mask.wav", duration=0.8).read().all()


def test_a_mask_in_seconds_is_cut_by_the_window():
    spans = ((0.5, 0.7), (2.0, 3.0))
    assert given_spans(spans, 0.0, 1.0).tolist() == [not 13 <= latent <= 18 for latent in range(25)]
    # seconds 2 to 3 of the clip are those from 0.5 of a window that begins at 1.5
    assert given_spans(spans, 1.5, 1.0).tolist() == [latent < 13 for latent in range(25)]


@given(st.floats(0.1, 5.0))
def test_a_sound_mask_has_a_value_for_every_latent(duration):
    assert given_spans(((0.0, 9.0),), 0.0, duration).shape == (AudioLatentSpec().length(duration),)
    samples = AudioLatentSpec().samples(duration)
    assert given_sound(torch.ones(2, samples), duration, loud_is_given=False).logical_not().all()
