"""Several sets of clips and several captions of a clip, from the folders to the batches."""

import itertools
import json
from collections import Counter

import pytest
import torch

from datamodules.latents import LatentDataModule
from datamodules.manifest.sets import ClipSet
from ltx_module.pico import write_pico
from tests.datamodules.given_clips import write_clip

BUCKETS = ["64x64x17"]


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


def write_set(directory, count, first, caption="a clip"):
    """Clips that differ from those of another `first`."""
    for number in range(count):
        write_clip(directory / f"{number}.mp4", frames=17, first=first + 4 * number, caption=f"{caption} {number}")
    return directory


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Sets of four clips and of two, the first of which has three captions for one clip."""
    directory = tmp_path_factory.mktemp("sets")
    write_set(directory / "mia", 4, 20)
    for number, text in ((2, "another"), (3, "a third")):
        (directory / "mia" / f"0.{number}.txt").write_text(text)
    write_set(directory / "street", 2, 100, "a street")
    return directory


@pytest.fixture
def make(pico, folders, tmp_path):
    def make(*sets, **changes):
        arguments = {
            "sets": list(sets) or None,
            "buckets": BUCKETS,
            "trigger": "sks",
            "base_model": pico,
            "text_encoder": pico.parent / "gemma",
            "text_window": 128,
            "num_workers": 0,
            "cache_dir": folders / "cache",
        }
        return LatentDataModule(**(arguments | changes))

    return make


@pytest.fixture
def two(make, folders):
    """The two sets, encoded, a quarter of the items from the second."""

    def two(**changes):
        mia = ClipSet(path=folders / "mia", caption_dropout=0.25)
        street = ClipSet(path=folders / "street", share=0.25, trigger="")
        data = make(mia, street, **changes)
        data.prepare_data()
        data.setup()
        return data

    return two


def visits(data, count):
    """Names and captions of the items of a stream, without reading them."""
    loader = data.train_dataloader()
    clips = loader.dataset.clips
    batches = itertools.islice(loader.stream, count)
    return [(clips[visit.clip].name, visit.caption) for batch in batches for visit in batch]


def seen(data, count):
    """The items of a stream of batches."""
    batches = itertools.islice(data.train_dataloader(), count)
    return [item for batch in batches for item in zip(batch.names, batch.caption_numbers, strict=True)]


def test_a_share_of_a_quarter_gives_a_quarter_of_the_items(two):
    names = Counter(name for name, _ in visits(two(), 3200))
    street = {name: count for name, count in names.items() if name.startswith("street/")}
    assert sum(street.values()) / 3200 == pytest.approx(0.25, abs=0.002)
    assert street.keys() == {"street/0.mp4@0.00s", "street/1.mp4@0.00s"}
    assert max(street.values()) - min(street.values()) <= 1


def test_captions_of_a_clip_are_drawn_evenly_and_belong_to_the_batch(two):
    data = two()
    drawn = Counter(caption for name, caption in visits(data, 1600) if name.startswith("mia/0.mp4"))
    assert max(drawn.values()) - min(drawn.values()) <= 1
    assert drawn.keys() == {0, 1, 2}
    texts = ["sks a clip 0", "sks another", "sks a third"]
    for batch in itertools.islice(data.train_dataloader(), 24):
        if batch.names[0].startswith("mia/0.mp4"):
            video, _ = data.context(texts[batch.caption_numbers[0]])
            assert torch.equal(batch.video_context[0], video)


def test_items_carry_trigger_and_dropout_of_their_set(two):
    data = two()
    contexts = {True: data.context("a street 1")[0], False: data.context("sks a clip 1")[0]}
    for batch in itertools.islice(data.train_dataloader(), 16):
        is_street = batch.names[0].startswith("street/")
        assert batch.caption_dropout == ((None,) if is_street else (0.25,))
        if "/1.mp4" in batch.names[0]:
            assert torch.equal(batch.video_context[0], contexts[is_street])


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_run_that_is_killed_and_resumed_sees_the_same_captions(two, num_workers):
    whole = seen(two(), 40)
    interrupted = two(num_workers=num_workers).train_dataloader()
    head = list(itertools.islice(interrupted, 13))
    resumed = two(num_workers=num_workers).train_dataloader()
    resumed.load_state_dict(interrupted.state_dict())
    tail = list(itertools.islice(resumed, 27))
    assert [(batch.names[0], batch.caption_numbers[0]) for batch in head + tail] == whole


def test_one_set_streams_as_its_path_alone_does(make, folders):
    alone = make(path=folders / "street", sets=None)
    as_a_set = make(ClipSet(path=folders / "street"))
    for data in (alone, as_a_set):
        data.prepare_data()
        data.setup()
    assert visits(alone, 20) == visits(as_a_set, 20)
    assert alone.report.sets == ()


def test_the_report_has_a_line_for_each_set(two, folders):
    table = two().report.table()
    assert f"data.sets[0].path {folders / 'mia'}: 4 clips, each seen 1 times in a pass, 75.0% of the items" in table
    assert ", caption dropout 0.25" in table
    assert f"data.sets[1].path {folders / 'street'}: 2 clips, each seen 0.667 times in a pass, 25.0% of" in table
    assert "1 clips have 3 captions, which take turns" in table
    written = json.loads(json.dumps(two().report.to_dict()))["sets"]
    assert [(each["clips"], each["share"]) for each in written] == [(4, 0.75), (2, 0.25)]


def test_held_out_clips_are_neither_mirrored_nor_repeated_and_have_their_first_caption(make, folders):
    sets = [ClipSet(path=folders / "mia", repeats=3, flip=True), ClipSet(path=folders / "street", flip=True)]
    data = make(*sets, validation_fraction=0.5)
    data.prepare_data()
    data.setup()
    held_out = [name for batch in data.val_dataloader() for name in batch.names]
    assert len(held_out) == len(set(held_out)) == 3
    assert not any("mirrored" in name for name in held_out)
    assert all(batch.caption_numbers == (0,) for batch in data.val_dataloader())
    trained = {name.removesuffix(" mirrored") for name, _ in visits(data, 60)}
    assert trained.isdisjoint(held_out)
    assert {name.split("/")[0] for name in trained} == {"mia", "street"}


def test_a_file_held_out_in_one_set_is_held_out_in_all(make, tmp_path):
    write_set(tmp_path / "a", 2, 20)
    write_set(tmp_path / "b", 3, 24)  # the first of which is the second of the other
    rows = "video,caption,split\nb/0.mp4,x,validation\nb/1.mp4,y,\nb/2.mp4,z,\n"
    (tmp_path / "b.csv").write_text(rows)
    data = make(ClipSet(path=tmp_path / "a"), ClipSet(path=tmp_path / "b.csv"), cache_dir=tmp_path / "cache")
    report = data.plan()
    trained = [clip.cached.name for clip in data.clips_of("train")]
    assert trained == ["a/0.mp4@0.00s", "b/b/1.mp4@0.00s", "b/b/2.mp4@0.00s"]
    assert report.count("validation") == 2
    assert "warned  b/b/0.mp4: has the same bytes as a/1.mp4, so it is seen as a clip of both sets" in report.table()


def test_the_cache_keeps_the_entries_of_all_sets_when_it_is_pruned(make, folders, tmp_path):
    sets = [ClipSet(path=folders / "mia", flip=True), ClipSet(path=folders / "street", trigger="road")]
    data = make(*sets, cache_dir=tmp_path / "cache")
    data.prepare_data()
    data.setup()
    keys = {path.stem for path in (tmp_path / "cache").glob("*/??/*.safetensors")}
    assert data.prune().removed_files == 0
    changed = make(sets[0], ClipSet(path=folders / "street"), cache_dir=tmp_path / "cache")
    changed.prepare_data()
    removed = changed.prune()
    assert removed.removed_files == 2  # the two captions with the trigger of old
    assert removed.kept_files == len(keys) - 2


def test_a_missing_or_empty_set_is_named_by_its_key(make, folders, tmp_path):
    mia = ClipSet(path=folders / "mia")
    with pytest.raises(FileNotFoundError, match=r"`data.sets\[1\].path` is '.*nowhere', but there is nothing"):
        make(mia, ClipSet(path=tmp_path / "nowhere")).plan()
    write_clip(tmp_path / "short" / "a.mp4", frames=5, caption="x")
    report = make(mia, ClipSet(path=tmp_path / "short", share=0.5)).plan()
    (problem,) = report.problems
    assert problem.startswith(f"`data.sets[1].path` {str(tmp_path / 'short')!r} yields nothing to train on:\n  short/a")
    assert "fewer than the 17" in problem


def test_class_captions_need_a_trigger_in_every_set(make, folders):
    sets = [ClipSet(path=folders / "mia"), ClipSet(path=folders / "street", trigger="")]
    with pytest.raises(ValueError, match=r"`data.sets\[1\].trigger` is empty"):
        make(*sets, class_word="a person")


def test_a_class_caption_goes_with_its_own_caption(make, folders):
    data = make(ClipSet(path=folders / "mia"), ClipSet(path=folders / "street", trigger="road"), class_word="thing")
    data.prepare_data()
    data.setup()
    texts = {"mia/0.mp4@0.00s": ["thing a clip 0", "thing another", "thing a third"]}
    texts["street/1.mp4@0.00s"] = ["thing a street 1"]
    checked = set()
    for batch in itertools.islice(data.train_dataloader(), 24):
        name, number = batch.names[0], batch.caption_numbers[0]
        if name in texts:
            assert torch.equal(batch.class_video_context[0], data.context(texts[name][number])[0])
            checked.add((name, number))
    assert len(checked) == 4


def test_regularisation_may_be_several_datasets(make, folders, tmp_path):
    write_set(tmp_path / "people", 2, 150, "people")
    (tmp_path / "people" / "0.2.txt").write_text("sks people")
    write_set(tmp_path / "rooms", 1, 180, "a room")
    ordinary = [tmp_path / "people", tmp_path / "rooms"]
    data = make(ClipSet(path=folders / "mia"), regularisation=ordinary, regularisation_every_n_batches=2)
    data.prepare_data()
    data.setup()
    batches = list(itertools.islice(data.train_dataloader(), 12))
    named = Counter(batch.names[0] for batch in batches if batch.is_regularisation)
    assert named == {"people/0.mp4@0.00s": 2, "people/1.mp4@0.00s": 2, "rooms/0.mp4@0.00s": 2}
    drawn = {batch.caption_numbers[0] for batch in batches if batch.names[0].startswith("people/0")}
    assert drawn == {0, 1}
    table = data.report.table()
    assert f"regularisation {tmp_path / 'people'}, {tmp_path / 'rooms'}: 3 windows" in table
    assert "warned  people/0.mp4: its caption holds the trigger 'sks'" in table
    with pytest.raises(FileNotFoundError, match=r"`data.regularisation\[1\]` is '.*nowhere'"):
        make(ClipSet(path=folders / "mia"), regularisation=[ordinary[0], tmp_path / "nowhere"]).plan()
