import math

import av
import numpy as np
import pytest
import torch

from datamodules.manifest.clip import MediaError
from datamodules.manifest.scan import scan_dataset
from datamodules.media.decode import read_audio, waveform_of
from datamodules.media.probe import clip_info, probe
from datamodules.world import Scene, play_tone
from tests.mixed_folder import write_sound, write_timed, write_wav

SOUNDS = [("wav", "pcm_s16le"), ("flac", "flac"), ("mp3", "libmp3lame"), ("m4a", "aac")]


def click_clip(path, **delays):
    """Three seconds with a click at 1.25 s of the sound; the picture is gray."""
    waveform = torch.zeros(2, 3 * 48000)
    waveform[:, 60000:60024] = 0.9
    frames = torch.full((72, 3, 32, 48), 90, dtype=torch.uint8)
    write_timed(path, frames, [index / 24 for index in range(72)], waveform=waveform, **delays)


def click_time(waveform):
    return waveform[0].abs().argmax().item() / 16000


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(("delay", "sound_delay"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.3), (0.25, 0.1)])
def test_a_click_is_heard_at_its_time_of_the_picture(tmp_path, container, delay, sound_delay):
    path = tmp_path / f"a.{container}"
    click_clip(path, delay=delay, sound_delay=sound_delay)
    waveform = read_audio(path, start=0.5, duration=1.5)
    assert waveform.shape == (2, 24000)
    assert click_time(waveform) == pytest.approx(1.25 + sound_delay - delay - 0.5, abs=0.001)


def test_sound_after_a_seek_is_in_step(tmp_path):
    waveform = torch.zeros(2, 8 * 48000)
    waveform[:, 288000:288024] = 0.9  # 6 s
    frames = torch.full((192, 3, 32, 48), 90, dtype=torch.uint8)
    write_timed(tmp_path / "a.mp4", frames, [index / 24 for index in range(192)], waveform=waveform)
    assert click_time(read_audio(tmp_path / "a.mp4", start=5.5, duration=2.0)) == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize(("suffix", "codec"), SOUNDS)
def test_a_late_window_of_a_sound_equals_the_same_stretch_of_the_whole(tmp_path, suffix, codec):
    path = tmp_path / f"a.{suffix}"
    write_sound(path, codec, 48000, play_tone(Scene(tone="rising", motion="left"), frames=192).mean(0, keepdim=True))
    whole = read_audio(path, start=0.0, duration=8.0)
    window = read_audio(path, start=5.5, duration=1.0)
    assert whole[:, 88000:104000].abs().max() > 0.2
    assert (window - whole[:, 88000:104000]).abs().max() < 1e-4


def test_reading_a_48_khz_file_matches_the_reference_resampling(tmp_path, golden):
    source = golden["resample.waveform_48k"] / golden["resample.waveform_48k"].abs().max()
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=48000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(source.T.reshape(1, -1)), format="flt", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    expected = golden["resample.waveform_16k"] / golden["resample.waveform_48k"].abs().max()
    assert (read_audio(tmp_path / "a.mkv", start=0.0, duration=1.0) - expected).abs().max() < 1e-5


def test_sound_shorter_than_the_window_is_filled_up_with_silence(tmp_path):
    write_wav(tmp_path / "a.wav", torch.full((2, 24000), 0.5))
    waveform = read_audio(tmp_path / "a.wav", start=0.0, duration=49 / 24)
    assert waveform.shape == (2, round(49 / 24 * 16000))
    assert waveform[:, 100:7900].min() > 0.45
    assert waveform[:, 8100:].abs().max() < 1e-3


@pytest.mark.parametrize(("suffix", "codec"), SOUNDS)
@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_sounds_of_every_kind_begin_in_step(tmp_path, suffix, codec, rate):
    path = tmp_path / f"a.{suffix}"
    samples = torch.zeros(1, 2 * rate)
    samples[:, rate : rate + rate // 100] = 0.8 * torch.sin(torch.arange(rate // 100) * 2 * math.pi * 1000 / rate)
    write_sound(path, codec, rate, samples)
    waveform = read_audio(path, start=0.5, duration=1.0)
    loud = (waveform[0].abs() > 0.3).nonzero()
    assert torch.equal(waveform[0], waveform[1])
    assert loud.min().item() / 16000 == pytest.approx(0.5, abs=0.003)  # lossy codecs smear a burst
    assert loud.max().item() / 16000 == pytest.approx(0.51, abs=0.003)


@pytest.mark.parametrize("name", ["u8", "s16", "s32", "flt", "dbl", "u8p", "s16p", "s32p", "fltp", "dblp"])
def test_every_sample_format_gives_the_same_waveform(name):
    levels = np.array([[-1.0, -0.5, 0.0, 0.5], [0.25, 0.0, -0.25, -1.0]])
    kind = name.removesuffix("p")
    scale = {"u8": 128, "s16": 2**15, "s32": 2**31, "flt": 1, "dbl": 1}[kind]
    dtype = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}[kind]
    stored = (levels * scale + (128 if kind == "u8" else 0)).astype(dtype)
    planes = stored if name.endswith("p") else stored.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), format=name, layout="stereo")
    assert torch.allclose(waveform_of(frame), torch.from_numpy(levels).float())


def test_a_separate_sound_counts_as_the_clips_own(mixed_folder):
    (clip,) = [clip for clip in scan_dataset(mixed_folder).clips if clip.name == "other sound.mp4"]
    waveform = read_audio(clip.audio, start=0.0, duration=1.0)
    assert torch.fft.rfft(waveform[0]).abs().argmax() == 800  # the wav's tone; the mp4's own is 200
    assert clip_info(clip).has_audio


def test_a_clip_whose_separate_sound_is_broken_names_the_sound(tmp_path, gray_ramp, make_clip):
    write_timed(tmp_path / "a.mp4", gray_ramp(5), [index / 24 for index in range(5)])
    (tmp_path / "a.wav").write_bytes(b"nothing" * 100)
    with pytest.raises(MediaError, match=r"a\.wav: cannot be decoded"):
        clip_info(make_clip(media=tmp_path / "a.mp4", audio=tmp_path / "a.wav"))


def test_sound_of_a_silent_clip_is_an_error(mixed_folder):
    assert not probe(mixed_folder / "silent.webm").has_audio
    with pytest.raises(MediaError, match="has no sound"):
        read_audio(mixed_folder / "silent.webm", start=0, duration=1)
