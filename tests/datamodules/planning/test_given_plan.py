"""References and masks of a recipe, before anything is encoded: what is refused, and which items there are."""

import re

import pytest
from PIL import Image

from datamodules.media.write import write_video
from datamodules.needs import Keyframe, Needs
from ltx_module.pico import write_pico
from tests.datamodules.given_clips import data_module, ramp, tone, write_clip, write_sound

REFERENCE = Needs(video_reference=True)
MASK = Needs(video_mask=True)


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


@pytest.fixture
def folder(tmp_path):
    """Two clips, each with two references and a mask."""
    for number, name in enumerate(("a", "b")):
        write_clip(tmp_path / f"{name}.mp4", first=20 + 5 * number, caption=f"clip {name}")
        for shift, signal in enumerate(("canny", "depth")):
            write_clip(tmp_path / "references" / signal / f"{name}.mp4", first=60 + 10 * shift + 5 * number)
        write_picture(tmp_path / "masks" / f"{name}.png")
    return tmp_path


def write_picture(path, width=64, height=64):
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (width, height), (255, 255, 255)).save(path)


def write_hushed(path):
    """A video of 25 frames whose sound ends after 0.3 s."""
    path.parent.mkdir(exist_ok=True)
    write_video(path, ramp(25), 24.0, tone(0.3, 48000))


@pytest.fixture
def planned(pico, folder):
    def plan(needs, **changes):
        data = data_module(pico, folder, needs, **changes)
        report = data.plan()
        return data, report

    return plan


def test_each_reference_gives_an_item(planned):
    data, report = planned(REFERENCE)
    clips = data.clips_of("train")
    assert [clip.cached.name for clip in clips] == [
        f"{name}.mp4@0.00s [{signal}]" for name in ("a", "b") for signal in ("canny", "depth")
    ]
    assert len({clip.cached.given.video_reference for clip in clips}) == 4
    assert len({clip.cached.latent_key for clip in clips}) == 2
    assert report.given == ("references canny: 2 of 2 clips", "references depth: 2 of 2 clips")
    assert "references canny: 2 of 2 clips" in report.table()
    assert "4 items of 2 clips to train on" in report.table()


def test_signals_chooses_among_the_references(planned, folder):
    (folder / "references" / "depth" / "b.mp4").unlink()
    data, report = planned(REFERENCE, signals=["depth", "canny"])
    assert [clip.cached.signal for clip in data.clips_of("train")] == ["canny", "depth", "canny"]
    assert report.given == ("references canny: 2 of 2 clips", "references depth: 1 of 2 clips")
    data, report = planned(REFERENCE, signals=["depth"])
    assert "1 clips have no references of the signals depth" in report.problems[0]


def test_clips_without_reference_stop_the_recipe_with_their_names(planned, folder):
    for path in (folder / "references").rglob("b.mp4"):
        path.unlink()
    data, report = planned(REFERENCE)
    assert report.problems == (
        "1 clips have no references, which `model.conditions` take: b.mp4. Put a file of the same path and stem into "
        "the dataset's folder `references/` (or name it in the manifest), or remove the clips.",
    )
    with pytest.raises(ValueError, match=r"b\.mp4"):
        data.prepare_data()


def test_clips_without_mask_stop_the_recipe_with_their_names(planned, folder):
    (folder / "masks" / "a.png").unlink()
    _, report = planned(MASK)
    assert "1 clips have no masks of the picture" in report.problems[0]
    assert "a.mp4" in report.problems[0]
    assert report.given == ("masks of the picture: 1 of 2 clips",)


def test_a_recipe_that_takes_none_says_so_and_needs_none(planned):
    _, report = planned(Needs())
    assert report.problems == ()
    reasons = [finding.reason for finding in report.findings]
    assert reasons == [
        f"2 clips have {what}, which no condition of this recipe takes" for what in ("references", "masks")
    ]


