import codecs
import json
import re

import pytest

from datamodules.manifest.scan import file_hash, final_caption, keep_once, nothing_left, scan_dataset
from tests.mixed_folder import MIXED_FILES


def write_files(directory, *names):
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a caption" if name.lower().endswith(".txt") else name, encoding="utf-8")
    return directory


def write_manifest(directory, text, name="clips.csv"):
    write_files(directory, "a.mp4", "b.mov", "c.png", "d.wav")
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_gives_its_clips_with_captions_and_sounds(tmp_path):
    write_files(tmp_path, "a.mp4", "a.txt", "a.wav", "sub dir/B.PNG", "sub dir/B.TXT")
    manifest = scan_dataset(tmp_path)
    assert [(clip.name, clip.kind, clip.caption, clip.audio) for clip in manifest.clips] == [
        ("a.mp4", "video", "a caption", tmp_path / "a.wav"),
        ("sub dir/B.PNG", "image", "a caption", None),
    ]
    assert manifest.findings == ()


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "png", "jpg", "jpeg", "webp", "MP4"])
def test_every_documented_kind_of_picture_is_found(tmp_path, suffix):
    write_files(tmp_path, f"a.{suffix}", "a.txt")
    assert len(scan_dataset(tmp_path).clips) == 1


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "m4a"])
def test_a_sound_of_the_same_stem_replaces_the_track(tmp_path, suffix):
    write_files(tmp_path, "a.mp4", f"a.{suffix}")
    assert scan_dataset(tmp_path).clips[0].audio == tmp_path / f"a.{suffix}"


def test_hidden_files_and_the_cache_are_not_looked_at(tmp_path):
    write_files(tmp_path, "a.mp4", "a.txt", ".hidden.mp4", ".ltx-cache/b.mp4", ".git/x/y.png")
    manifest = scan_dataset(tmp_path)
    assert [clip.name for clip in manifest.clips] == ["a.mp4"]
    assert manifest.findings == ()


@pytest.mark.parametrize("pair", [("a.mov", "a.mp4"), ("a.mp4", "a.png"), ("a.png", "a.wav"), ("a.flac", "a.wav")])
def test_other_pairs_of_one_stem_are_an_error_that_names_both(tmp_path, pair):
    write_files(tmp_path, *pair, "other.mp4")
    with pytest.raises(ValueError, match=f"{pair[0]} and {pair[1]} have one stem"):
        scan_dataset(tmp_path)


def test_one_stem_in_two_folders_is_two_clips(tmp_path):
    write_files(tmp_path, "x/a.mp4", "y/a.mov")
    assert len(scan_dataset(tmp_path).clips) == 2


@pytest.mark.parametrize(
    ("name", "action", "reason"),
    [
        ("old.avi", "dropped", r"\.avi files are not read"),
        ("phone.heic", "dropped", r"\.heic files are not read"),
        ("orphan.txt", "warned", "no video, still or sound has this stem"),
        ("notes.pdf", "noted", "neither a media file nor a caption"),
        ("list.csv", "noted", "a manifest inside a folder"),
    ],
)
def test_each_file_that_is_no_clip_is_accounted_for(tmp_path, name, action, reason):
    write_files(tmp_path, "a.mp4", "a.txt", name)
    (finding,) = scan_dataset(tmp_path).findings
    assert (finding.name, finding.action) == (name, action)
    assert re.search(reason, finding.reason)


@pytest.mark.parametrize("content", [None, "", "  \n"])
def test_a_missing_or_empty_caption_is_a_warning(tmp_path, content):
    write_files(tmp_path, "a.mp4")
    if content is not None:
        (tmp_path / "a.txt").write_text(content)
    manifest = scan_dataset(tmp_path)
    assert manifest.clips[0].caption == ""
    assert [finding.action for finding in manifest.findings] == ["warned"]
    assert "trigger alone" in manifest.findings[0].reason


@pytest.mark.parametrize(
    "encoded", ["caf\u00e9".encode(), "caf\u00e9".encode("utf-8-sig"), "caf\u00e9".encode("utf-16")]
)
def test_captions_as_editors_save_them_are_read(tmp_path, encoded):
    write_files(tmp_path, "a.mp4")
    (tmp_path / "a.txt").write_bytes(encoded)
    assert scan_dataset(tmp_path).clips[0].caption == "caf\u00e9"


def test_a_caption_in_an_unknown_encoding_drops_its_clip(tmp_path):
    write_files(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "a.txt").write_bytes("caf\u00e9".encode("latin-1"))
    manifest = scan_dataset(tmp_path)
    assert [clip.name for clip in manifest.clips] == ["b.mp4"]
    assert "not UTF-8" in next(finding.reason for finding in manifest.findings if finding.action == "dropped")


