"""Media that samples are given: what is refused, what is encoded, and what is read back."""

import pytest
import torch
from PIL import Image

from datamodules.geometry import Bucket
from datamodules.media.write import write_video
from datamodules.needs import Keyframe, Needs
from datamodules.sample_media import SampleMedia
from ltx_module.pico import write_pico
from tests.datamodules.given_clips import data_module, ramp, tone, write_clip, write_sound

BUCKET = Bucket(width=64, height=64, frames=17)
SOUND = Bucket(width=0, height=0, frames=0, seconds=1.0)


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One file of each kind."""
    directory = tmp_path_factory.mktemp("files")
    write_clip(directory / "long.mp4", frames=33, sound=True)
    write_clip(directory / "short.mp4", frames=12)
    write_video(directory / "hushed.mp4", ramp(33), 24.0, tone(0.4, 48000))
    write_clip(directory / "wide.mp4", width=128, frames=17)
    write_sound(directory / "long.wav", 2.0)
    write_sound(directory / "short.wav", 0.4)
    for name, colour in (("red.png", (255, 0, 0)), ("blue.png", (0, 0, 255)), ("white.png", (255, 255, 255))):
        Image.new("RGB", (64, 64), colour).save(directory / name)
    (directory / "broken.mp4").write_bytes(b"nonsense" * 100)
    return directory


@pytest.fixture
def make(pico, files, tmp_path):
    """A data module whose samples are given some of the files; it has no dataset."""

    def make(needs=None, bucket=BUCKET, *, with_audio=True, **names):
        media = SampleMedia(**{key: files / name for key, name in names.items()})
        data = data_module(
            pico, tmp_path / "none", needs or Needs(), with_audio=with_audio, cache_dir=tmp_path / "cache"
        )
        data.sample_media = ((media, bucket),)
        return data, media

    return make


def given(data, media, bucket=BUCKET):
    data.encode_prompts()
    return data.given(media, bucket)


def entry_of(data, key):
    return data._inputs.samples.entries[key]


def keys_of(data):
    (keys,) = data._inputs.samples.keys.values()
    return keys


def test_all_media_are_encoded_at_the_size_of_the_sample(make):
    data, media = make(
        image="red.png",
        last_image="blue.png",
        video="long.mp4",
        audio="long.wav",
        video_mask="white.png",
        audio_mask="long.wav",
        reference_video="long.mp4",
        reference_audio="long.wav",
    )
    what = given(data, media)
    channels = what.video.shape[1]
    assert what.video.shape == (1, channels, 3, 2, 2)
    assert what.audio.shape[2] == what.audio_reference.shape[2] == 18  # 17 frames at 24 fps, 25 latents a second
    assert what.video_reference.shape == (1, channels, 3, 2, 2)
    assert what.video_mask.tolist() == [[[[False] * 2] * 2] * 3]
    assert what.audio_mask.shape == (1, 18)
    assert {frame: still.shape for frame, still in what.keyframes.items()} == {
        0: (1, channels, 1, 2, 2),
        -1: (1, channels, 1, 2, 2),
    }
    assert not torch.equal(what.keyframes[0], what.keyframes[-1])


def test_a_sample_without_media_is_given_nothing(make):
    data, media = make()
    assert given(data, media).names == frozenset()


def test_a_video_longer_than_the_sample_is_cut_to_its_beginning(make):
    data, media = make(video="long.mp4")
    given(data, media)
    frames = entry_of(data, keys_of(data).video).read()
    assert ((frames.float().mean((1, 2, 3)) - 20) / 3).round().int().tolist() == list(range(17))


def test_frames_that_no_image_is_given_for_are_those_of_the_video(make):
    needs = Needs(keyframes=(Keyframe(frame=0), Keyframe(frame=8), Keyframe(frame=-1)))
    data, media = make(needs, video="long.mp4", image="red.png")
    given(data, media)
    entries = {frame: entry_of(data, key) for frame, key in keys_of(data).keyframes}
    assert {frame: entry.path.name for frame, entry in entries.items()} == {
        0: "red.png",
        8: "long.mp4",
        -1: "long.mp4",
    }
    levels = [((entries[frame].read().float().mean() - 20) / 3).round().item() for frame in (8, -1)]
    assert levels == [8, 16]


def test_images_are_recompressed_as_the_conditions_say(make):
    needs = Needs(keyframes=(Keyframe(frame=0, recompress=33), Keyframe(frame=-1)))
    data, media = make(needs, image="red.png", last_image="blue.png")
    given(data, media)
    crfs = {frame: entry_of(data, key).recompress for frame, key in keys_of(data).keyframes}
    assert crfs == {0: 33, -1: None}


def test_a_reference_of_a_sample_is_encoded_by_the_datas_factors(make, pico, files, tmp_path):
    data, media = make(reference_video="long.mp4")
    small = data_module(pico, tmp_path / "none", Needs(), cache_dir=tmp_path / "small", reference_downscale_factor=2)
    small.sample_media = data.sample_media
    assert given(small, media).video_reference.shape[2:] == (3, 1, 1)


def test_a_sound_shorter_than_the_sample_is_followed_by_silence_and_noted(make, caplog):
    data, media = make(audio="short.wav")
    with caplog.at_level("INFO"):
        what = given(data, media)
    assert "lasts 0.40 s, and silence fills the sample's 0.71 s" in caplog.text
    assert what.audio.shape[2] == 18
    waveform = entry_of(data, keys_of(data).audio).read()
    assert waveform[:, : round(0.39 * 16000)].abs().max() > 0.5
    assert waveform[:, round(0.41 * 16000) :].abs().max() < 1e-3


def test_a_videos_sound_that_ends_before_its_picture_is_followed_by_silence(make, caplog):
    data, media = make(audio="hushed.mp4")
    with caplog.at_level("INFO"):
        given(data, media)
    assert "and silence fills the sample's 0.71 s" in caplog.text
    data, media = make(Needs(partial_audio=True), audio="hushed.mp4")
    assert given(data, media).audio.shape[2] == 10  # 0.4 s


def test_the_stills_of_a_short_video_are_those_of_the_samples_frames(make):
    needs = Needs(partial_video=True, keyframes=tuple(Keyframe(frame=frame) for frame in (8, 9, -1, -10)))
    data, media = make(needs, video="short.mp4")
    given(data, media)
    entries = {frame: entry_of(data, key) for frame, key in keys_of(data).keyframes}
    levels = {frame: ((entry.read().float().mean() - 20) / 3).round().item() for frame, entry in entries.items()}
    assert levels == {8: 8, -10: 7}  # of 17 frames, of which 9 are there


def test_a_condition_is_asked_about_a_file_that_is_shorter_than_the_sample(make):
    asked = []
    needs = Needs(partial_video=True, partial_audio=True, sample_checks=(lambda *what: asked.append(what),))
    for name in ("long", "short"):
        given(*make(needs, video=f"{name}.mp4", audio=f"{name}.wav"))
    assert asked == [("audio", 10), ("video", 2)]  # 0.4 s, and 9 of 12 frames

    def refuse(modality, latents):
        raise ValueError(f"the prefix is longer than {latents} latents of {modality}")

    data, _ = make(Needs(partial_video=True, sample_checks=(refuse,)), video="short.mp4")
    with pytest.raises(ValueError, match="longer than 2 latents of video"):
        data.encode_prompts()


def test_a_part_is_enough_where_the_conditions_take_a_part(make):
    needs = Needs(partial_video=True, partial_audio=True)
    data, media = make(needs, video="short.mp4", audio="short.wav")
    what = given(data, media)
    assert what.video.shape[2] == 2  # 9 of its 12 frames
    assert what.audio.shape[2] == 10  # 0.4 s


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"image": "gone.png"}, r"`image` of `sample.prompts` is .*gone.png.*no such file"),
        (
            {"video": "short.mp4"},
            r"`video` .*short.mp4.*12 frames at 24 fps, fewer than the 17 of `sample.size` 64x64x17",
        ),
        ({"reference_video": "short.mp4"}, r"`reference_video` .*12 frames"),
        ({"video": "long.mp4", "video_mask": "short.mp4"}, r"`video_mask` .*12 frames"),
        ({"video": "long.mp4", "video_mask": "wide.mp4"}, r"`video_mask` .* 128x64, but `video` is 64x64"),
        ({"reference_audio": "short.wav"}, r"`reference_audio` .*lasts 0.40 s, less than the sample's 0.71 s"),
        ({"reference_audio": "hushed.mp4"}, r"`reference_audio` .*hushed.mp4.* sound lasts 0.4. s, less than"),
        ({"audio": "long.wav", "audio_mask": "short.wav"}, r"`audio_mask` .*lasts 0.40 s"),
        ({"video_mask": "white.png"}, r"`video_mask` .* masks nothing: give `video` too"),
        ({"audio_mask": "long.wav"}, r"`audio_mask` .* masks nothing: give `audio` too"),
        ({"image": "long.mp4"}, r"`image` .*a video: give a still"),
        ({"audio": "short.mp4"}, r"`audio` .*short.mp4.*has no sound"),
        ({"video": "long.wav"}, r"`video` .*long.wav.*has no picture"),
        ({"video": "broken.mp4"}, r"`video` .*broken.mp4"),
    ],
    ids=lambda value: "+".join(f"{key}={name}" for key, name in value.items()) if isinstance(value, dict) else "",
)
def test_media_that_are_nothing_for_the_sample_are_refused_before_encoding(make, names, message):
    data, _ = make(**names)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        data.encode_prompts()
    assert not list(data.cache.root.rglob("*.safetensors"))


def test_sound_is_refused_where_none_is_made(make):
    data, _ = make(audio="long.wav", with_audio=False)
    with pytest.raises(ValueError, match=r"`audio` .* is a sound, but `model.streams: video` has none"):
        data.encode_prompts()


def test_a_sample_of_sound_alone_takes_sounds(make):
    needs = Needs(streams="audio")
    data, media = make(needs, SOUND, audio="long.wav", audio_mask="long.wav", reference_audio="long.wav")
    what = given(data, media, SOUND)
    assert what.audio.shape[2] == what.audio_mask.shape[1] == what.audio_reference.shape[2] == 25
    data, _ = make(needs, SOUND, image="red.png")
    with pytest.raises(ValueError, match=r"`image` .* is a picture, but 1s is sound alone"):
        data.encode_prompts()


def test_a_reference_videos_track_is_the_reference_sound_where_one_is_taken(make):
    data, media = make(Needs(audio_reference=True), reference_video="long.mp4")
    assert given(data, media).audio_reference is not None
    data, media = make(Needs(), reference_video="long.mp4")
    assert given(data, media).audio_reference is None


def test_media_that_were_not_planned_are_asked_for_in_the_recipe(make, files):
    data, _ = make(image="red.png")
    data.encode_prompts()
    with pytest.raises(ValueError, match=r"blue.png.* not in the latent cache .*`sample.prompts`"):
        data.given(SampleMedia(image=files / "blue.png"), BUCKET)
    with pytest.raises(ValueError, match="not in the latent cache"):
        data.given(SampleMedia(image=files / "red.png"), Bucket(width=64, height=64, frames=9))


def test_the_prompt_of_a_sample_plays_no_part(make, files):
    from ltx_module.sample_config import SamplePrompt

    data, _ = make()
    first, second = (SamplePrompt(prompt=text, image=files / "red.png") for text in ("one", "two"))
    data.sample_media = ((first, BUCKET), (SamplePrompt(prompt="three"), BUCKET))
    data.encode_prompts()
    assert torch.equal(data.given(first, BUCKET).keyframes[0], data.given(second, BUCKET).keyframes[0])
    assert first.files == {"image": files / "red.png"}


def test_media_are_encoded_once(make):
    data, media = make(video="long.mp4", image="red.png")
    given(data, media)
    written = {path: path.stat().st_mtime_ns for path in data.cache.root.rglob("*.safetensors")}
    again, _ = make(video="long.mp4", image="red.png")
    given(again, media)
    assert {path: path.stat().st_mtime_ns for path in again.cache.root.rglob("*.safetensors")} == written


def test_samples_media_are_planned_encoded_and_kept_with_the_dataset(pico, files, tmp_path):
    write_clip(tmp_path / "a.mp4", caption="x")
    media = SampleMedia(video=files / "long.mp4")
    data = data_module(pico, tmp_path, Needs())
    data.sample_media = ((media, BUCKET),)
    report = data.plan()
    assert report.given == ("media of 1 samples",)
    plain = data_module(pico, tmp_path, Needs()).plan()
    assert report.cache.missing == plain.cache.missing + 1
    data.setup()
    data.prune()
    assert data.given(media, BUCKET).video.shape[2] == 3


def test_a_missing_file_of_a_sample_stops_the_check(pico, tmp_path):
    write_clip(tmp_path / "a.mp4", caption="x")
    data = data_module(pico, tmp_path, Needs())
    data.sample_media = ((SampleMedia(image=tmp_path / "gone.png"), BUCKET),)
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        data.plan()