def test_a_reference_shorter_than_the_window_stops_the_recipe(planned, folder):
    write_clip(folder / "references" / "canny" / "a.mp4", frames=16)
    _, report = planned(REFERENCE)
    (problem,) = report.problems
    assert "canny/a.mp4 has 16 frames at 24 fps" in problem
    assert "reference canny of a.mp4@0.00s, which ends with frame 17" in problem


def test_a_mask_shorter_than_a_later_window_stops_the_recipe(planned, folder):
    (folder / "masks" / "a.png").unlink()
    write_clip(folder / "masks" / "a.mp4", frames=15)
    assert planned(MASK, buckets=["64x64x9"])[1].problems == ()
    _, report = planned(MASK, buckets=["64x64x9"], windows="all")
    (problem,) = report.problems
    assert "masks/a.mp4 has 15 frames at 24 fps" in problem
    assert "mask of a.mp4@0.38s, which ends with frame 18" in problem  # frames 9 to 17


@pytest.mark.parametrize(("width", "fits"), [(96, True), (98, False), (64, False)])
def test_the_aspect_ratio_of_a_reference_is_that_of_its_clip(pico, tmp_path, width, fits):
    # 96x64; 98x64 is 2.1 % wider
    write_clip(tmp_path / "a.mp4", width=96, caption="x")
    write_clip(tmp_path / "references" / "a.mp4", width=width)
    problems = data_module(pico, tmp_path, REFERENCE, buckets=["96x64x17"]).plan().problems
    assert bool(problems) != fits
    assert fits or "aspect ratios may differ by 2 %" in problems[0]


def test_a_smaller_reference_of_the_same_shape_fits(pico, tmp_path):
    write_clip(tmp_path / "a.mp4", width=96, caption="x")
    write_clip(tmp_path / "references" / "a.mp4", width=48, height=32)
    assert data_module(pico, tmp_path, REFERENCE, buckets=["96x64x17"]).plan().problems == ()


def test_a_reference_that_cannot_be_read_stops_the_recipe(planned, folder):
    (folder / "references" / "canny" / "a.mp4").write_bytes(b"nonsense" * 100)
    _, report = planned(REFERENCE)
    (problem,) = report.problems
    assert "canny/a.mp4" in problem
    assert "but it is the reference canny of a.mp4" in problem


def test_a_reference_that_a_manifest_names_has_to_exist(pico, folder):
    table = folder / "clips.csv"
    table.write_text("video,caption,reference_video\na.mp4,x,gone.mp4\nb.mp4,y,references/canny/b.mp4\n")
    problems = data_module(pico, table, REFERENCE).plan().problems
    assert len(problems) == 1
    assert "gone.mp4 does not exist" in problems[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"reference_downscale_factor": 3},
            r"data\.buckets\[0\]. is 64x64x17.*reference_downscale_factor: 3.* use 96 or",
        ),
        (
            {"reference_temporal_factor": 3},
            r"data\.buckets\[0\]. is 64x64x17.*temporal_factor: 3.*24k \+ 1.*use 25 or 49",
        ),
        ({"reference_temporal_factor": 4}, r"temporal_factor: 4.*32k \+ 1.*use 33 or 65"),
    ],
    ids=["space", "time", "time, 8k + 1"],
)
def test_a_factor_that_does_not_divide_names_bucket_and_key(planned, changes, message):
    with pytest.raises(ValueError, match=message):
        planned(REFERENCE, **changes)
    planned(Needs(), **changes)  # which is nothing to a recipe without references


def test_factors_that_divide_are_taken(planned):
    _, report = planned(REFERENCE, reference_downscale_factor=2, reference_temporal_factor=2)
    assert report.problems == ()


def test_a_condition_is_asked_about_each_bucket_that_is_used(planned):
    asked = []
    needs = Needs(checks=(lambda bucket, fps: asked.append((str(bucket), fps)),))
    planned(needs, buckets=["64x64x17", "96x64x9", "64x64x1"])
    assert asked == [("64x64x17", 24.0)]


def test_what_a_condition_says_of_a_bucket_is_raised(planned):
    def refuse(bucket, fps):
        raise ValueError(f"the prefix is longer than {bucket}")

    with pytest.raises(ValueError, match="longer than 64x64x17"):
        planned(Needs(checks=(refuse,)))