def test_a_folder_linked_into_itself_is_searched_once(tmp_path):
    write_files(tmp_path, "a.mp4")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert len(scan_dataset(tmp_path).clips) == 1


def test_the_mixed_folder_is_accounted_for(mixed_folder):
    manifest = scan_dataset(mixed_folder)
    assert {clip.name: clip.caption for clip in manifest.clips} == MIXED_FILES
    assert [finding.name for finding in manifest.findings] == ["empty caption.mp4"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("clips.csv", "video,caption,split\na.mp4,one,\nb.mov,two,validation\n"),
        (
            "clips.csv",
            codecs.BOM_UTF8.decode() + "media_path,caption,split\r\na.mp4,one,train\r\nb.mov,two,validation\r\n",
        ),
        (
            "clips.json",
            '[{"video": "a.mp4", "caption": "one"},\n {"media": "b.mov", "caption": "two", "split": "validation"}]',
        ),
        (
            "clips.jsonl",
            '{"media": "a.mp4", "caption": "one"}\n\n{"video": "b.mov", "caption": "two", "split": "validation"}\n',
        ),
    ],
)
def test_a_manifest_of_each_kind_is_read(tmp_path, name, text):
    clips = scan_dataset(write_manifest(tmp_path, text, name)).clips
    assert [(clip.name, clip.caption, clip.split) for clip in clips] == [
        ("a.mp4", "one", "train"),
        ("b.mov", "two", "validation"),
    ]


def test_captions_with_commas_quotes_and_line_breaks_are_read(tmp_path):
    text = 'video,caption\na.mp4,"a ""big"", red\ncat \u2028 here"\nb.mov,two\n'
    clips = scan_dataset(write_manifest(tmp_path, text)).clips
    assert [clip.caption for clip in clips] == ['a "big", red\ncat \u2028 here', "two"]


def test_absolute_paths_keep_their_name(tmp_path):
    write_files(tmp_path / "elsewhere", "x.mp4")
    media = tmp_path / "elsewhere" / "x.mp4"
    path = write_manifest(tmp_path / "here", f"video,caption\n{media},x\n")
    assert scan_dataset(path).clips[0].name == str(media)


