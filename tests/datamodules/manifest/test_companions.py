"""References and masks: which files belong to which clip, in a folder and in a manifest."""

import json

import pytest

from datamodules.manifest.scan import scan_dataset


def write_files(directory, *names):
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a caption" if name.endswith(".txt") else name, encoding="utf-8")
    return directory


def only_clip(directory):
    (clip,) = scan_dataset(directory).clips
    return clip


def test_a_reference_has_the_path_and_stem_of_its_clip(tmp_path):
    write_files(tmp_path, "in/dance.mp4", "in/dance.txt", "references/in/dance.mov", "references/canny/in/dance.png")
    clip = only_clip(tmp_path)
    references = tmp_path / "references"
    assert clip.references == {"": references / "in/dance.mov", "canny": references / "canny/in/dance.png"}
    assert scan_dataset(tmp_path).findings == ()


def test_sounds_among_references_and_masks_are_those_of_the_sound(tmp_path):
    names = ("references/a.mp4", "references/a.wav", "references/voice/a.flac", "masks/a.png", "masks/a.wav")
    write_files(tmp_path, "a.mp4", "a.txt", *names)
    clip = only_clip(tmp_path)
    assert clip.references == {"": tmp_path / "references/a.mp4"}
    assert clip.reference_audio == {
        "": tmp_path / "references/a.wav",
        "voice": tmp_path / "references/voice/a.flac",
    }
    assert (clip.video_mask, clip.audio_mask) == (tmp_path / "masks/a.png", tmp_path / "masks/a.wav")


def test_reserved_folders_hold_no_clips(tmp_path):
    write_files(tmp_path, "a.mp4", "a.txt", "references/canny/a.mp4", "masks/a.mp4", "in/masks/b.mp4", "in/masks/b.txt")
    assert [clip.name for clip in scan_dataset(tmp_path).clips] == ["a.mp4", "in/masks/b.mp4"]


def test_the_media_of_samples_are_no_clips(tmp_path):
    write_files(tmp_path, "a.mp4", "a.txt", "samples.yaml", "samples/1.mp4", "samples/2.png", "in/samples/b.mp4")
    manifest = scan_dataset(tmp_path)
    assert [clip.name for clip in manifest.clips] == ["a.mp4", "in/samples/b.mp4"]
    assert [finding.name for finding in manifest.findings] == ["in/samples/b.mp4"]  # which has no caption


def test_a_captioned_clip_among_the_samples_is_a_warning(tmp_path):
    write_files(tmp_path, "a.mp4", "a.txt", "samples/b.mp4", "samples/b.txt")
    (finding,) = scan_dataset(tmp_path).findings
    assert (finding.name, finding.action) == ("samples/b.txt", "warned")


@pytest.mark.parametrize("name", ["references/canny/b.mp4", "references/b.mp4", "masks/b.png", "references/in/a/a.mp4"])
def test_a_companion_without_a_clip_is_a_warning(tmp_path, name):
    write_files(tmp_path, "a.mp4", "a.txt", name)
    (finding,) = scan_dataset(tmp_path).findings
    assert (finding.name, finding.action) == (name, "warned")
    assert "no clip has the path and stem" in finding.reason


def test_other_files_in_reserved_folders_are_noted(tmp_path):
    write_files(tmp_path, "a.mp4", "a.txt", "masks/readme.txt", "references/a.avi")
    assert [finding.action for finding in scan_dataset(tmp_path).findings] == ["noted", "noted"]


@pytest.mark.parametrize(
    "names",
    [("references/a.mp4", "references/a.png"), ("masks/a.mp4", "masks/a.png"), ("masks/a.wav", "masks/a.flac")],
)
def test_two_companions_for_one_place_are_an_error_that_names_both(tmp_path, names):
    write_files(tmp_path, "a.mp4", "a.txt", *names)
    with pytest.raises(ValueError, match=r"are both a (reference|mask) of one clip") as refusal:
        scan_dataset(tmp_path)
    assert all(name in str(refusal.value) for name in names)


