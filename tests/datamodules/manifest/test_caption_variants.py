"""Several captions of one clip, in folders and manifests."""

import json

import pytest

from datamodules.manifest.scan import scan_dataset


@pytest.fixture
def folder(tmp_path):
    """A folder with empty files; only names matter to the scan."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def captions(path):
    return {clip.name: clip.captions for clip in scan_dataset(path).clips}


def test_numbered_texts_are_further_captions_in_the_order_of_their_numbers(folder):
    path = folder(dance__mp4="", dance__txt="one", dance__10__txt="ten", dance__2__txt="two ")
    assert captions(path) == {"dance.mp4": ("one", "two", "ten")}
    assert scan_dataset(path).findings == ()


def test_a_numbered_text_belongs_to_the_clip_of_its_whole_name_first(folder):
    path = folder(dance__mp4="", dance__txt="one", dance__2__mp4="", dance__2__txt="other", dance__2__2__txt="more")
    assert captions(path) == {"dance.mp4": ("one",), "dance.2.mp4": ("other", "more")}


def test_further_captions_alone_are_captions_too(folder):
    path = folder(dance__mp4="", dance__2__txt="two", dance__3__txt="three")
    assert captions(path) == {"dance.mp4": ("two", "three")}


@pytest.mark.parametrize("name", ["dance.1.txt", "dance.0.txt", "dance.02.txt", "dance.b.txt", "walk.2.txt"])
def test_a_text_of_another_name_is_no_caption_and_warned_of(folder, name):
    path = folder(dance__mp4="", dance__txt="one", **{name: "x"})
    assert captions(path) == {"dance.mp4": ("one",)}
    (finding,) = scan_dataset(path).findings
    assert (finding.name, finding.action) == (name, "warned")


def test_an_empty_one_of_several_captions_is_left_out_and_named(folder):
    path = folder(dance__mp4="", dance__txt="one", dance__2__txt=" ", dance__3__txt="three")
    assert captions(path) == {"dance.mp4": ("one", "three")}
    (finding,) = scan_dataset(path).findings
    assert "dance.2.txt" in finding.reason
    assert finding.action == "warned"


def test_a_clip_is_dropped_for_any_caption_that_cannot_be_read(folder):
    path = folder(dance__mp4="", dance__txt="one", still__png="", still__txt="x")
    (path / "dance.2.txt").write_bytes(b"\xff\x00\xfa")
    assert captions(path) == {"still.png": ("x",)}
    assert "dance.2.txt is not UTF-8" in str(scan_dataset(path).findings[0])


def test_numbered_columns_are_further_captions_and_may_be_empty(folder):
    table = "video,caption,Caption_3,caption_2\na.mp4,one,three,two\nb.mp4,one,,\nc.mp4,,,two\n"
    path = folder(a__mp4="", b__mp4="", c__mp4="", rows__csv=table) / "rows.csv"
    assert captions(path) == {"a.mp4": ("one", "two", "three"), "b.mp4": ("one",), "c.mp4": ("two",)}
    assert scan_dataset(path).findings == ()


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_a_list_of_texts_is_several_captions(folder, name):
    row = {"video": "a.mp4", "caption": ["one", " two", ""]}
    text = json.dumps([row]) if name == "rows.json" else json.dumps(row)
    assert captions(folder(a__mp4="", **{name: text}) / name) == {"a.mp4": ("one", "two")}


def test_an_empty_list_is_an_empty_caption(folder):
    path = folder(a__mp4="", rows__jsonl=json.dumps({"video": "a.mp4", "caption": []})) / "rows.jsonl"
    assert captions(path) == {"a.mp4": ("",)}
    assert "its caption is empty" in scan_dataset(path).findings[0].reason


REFUSED = {
    "a list with a number": ({"caption": ["one", 2]}, r"rows.jsonl:1: `caption` is \['one', 2\]"),
    "list and column": ({"caption": ["one", "two"], "caption_2": "x"}, "rows.jsonl:1 has `caption_2` twice"),
    "a list of splits": ({"caption": "one", "split": ["train"]}, r"rows.jsonl:1: `split` is \['train'\]"),
    "a number": ({"caption": "one", "caption_2": 2}, "rows.jsonl:1: `caption_2` is 2"),
}


@pytest.mark.parametrize(("values", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_caption_is_refused_by_its_line(folder, values, message):
    path = folder(a__mp4="", rows__jsonl=json.dumps({"video": "a.mp4"} | values)) / "rows.jsonl"
    with pytest.raises(ValueError, match=message):
        scan_dataset(path)


def test_a_column_that_is_no_number_of_a_caption_is_noted(folder):
    path = folder(a__mp4="", rows__csv="video,caption,caption_1\na.mp4,one,x\n") / "rows.csv"
    assert "unknown column `caption_1`" in scan_dataset(path).findings[0].reason
