import io
import wave
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.captioning.hearing import wav_of
from datamodules.captioning.pictures import sample_pictures
from datamodules.captioning.question import Asking, Source
from datamodules.manifest.clip import MediaError
from datamodules.media.probe import probe
from datamodules.media.write import write_video


def _ramp(path, frames, step, fps=24.0, sound=None):
    """Frames whose gray level is `20 + step * index`."""
    levels = (20 + step * torch.arange(frames)).to(torch.uint8)
    write_video(path, levels[:, None, None, None].expand(frames, 3, 48, 64).contiguous(), fps, sound)
    return path


def _levels(pictures):
    return [float(np.asarray(picture.image).mean()) for picture in pictures]


def test_pictures_are_from_the_middles_of_equal_parts(tmp_path):
    path = _ramp(tmp_path / "clip.mp4", 24, 8)
    pictures = sample_pictures(path, probe(path), number=4, max_side=64)
    assert [round(picture.seconds * 24) for picture in pictures] == [3, 9, 15, 21]
    assert np.abs(np.array(_levels(pictures)) - (20 + 8 * np.array([3, 9, 15, 21]))).max() < 3


def test_pictures_far_apart_are_sought_and_are_the_same(tmp_path):
    path = _ramp(tmp_path / "clip.mp4", 200, 1, fps=10.0)  # 20 s: 5 s from picture to picture
    pictures = sample_pictures(path, probe(path), number=4, max_side=64)
    assert [picture.seconds for picture in pictures] == pytest.approx([2.5, 7.5, 12.5, 17.5])
    assert np.abs(np.array(_levels(pictures)) - (20 + np.array([25, 75, 125, 175]))).max() < 3


def test_a_clip_of_few_frames_gives_each_once(tmp_path):
    path = _ramp(tmp_path / "clip.mp4", 3, 40)
    pictures = sample_pictures(path, probe(path), number=8, max_side=64)
    assert np.abs(np.array(_levels(pictures)) - [20, 60, 100]).max() < 3


def test_a_video_of_one_frame_is_one_picture(tmp_path):
    path = _ramp(tmp_path / "clip.mp4", 1, 1)
    (picture,) = sample_pictures(path, probe(path), number=8, max_side=64)
    assert picture.seconds == 0.0


def test_stored_pixels_become_square(tmp_path):
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for _ in range(8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")))
        container.mux(stream.encode())
    (picture, *_) = sample_pictures(path, probe(path), number=2, max_side=96)
    assert picture.image.size == (96, 36)


def test_a_narrow_still_keeps_the_least_size_that_models_take(tmp_path):
    path = tmp_path / "still.png"
    Image.new("RGB", (1000, 20)).save(path)
    (picture,) = sample_pictures(path, probe(path), number=8, max_side=100)
    assert picture.image.size == (1400, 28)


def test_a_phone_photo_is_turned_upright(tmp_path):
    path = tmp_path / "photo.jpg"
    image = Image.new("RGB", (60, 40))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)
    (picture,) = sample_pictures(path, probe(path), number=8, max_side=100)
    assert picture.image.size == (40, 60)


def _samples(content):
    with wave.open(io.BytesIO(content)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16000, 1, 2)
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2")


def _write_wav(path, samples, rate):
    with wave.open(str(path), "wb") as file:
        file.setparams((samples.shape[1], 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def test_sound_is_mixed_to_one_channel_at_16_khz(tmp_path):
    time = np.arange(22050) / 22050
    left = 8000 * np.sin(2 * np.pi * 500 * time)
    path = _write_wav(tmp_path / "sound.wav", np.stack([left, np.zeros_like(left)], 1), 22050)
    samples = _samples(wav_of(path))
    assert abs(len(samples) - 16000) < 100
    spectrum = np.abs(np.fft.rfft(samples[:16000]))
    assert abs(spectrum.argmax() * 16000 / len(samples[:16000]) - 500) < 2


def test_long_sound_is_cut_at_two_minutes(tmp_path):
    noise = np.random.default_rng(0).integers(-9000, 9000, (8000 * 130, 1))
    samples = _samples(wav_of(_write_wav(tmp_path / "sound.wav", noise, 8000)))
    assert 119.5 < len(samples) / 16000 < 121


def test_a_silent_track_is_no_sound(tmp_path):
    assert wav_of(_write_wav(tmp_path / "sound.wav", np.zeros((16000, 2)), 16000)) is None
    assert wav_of(_ramp(tmp_path / "clip.mp4", 24, 1, sound=torch.zeros(2, 48000))) is None


def test_a_video_without_a_track_has_no_sound_to_read(tmp_path):
    with pytest.raises(MediaError, match="has no sound"):
        wav_of(_ramp(tmp_path / "clip.mp4", 24, 1))


def test_a_sound_file_replaces_the_videos_own_track(tmp_path):
    tone = 0.3 * torch.sin(torch.arange(48000) / 48000 * 440 * 2 * torch.pi).expand(2, -1)
    video = _ramp(tmp_path / "clip.mp4", 24, 1, sound=tone)
    other = 8000 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)[:, None]
    audio = _write_wav(tmp_path / "other.wav", other, 16000)
    asking = Asking(instruction="Say.", frames=2, max_side=64, with_sound=True)
    question = asking.question(Source(name="clip.mp4", media=video, kind="video", audio=audio))
    samples = _samples(question.wav)
    assert abs(np.abs(np.fft.rfft(samples)).argmax() * 16000 / len(samples) - 1000) < 2