@pytest.mark.parametrize("frame", [17, -18])
def test_a_keyframe_outside_the_bucket_is_refused(planned, frame):
    with pytest.raises(ValueError, match=rf"give frame {frame}, but 64x64x17 has frames 0 to 16"):
        planned(Needs(keyframes=(Keyframe(frame=frame),)))


def test_one_frame_in_two_ways_is_refused():
    with pytest.raises(ValueError, match="frame 0 in two ways"):
        Needs(keyframes=(Keyframe(frame=0), Keyframe(frame=0, recompress=33)))


def test_one_frame_that_two_conditions_take_is_encoded_once(planned):
    data, report = planned(Needs(keyframes=(Keyframe(frame=0), Keyframe(frame=-1), Keyframe(frame=0))))
    assert [frame for frame, _ in data.clips_of("train")[0].cached.given.keyframes] == [0, -1]
    assert report.given == ("stills of frames 0, -1",)


def test_clips_without_sound_are_dropped_where_sound_is_given(pico, folder):
    write_clip(folder / "loud.mp4", sound=True, caption="loud")
    write_picture(folder / "still.png")
    report = data_module(
        pico, folder, Needs(requires_sound=True), with_audio=True, buckets=["64x64x17", "64x64x1"]
    ).plan()
    assert [row.name for row in report.rows if row.status == "train"] == ["loud.mp4@0.00s"]
    dropped = {row.name: row.reason for row in report.rows if row.status == "dropped"}
    assert dropped == {
        "a.mp4": "has no sound, which this recipe takes from every clip",
        "b.mp4": "has no sound, which this recipe takes from every clip",
        "still.png": "is a still, but this recipe takes sound from every clip",
    }


def test_a_reference_videos_own_track_is_the_reference_sound(pico, tmp_path):
    write_clip(tmp_path / "a.mp4", sound=True, caption="x")
    write_clip(tmp_path / "references" / "a.mp4", first=60, sound=True)
    needs = Needs(video_reference=True, audio_reference=True)
    data = data_module(pico, tmp_path, needs, with_audio=True)
    track = data.plan() and data.clips_of("train")[0].cached.given.audio_reference
    write_sound(tmp_path / "references" / "a.wav", 2.0)
    data = data_module(pico, tmp_path, needs, with_audio=True)
    sound = data.plan() and data.clips_of("train")[0].cached.given.audio_reference
    assert None not in (track, sound)
    assert track != sound


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda folder: write_sound(folder / "references" / "a.wav", 0.3), r"a.wav lasts 0.30 s, .* ends at 0.71 s"),
        (lambda folder: write_hushed(folder / "references" / "a.mp4"), r"a.mp4 lasts 0.3. s, .* ends at 0.71 s"),
        (
            lambda folder: write_clip(folder / "references" / "a.mp4"),
            r"a.mp4 has no sound, but it is the reference sound",
        ),
        (lambda folder: None, r"1 clips have no references"),
    ],
    ids=["short", "short track", "silent", "none"],
)
def test_a_reference_sound_has_to_be_one_and_last(pico, tmp_path, write, message):
    write_clip(tmp_path / "a.mp4", sound=True, caption="x")
    write(tmp_path)
    (problem,) = data_module(pico, tmp_path, Needs(audio_reference=True), with_audio=True).plan().problems
    assert re.search(message, problem)


def test_ordinary_clips_need_neither_references_nor_masks(pico, folder, tmp_path_factory):
    ordinary = tmp_path_factory.mktemp("ordinary")
    write_clip(ordinary / "plain.mp4", first=90, caption="plain")
    needs = Needs(video_reference=True, video_mask=True, keyframes=(Keyframe(frame=0),))
    data = data_module(pico, folder, needs, regularisation=ordinary)
    assert data.plan().problems == ()
    (clip,) = data.clips_of("regularisation")
    assert clip.cached.given.video_reference is None
    assert [frame for frame, _ in clip.cached.given.keyframes] == [0]
