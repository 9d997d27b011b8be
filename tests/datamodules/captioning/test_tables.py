import csv
import json

import pytest

from datamodules.captioning.memory import BACKUP_NAME
from datamodules.manifest.scan import scan_dataset
from tests.datamodules.captioning.fake_endpoint import CAPTION, Reply

_CSV = (
    'video,caption,Split,note\ndance.mp4,"by a person, \u00e4",train,7\nsilent.mp4,,validation,\nstill.png,,train,x\n'
)


def _csv_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def table(clips):
    file = clips / "clips.csv"
    file.write_text(_CSV.replace("video,", "media,", 1), encoding="utf-8")
    return file


def test_the_copy_has_all_rows_and_columns_and_the_manifest_is_not_edited(run, table, endpoint):
    before = table.read_bytes(), table.stat().st_mtime_ns
    out = table.with_name("captioned.csv")
    assert run(table, out=out) == 0
    assert (table.read_bytes(), table.stat().st_mtime_ns) == before
    rows = _csv_rows(out)
    assert [row["caption"] for row in rows] == ["by a person, \u00e4", CAPTION, CAPTION]
    assert [(row["Split"], row["note"]) for row in rows] == [("train", "7"), ("validation", ""), ("train", "x")]
    assert len(endpoint.requests) == 2
    assert not list(table.parent.glob("*.txt"))
    assert [clip.caption for clip in scan_dataset(out).clips] == [row["caption"] for row in rows]


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_json_manifests_keep_what_else_is_in_them(run, clips, suffix):
    rows = [
        {"video": "dance.mp4", "caption": "by a person", "tags": ["a", {"b": None}]},
        {"Image": "still.png", "weight": 2.5},
    ]
    source, out = clips / f"clips{suffix}", clips / f"captioned{suffix}"
    source.write_text(json.dumps(rows) if suffix == ".json" else "".join(json.dumps(row) + "\n" for row in rows))
    assert run(source, out=out) == 0
    text = out.read_text(encoding="utf-8")
    written = json.loads(text) if suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    assert written == [rows[0], rows[1] | {"caption": CAPTION}]


def test_several_captions_are_a_list_in_json_and_columns_in_csv(run, clips, table, endpoint):
    endpoint.reply = lambda number, request: Reply(text=CAPTION.replace("red", f"red{number}"))
    source, out = clips / "clips.json", clips / "captioned.json"
    source.write_text(json.dumps([{"video": "dance.mp4", "caption": "by a person"}]))
    assert run(source, out=out, variants=3, concurrency=1) == 0
    captions = json.loads(out.read_text())[0]["caption"]
    assert [captions[0], "red0" in captions[1], "red1" in captions[2]] == ["by a person", True, True]
    endpoint.requests.clear()
    out = clips / "captioned.csv"
    assert run(table, out=out, variants=2, only="silent.mp4", concurrency=1) == 0
    rows = _csv_rows(out)
    assert ["red0" in rows[1]["caption"], "red1" in rows[1]["caption_2"], rows[0]["caption_2"]] == [True, True, ""]


def test_a_second_run_goes_on_with_the_copy_and_keeps_what_a_person_edited_there(run, table, endpoint):
    out = table.with_name("captioned.csv")
    run(table, out=out, only="silent.mp4")
    out.write_text(out.read_text(encoding="utf-8").replace("red circle", "crimson circle"), encoding="utf-8")
    assert run(table, out=out, overwrite="own", kind="ic") == 0
    assert [row["caption"] for row in _csv_rows(out)] == [
        "by a person, \u00e4",
        CAPTION.replace("red", "crimson"),
        CAPTION,
    ]
    assert len(endpoint.requests) == 2


def test_an_edit_of_the_copy_while_the_model_thinks_is_kept(run, table, endpoint, caplog):
    out = table.with_name("captioned.csv")
    run(table, out=out, only="silent.mp4")

    def reply(number, request):
        text = out.read_text(encoding="utf-8").replace("still.png,,", "still.png,by hand,")
        out.write_text(text, encoding="utf-8")
        return Reply()

    endpoint.reply = reply
    assert run(table, out=out) == 1
    assert _csv_rows(out)[2]["caption"] == "by hand"
    assert "was edited meanwhile" in caplog.text


def test_overwritten_captions_of_the_copy_are_backed_up_with_it(run, table):
    out = table.with_name("captioned.csv")
    run(table, out=out)
    before = out.read_bytes()
    run(table, out=out, overwrite="all", kind="ic")
    assert [row["caption"] for row in _csv_rows(out)] == [CAPTION] * 3
    assert (table.parent / BACKUP_NAME / "captioned.csv.1").read_bytes() == before


def test_paths_still_lead_to_the_files_when_the_copy_lies_elsewhere(run, table, tmp_path):
    out = tmp_path / "lists" / "captioned.csv"
    assert run(table, out=out) == 0
    assert _csv_rows(out)[1]["media"] == "../clips/silent.mp4"
    assert len(scan_dataset(out).clips) == 3


def test_a_row_without_its_file_is_reported_and_kept(run, table, caplog):
    table.write_text(table.read_text(encoding="utf-8") + "gone.mp4,,train,\n", encoding="utf-8")
    out = table.with_name("captioned.csv")
    assert run(table, out=out) == 1
    assert "there is no file" in caplog.text
    assert _csv_rows(out)[3]["media"] == "gone.mp4"


def test_nothing_is_written_when_nothing_is_left_to_do(run, clips):
    source, out = clips / "clips.json", clips / "captioned.json"
    source.write_text(json.dumps([{"video": "dance.mp4", "caption": "by a person"}]))
    assert run(source, out=out) == 0
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "which is not edited: give `--out captioned.csv`"),
        ("clips.csv", "the copy must be a file of its own"),
        ("captioned.json", "must end in .csv"),
        ("other.csv", "lists 'foreign.mp4', a clip that the manifest does not"),
    ],
)
def test_a_copy_that_does_not_fit_is_an_error(run, table, name, message):
    other = table.with_name("other.csv")
    other.write_text("video,caption\nforeign.mp4,dear to somebody\n")
    before = {file: file.read_bytes() for file in table.parent.iterdir()}
    with pytest.raises(ValueError, match=message):
        run(table, out=table.with_name(name) if name else None)
    assert {file: file.read_bytes() for file in table.parent.iterdir()} == before


def test_a_folder_takes_no_copy(run, clips, tmp_path):
    with pytest.raises(ValueError, match="captions of a folder stand beside its clips"):
        run(clips, out=tmp_path / "out.csv")


def test_malformed_manifests_name_the_line(run, clips):
    source = clips / "clips.jsonl"
    source.write_text('{"video": "dance.mp4"}\n{"video": \n')
    with pytest.raises(ValueError, match=r"clips\.jsonl:"):
        run(source, out=clips / "captioned.jsonl")