def test_a_reference_that_may_be_of_two_clips_is_an_error(tmp_path):
    write_files(tmp_path, "a.mp4", "canny/a.mp4", "references/canny/a.mp4")
    with pytest.raises(ValueError, match=r"references/canny/a.mp4 may be the reference of canny/a or .* of a"):
        scan_dataset(tmp_path)


def test_a_sound_alone_is_a_clip(tmp_path):
    write_files(tmp_path, "voice.wav", "voice.txt", "masks/voice.wav", "references/voice.mp3")
    clip = only_clip(tmp_path)
    assert (clip.kind, clip.media, clip.audio, clip.caption) == ("sound", tmp_path / "voice.wav", None, "a caption")
    assert clip.audio_mask == tmp_path / "masks/voice.wav"
    assert clip.reference_audio == {"": tmp_path / "references/voice.mp3"}


def write_table(directory, row):
    write_files(directory, "a.mp4", "v.wav")
    (directory / "clips.json").write_text(json.dumps([row]))
    return directory / "clips.json"


def test_a_manifest_names_references_and_masks(tmp_path):
    row = {
        "video": "a.mp4",
        "caption": "x",
        "reference_video": "r.mp4",
        "Reference_Video_Canny": "c/r.png",
        "reference_audio": "r.wav",
        "video_mask": "m.mp4",
        "audio_mask": "m.flac",
    }
    clip = only_clip(write_table(tmp_path, row))
    assert clip.references == {"": tmp_path / "r.mp4", "Canny": tmp_path / "c/r.png"}
    assert clip.reference_audio == {"": tmp_path / "r.wav"}
    assert (clip.video_mask, clip.audio_mask) == (tmp_path / "m.mp4", tmp_path / "m.flac")
    assert scan_dataset(tmp_path / "clips.json").findings == ()


@pytest.mark.parametrize(
    ("text", "spans"),
    [("0.5-1.2, 2-3", ((0.5, 1.2), (2.0, 3.0))), ("0 - 0.25", ((0.0, 0.25),))],
)
def test_a_sound_mask_may_be_seconds(tmp_path, text, spans):
    clip = only_clip(write_table(tmp_path, {"video": "a.mp4", "caption": "", "audio_mask": text}))
    assert clip.audio_mask == spans


def test_a_row_of_sound_alone_is_a_clip(tmp_path):
    clip = only_clip(write_table(tmp_path, {"audio": "v.wav", "caption": "a voice"}))
    assert (clip.kind, clip.media, clip.audio) == ("sound", tmp_path / "v.wav", None)


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        ("audio_mask", "2-1", r"json:1: `audio_mask` is '2-1', but 2 s is not before 1 s"),
        ("audio_mask", "0.5 to 1", r"`audio_mask` is '0.5 to 1', .* seconds such as 0.5-1.2"),
        ("video_mask", "m.wav", r"json:1: `video_mask` is 'm.wav', which is a sound, not a picture"),
        ("reference_video", "r.txt", r"`reference_video` is 'r.txt', which is a file we do not read"),
        ("reference_video_canny", "r.wav", r"`reference_video_canny` is 'r.wav', which is a sound"),
        ("reference_audio", "r.png", r"`reference_audio` is 'r.png', which is a still, not a sound"),
    ],
)
def test_a_companion_of_another_kind_is_named_by_its_line(tmp_path, column, text, message):
    with pytest.raises(ValueError, match=message):
        scan_dataset(write_table(tmp_path, {"video": "a.mp4", "caption": "", column: text}))


def test_one_video_with_two_references_is_two_clips(tmp_path):
    write_files(tmp_path, "a.mp4")
    rows = [{"video": "a.mp4", "caption": "x", "reference_video": name} for name in ("r.mp4", "s.mp4", "r.mp4")]
    (tmp_path / "clips.json").write_text(json.dumps(rows))
    manifest = scan_dataset(tmp_path / "clips.json")
    assert [clip.references[""].name for clip in manifest.clips] == ["r.mp4", "s.mp4"]
    assert [finding.action for finding in manifest.findings] == ["warned"]
