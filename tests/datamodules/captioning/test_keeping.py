import json

import pytest

from datamodules.captioning.memory import BACKUP_NAME, FILE_NAME, Memory, back_up
from tests.datamodules.captioning.fake_endpoint import CAPTION, Reply

OTHER = "Two green squares turn in place on a black floor, and nothing else is to be seen around them."
PERSONS = "my own words, \u00e4 la main\r\n"


def _state(file):
    return file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino


def _says(endpoint, text):
    endpoint.reply = lambda number, request: Reply(text=text)


@pytest.fixture
def persons(clips):
    """A caption that a person wrote."""
    file = clips / "dance.txt"
    file.write_bytes(PERSONS.encode())
    return file


@pytest.mark.parametrize("overwrite", ["none", "own"])
def test_a_persons_caption_is_not_touched(run, clips, endpoint, persons, overwrite):
    before = _state(persons)
    assert run(clips, overwrite=overwrite) == 0
    assert _state(persons) == before
    assert len(endpoint.requests) == 3
    assert not (clips / BACKUP_NAME).exists()


def test_a_persons_caption_is_overwritten_when_told_to_and_kept_as_a_copy(run, clips, persons):
    assert run(clips, overwrite="all", only="dance.mp4") == 0
    assert persons.read_text() == f"{CAPTION}\n"
    assert (clips / BACKUP_NAME / "dance.txt.1").read_bytes() == PERSONS.encode()


def test_a_caption_that_is_not_utf8_is_a_persons_too(run, clips, caplog):
    file = clips / "dance.txt"
    file.write_bytes(b"\xff\xfe\x00\xd8caf\xe9")
    before = _state(file)
    assert run(clips) == 1
    assert _state(file) == before
    assert "is not UTF-8" in caplog.text


def test_a_caption_file_in_capitals_is_the_clips_too(run, clips):
    file = clips / "dance.TXT"
    file.write_text(PERSONS)
    before = _state(file)
    assert run(clips, only="dance.mp4") == 0
    assert _state(file) == before
    assert [path.name for path in clips.glob("*.[tT]*")] == ["dance.TXT"]
    run(clips, only="dance.mp4", overwrite="all")
    assert file.read_text() == f"{CAPTION}\n"


def test_an_own_caption_is_kept_by_default_and_written_anew_by_own(run, clips, endpoint):
    run(clips, only="dance.mp4")
    _says(endpoint, OTHER)
    before = _state(clips / "dance.txt")
    run(clips, only="dance.mp4", kind="ic")
    assert _state(clips / "dance.txt") == before
    run(clips, only="dance.mp4", kind="ic", overwrite="own")
    assert (clips / "dance.txt").read_text() == f"{OTHER}\n"
    assert (clips / BACKUP_NAME / "dance.txt.1").read_text() == f"{CAPTION}\n"


def test_an_own_caption_that_a_person_edited_is_the_persons(run, clips, endpoint):
    run(clips, only="dance.mp4")
    file = clips / "dance.txt"
    file.write_text(CAPTION.replace("red", "crimson"))
    before = _state(file)
    assert run(clips, only="dance.mp4", kind="ic", overwrite="own") == 0
    assert _state(file) == before
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1, "captions": [1]}', '{"format": 99, "captions": {}}'])
def test_without_its_memory_every_caption_is_held_to_be_a_persons(run, clips, damage):
    run(clips, only="dance.mp4")
    before = _state(clips / "dance.txt")
    (clips / FILE_NAME).write_text(damage)
    run(clips, only="dance.mp4", kind="ic", overwrite="own")
    assert _state(clips / "dance.txt") == before


def test_an_empty_caption_file_counts_as_none(run, clips):
    (clips / "dance.txt").write_text(" \n")
    assert run(clips, only="dance.mp4") == 0
    assert (clips / "dance.txt").read_text() == f"{CAPTION}\n"
    assert not (clips / BACKUP_NAME).exists()


def test_a_caption_written_by_a_person_while_the_model_thinks_is_kept(run, clips, endpoint, caplog):
    def reply(number, request):
        (clips / "dance.txt").write_bytes(PERSONS.encode())
        return Reply()

    endpoint.reply = reply
    assert run(clips, only="dance.mp4", overwrite="all") == 1
    assert (clips / "dance.txt").read_bytes() == PERSONS.encode()
    assert "dance.txt: was edited meanwhile" in caplog.text


def test_other_files_stay_as_they_are(run, clips):
    before = {file: _state(file) for file in clips.iterdir()}
    run(clips)
    assert {file: _state(file) for file in before} == before
    names = {file.name for file in clips.iterdir()} - {file.name for file in before}
    assert names == {"dance.txt", "silent.txt", "still.txt", "\u821e\u8e0f \u00fc.txt", FILE_NAME}