def test_an_audio_column_replaces_the_track(tmp_path):
    clips = scan_dataset(write_manifest(tmp_path, "video,audio,caption\na.mp4,d.wav,x\n")).clips
    assert clips[0].audio == tmp_path / "d.wav"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video\na.mp4\n", r"clips.csv:2 has no `caption`"),
        ("caption\nx\n", r"clips.csv:2 names no file"),
        ("video,caption\na.mp4,x\n,y\n", r"clips.csv:3 names no file"),
        ("video,image,caption\na.mp4,c.png,x\n", r"clips.csv:2 has both `video` and `image`"),
        ("video,caption\nc.png,x\n", r"clips.csv:2: `video` is 'c.png', which is a still"),
        ("image,caption\na.mp4,x\n", r"clips.csv:2: `image` is 'a.mp4', which is a video"),
        ("media,caption\nd.wav,x\n", r"clips.csv:2: `media` is 'd.wav', which is a sound"),
        ("image,audio,caption\nc.png,d.wav,x\n", r"clips.csv:2: `audio` is 'd.wav', beside a still"),
        ("video,caption,split\na.mp4,x,test\n", r"clips.csv:2: `split` is 'test', .* train or validation"),
        ('video,caption\na.mp4,"two\nlines"\nb.mov,y,z\n', r"clips.csv:4 does not have 2 columns"),
        ("video,caption\na.mp4\n", r"clips.csv:2 does not have 2 columns"),
        ("video,caption\n", r"clips.csv has no rows"),
        ("video;caption\na.mp4;one, two\n", r"clips.csv:1 .*'video;caption'.* commas"),
        ("video,Video,caption\na.mp4,b.mov,x\n", r"clips.csv:1 has `video` twice"),
    ],
)
def test_a_bad_csv_row_is_named_by_its_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        scan_dataset(write_manifest(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("clips.json", '{"video": "a.mp4"}', r"clips.json:1 is not a JSON list"),
        ("clips.json", '[{"video": "a.mp4", "caption": "x"},\n{"video": }]', r"clips.json:2 is not JSON"),
        ("clips.json", '[{"video": "a.mp4", "caption": "x"},\n\n{"video": "b.mov"}]', r"clips.json:3 has no `caption`"),
        ("clips.json", '["a.mp4"]', r"clips.json:1 is 'a.mp4', but a row is an object"),
        ("clips.jsonl", '{"video": "a.mp4", "caption": "x"}\n{"video": "b.mov"\n', r"clips.jsonl:3 is not JSON"),
        ("clips.jsonl", '{"video": "a.mp4", "caption": 7}\n', r"clips.jsonl:1: `caption` is 7, but it must be text"),
    ],
)
def test_a_bad_json_entry_is_named_by_its_line(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        scan_dataset(write_manifest(tmp_path, text, name))


def test_a_manifest_that_is_not_utf_8_is_named_by_its_line(tmp_path):
    path = write_manifest(tmp_path, "")
    path.write_bytes("video,caption\na.mp4,caf\u00e9\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"clips.csv:2 is not UTF-8"):
        scan_dataset(path)


def test_missing_files_drop_their_row_with_its_line(tmp_path):
    manifest = scan_dataset(write_manifest(tmp_path, "video,audio,caption\na.mp4,,x\ngone.mp4,,y\nb.mov,gone.wav,z\n"))
    assert [clip.name for clip in manifest.clips] == ["a.mp4"]
    assert [(finding.action, "gone" in finding.reason) for finding in manifest.findings] == [("dropped", True)] * 2
    assert "clips.csv:3" in manifest.findings[0].name


def test_unknown_columns_are_noted_once(tmp_path):
    text = "video,caption,mood\na.mp4,x,happy\nb.mov,y,sad\n"
    manifest = scan_dataset(write_manifest(tmp_path, text))
    (finding,) = manifest.findings
    assert (finding.action, "`mood`" in finding.reason) == ("noted", True)
    assert len(manifest.clips) == 2


def test_a_file_listed_twice_is_used_once_with_a_warning(tmp_path):
    manifest = scan_dataset(write_manifest(tmp_path, "video,caption\na.mp4,x\nb.mov,y\na.mp4,z\n"))
    assert [clip.caption for clip in manifest.clips] == ["x", "y"]
    assert "clips.csv:2 and again at" in manifest.findings[0].reason


def test_a_missing_dataset_says_what_a_dataset_is(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`data.path` is .*nowhere.* give a folder"):
        scan_dataset(tmp_path / "nowhere")


def test_a_single_media_file_is_no_dataset(tmp_path):
    write_files(tmp_path, "a.mp4")
    with pytest.raises(ValueError, match="give the folder that holds the file"):
        scan_dataset(tmp_path / "a.mp4")


def test_a_folder_that_yields_nothing_lists_why(tmp_path):
    write_files(tmp_path, "old.avi", "old.heic", "lone.txt")
    with pytest.raises(ValueError, match=r"(?s)nothing to train on.*old.avi: .avi files.*old.heic: .heic") as caught:
        scan_dataset(tmp_path)
    assert "lone.txt" not in str(caught.value)  # a warning is no reason


def test_an_empty_folder_says_what_it_lacks(tmp_path):
    assert "holds no video or still (.mp4" in str(nothing_left(tmp_path, []))


@pytest.mark.parametrize(
    ("caption", "trigger", "final"),
    [
        ("a cat", "zxq", "zxq a cat"),
        ("a ZXQ cat", "zxq", "a ZXQ cat"),
        ("", "zxq", "zxq"),
        ("bohemian rooms", "mia", "mia bohemian rooms"),
        ("a party", "art", "art a party"),
        ("portrait of (Mia), smiling", "mia", "portrait of (Mia), smiling"),
        ("a c++ book", "c++", "a c++ book"),
        ("a cat ", "", "a cat"),
        (" ", " ", ""),
    ],
)
def test_the_trigger_stands_in_front_of_captions_that_lack_it(caption, trigger, final):
    assert final_caption(caption, trigger) == final


def test_columns_may_be_capitalized(tmp_path):
    manifest = scan_dataset(write_manifest(tmp_path, "Video,CAPTION,Split\na.mp4,Red,validation\n"))
    assert [(clip.name, clip.caption, clip.split) for clip in manifest.clips] == [("a.mp4", "Red", "validation")]
    assert manifest.findings == ()


def test_the_same_sound_under_two_names_is_reported_as_a_copy():
    kept, findings = keep_once([("a.mp4", "1"), ("a.mp4", "1"), ("a.mp4", "2")])
    assert kept == (0, 2)
    assert len(findings) == 1


def test_the_first_of_equal_files_is_kept(tmp_path):
    write_files(tmp_path, "a", "b")
    (tmp_path / "c").write_text("a")
    kept, findings = keep_once([(name, file_hash(tmp_path / name)) for name in "abc"])
    assert kept == (0, 1)
    assert [(finding.name, finding.action) for finding in findings] == [("c", "warned")]
    assert "same bytes as a" in findings[0].reason


def test_a_manifest_survives_a_round_trip_of_awkward_text(tmp_path):
    caption = 'quotes " and , and \\ and \n break'
    text = json.dumps([{"video": "a.mp4", "caption": caption}])
    assert scan_dataset(write_manifest(tmp_path, text, "clips.json")).clips[0].caption == caption