def test_a_dry_run_writes_nothing_and_asks_nothing(run, clips, endpoint, persons, caplog):
    caplog.set_level("INFO")
    before = {file: _state(file) for file in clips.rglob("*")}
    assert run(clips, dry_run=True) == 0
    assert {file: _state(file) for file in clips.rglob("*")} == before
    assert endpoint.paths == []
    assert "silent.txt: would be written" in caplog.text
    assert "dance.txt: has a caption" in caplog.text


def test_variants_stand_in_numbered_files_and_know_each_other(run, clips, endpoint):
    answers = [CAPTION, OTHER, f"{OTHER} Dust lies on the floor."]
    endpoint.reply = lambda number, request: Reply(text=answers[number])
    assert run(clips, only="dance.mp4", variants=3) == 0
    assert [(clips / f"dance{end}.txt").read_text().strip() for end in ("", ".2", ".3")] == answers
    assert f"- {CAPTION}\n- {OTHER}" in endpoint.texts()[2]


def test_a_variant_is_added_beside_a_persons_caption(run, clips, endpoint, persons):
    before = _state(persons)
    run(clips, only="dance.mp4", variants=2)
    assert _state(persons) == before
    assert (clips / "dance.2.txt").read_text() == f"{CAPTION}\n"
    assert f"- {PERSONS.strip()}" in endpoint.texts()[0]


def test_a_failed_variant_leaves_the_first_one(run, clips, endpoint, caplog):
    endpoint.reply = lambda number, request: Reply(text=CAPTION) if number == 0 else Reply(status=400, body=b"no")
    assert run(clips, only="dance.mp4", variants=2) == 1
    assert (clips / "dance.txt").read_text() == f"{CAPTION}\n"
    assert not (clips / "dance.2.txt").exists()


def test_a_variant_must_not_be_the_caption_of_another_clip(run, clips):
    (clips / "dance.2.mp4").write_bytes((clips / "silent.mp4").read_bytes())
    with pytest.raises(ValueError, match=r"`--variants` is 2, but .*dance\.2\.txt is the caption of another clip"):
        run(clips, variants=2)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("dance.mp4", ["dance"]), ("s*", ["silent", "still"]), ("night/*", ["night/car"]), ("*.png", ["still"])],
)
def test_only_the_clips_that_match_are_captioned(run, clips, pattern, names):
    (clips / "night").mkdir()
    (clips / "night" / "car.mp4").write_bytes((clips / "silent.mp4").read_bytes())
    assert run(clips, only=pattern) == 0
    assert sorted(file.relative_to(clips).with_suffix("").as_posix() for file in clips.rglob("*.txt")) == names


def test_a_pattern_that_matches_nothing_is_an_error(run, clips):
    with pytest.raises(ValueError, match="`--only` is 'xyz', which matches no clip"):
        run(clips, only="xyz")


def test_equal_copies_are_kept_once_and_others_beside(tmp_path):
    for content in (b"one", b"two", b"one"):
        back_up(tmp_path, "sub/dance.txt", content)
    copies = {file.name: file.read_bytes() for file in (tmp_path / BACKUP_NAME / "sub").iterdir()}
    assert copies == {"dance.txt.1": b"one", "dance.txt.2": b"two"}


def test_what_another_process_remembers_is_not_lost(tmp_path):
    first, second = Memory(tmp_path), Memory(tmp_path)
    first.remember("a.txt", b"a", "x")
    second.remember("b.txt", b"b", "x")
    assert json.loads((tmp_path / FILE_NAME).read_text())["captions"].keys() == {"a.txt", "b.txt"}
    assert Memory(tmp_path).is_own("a.txt", b"a")
    assert not Memory(tmp_path).is_own("a.txt", b"b")


def test_an_empty_folder_and_a_missing_one_are_errors(run, tmp_path):
    with pytest.raises(ValueError, match="holds no video"):
        run(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is nothing"):
        run(tmp_path / "no")
    (tmp_path / "notes.md").write_text("hello")
    with pytest.raises(ValueError, match="a dataset is a folder or a manifest"):
        run(tmp_path / "notes.md")


def test_references_and_masks_are_no_clips(run, clips, endpoint):
    for folder in ("references/canny", "masks"):
        (clips / folder).mkdir(parents=True)
        (clips / folder / "dance.mp4").write_bytes((clips / "dance.mp4").read_bytes())
    assert run(clips) == 0
    assert len(endpoint.requests) == 4
    assert not list((clips / "references").rglob("*.txt")) + list((clips / "masks").rglob("*.txt"))
