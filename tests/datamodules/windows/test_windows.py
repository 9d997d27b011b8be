from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.geometry import Bucket
from datamodules.manifest.clip import MediaError
from datamodules.manifest.scan import file_hash, keep_once, scan_dataset
from datamodules.media.probe import clip_info
from datamodules.windows.clip_windows import plan_windows, window_starts


@pytest.fixture
def plan(make_clip, make_info):
    def plan_one(info, *texts, clip=None, **settings):
        clip = clip or make_clip()
        buckets = [Bucket.parse(text) for text in texts]
        hashes = {path: f"hash of {path}" for path in (clip.media, clip.audio) if path}
        return plan_windows([clip], [info], buckets, 24.0, hashes=hashes, **settings)

    return plan_one


@given(st.integers(1, 40), st.integers(0, 400), st.sampled_from(["head", "uniform", "all"]), st.integers(1, 6))
def test_windows_lie_inside_the_clip_and_do_not_overlap(frames, extra, rule, max_windows):
    starts = window_starts(frames + extra, frames, rule, max_windows)
    assert starts
    assert starts[0] >= 0
    assert starts[-1] + frames <= frames + extra
    assert all(later - earlier >= frames for earlier, later in pairwise(starts))


@given(st.integers(1, 40), st.integers(0, 400), st.integers(2, 6))
def test_uniform_windows_reach_from_end_to_end_at_even_distances(frames, extra, max_windows):
    starts = window_starts(frames + extra, frames, "uniform", max_windows)
    assert len(starts) == min(max_windows, (frames + extra) // frames)
    if len(starts) > 1:
        steps = {later - earlier for earlier, later in pairwise(starts)}
        assert (starts[0], starts[-1]) == (0, extra)
        assert max(steps) - min(steps) <= 1


def test_each_rule_takes_its_windows():
    # 100 frames hold 4 windows of 25
    assert window_starts(100, 25, "head", 3) == [0]
    assert window_starts(100, 25, "uniform", 3) == [0, 37, 75]
    assert window_starts(110, 25, "all", 3) == [0, 25, 50, 75]
    assert window_starts(35, 25, "uniform", 3) == [5]


def test_starts_are_in_seconds_and_name_the_window(plan, make_info):
    windows, _ = plan(make_info(frames=98), "640x352x49", windows="all")
    assert [window.start for window in windows] == [0, 49 / 24]
    assert [window.name for window in windows] == ["clip.mp4@0.00s", "clip.mp4@2.04s"]


@pytest.mark.parametrize(
    ("frames", "fps", "available"),
    # the last frame shown has to begin before the clip ends
    [(49, 24, 49), (49, 24000 / 1001, 49), (61, 30, 49), (60, 30, 48), (121, 60, 49), (25, 12, 50), (1, 24, 1)],
)
def test_available_frames_count_at_the_rate_of_training(make_info, frames, fps, available):
    assert make_info(frames=frames, fps=fps).frames_at(24.0) == available


def test_a_short_clip_is_dropped_with_the_bucket_to_add(plan, make_info):
    windows, (finding,) = plan(make_info(frames=30), "640x352x49", "640x352x97", "640x352x1")
    assert windows == ()
    assert finding.action == "dropped"
    assert "30 frames at 24 fps, fewer than the 49" in finding.reason
    assert "add 640x352x25 to `data.buckets`" in finding.fix


def test_a_clip_too_short_for_any_bucket_is_told_so(plan, make_info):
    _, (finding,) = plan(make_info(frames=6), "640x352x9")
    assert "longer clip" in finding.fix


def test_a_still_without_a_bucket_names_the_one_to_add(plan, make_clip, make_info):
    still = make_info(frames=1, fps=0.0)
    windows, (finding,) = plan(still, "640x352x49", clip=make_clip("photo.png"))
    assert windows == ()
    assert finding.action == "dropped"
    assert "add 640x352x1" in finding.fix


def test_a_still_has_a_window_of_one_frame(plan, make_clip, make_info):
    still = make_info(frames=1, fps=0.0)
    (window,), findings = plan(still, "640x352x49", "640x352x1", clip=make_clip("photo.png"))
    assert (window.name, window.bucket.frames, window.has_audio) == ("photo.png", 1, False)
    assert findings == ()


def test_a_video_of_one_frame_becomes_a_still_without_sound(plan, make_clip, make_info):
    clip = make_clip(audio=Path("clip.wav"))
    (window,), (finding,) = plan(make_info(frames=1, has_audio=True), "640x352x1", clip=clip)
    assert (window.clip.kind, window.has_audio, window.audio_hash) == ("image", False, None)
    assert "trained as a still without its sound" in finding.reason


def test_a_video_without_a_bucket_for_videos_is_dropped(plan, make_info):
    windows, (finding,) = plan(make_info(frames=30), "640x352x1")
    assert windows == ()
    assert "all buckets are for stills" in finding.reason
    assert "640x352x25" in finding.fix


def test_windows_carry_hashes_and_sound(plan, make_clip, make_info):
    clip = make_clip(audio=Path("clip.wav"))
    (window,), _ = plan(make_info(has_audio=True), "640x352x49", clip=clip)
    assert (window.media_hash, window.audio_hash, window.has_audio) == ("hash of clip.mp4", "hash of clip.wav", True)


@pytest.mark.parametrize(
    ("changes", "action", "reason"),
    [
        ({"fps": 30.0}, "noted", "30 fps is resampled to 24 fps"),
        ({"fps": 24000 / 1001}, "noted", "23.976 fps is resampled"),
        ({"variable_fps": True}, "noted", "variable rate"),
        ({"width": 320, "height": 176}, "noted", "320x176 is enlarged 2 times for 640x352x49"),
        ({"width": 1024, "height": 1920}, "warned", "1024x1920 is cropped to 29% of its picture"),
        ({"notes": ("HLG high dynamic range is read without tone mapping",)}, "noted", "HLG"),
    ],
)
def test_what_happens_to_a_picture_is_said(plan, make_info, changes, action, reason):
    windows, (finding,) = plan(make_info(**changes), "640x352x49")
    assert len(windows) == 1
    assert finding.action == action
    assert reason in finding.reason


def test_a_clip_that_fits_is_not_remarked_on(plan, make_info):
    assert plan(make_info(), "640x352x49")[1] == ()


def test_each_file_of_the_mixed_folder_is_a_window_or_left_out(mixed_folder):
    clips, broken = {}, set()
    for clip in scan_dataset(mixed_folder).clips:
        try:
            clips[clip.name] = clip, clip_info(clip)
        except MediaError:
            broken.add(clip.name)
    positions, copies = keep_once([(name, file_hash(clip.media)) for name, (clip, _) in clips.items()])
    names = [list(clips)[position] for position in positions]
    kept = [clips[name] for name in names]
    hashes = {path: file_hash(path) for clip, _ in kept for path in (clip.media, clip.audio) if path}
    buckets = [Bucket.parse(text) for text in ("128x96x33", "96x128x33", "128x96x1")]
    windows, findings = plan_windows(*zip(*kept, strict=True), buckets, 24.0, hashes=hashes)

    assert broken == {"corrupt.mp4", "truncated.mp4"}
    assert [copy.name for copy in copies] == ["the same portrait.mp4"]
    assert {window.clip.name for window in windows} == set(names)
    assert {finding.action for finding in findings} == {"noted"}
    resampled = {finding.name for finding in findings if "resampled" in finding.reason}
    assert resampled == {"landscape 23.976.mp4", "thirty.mov", "sixty.mkv", "variable rate.mkv"}
    stills = {window.name for window in windows if window.bucket.is_still}
    assert stills == {"one frame.mp4", "alpha.png", "photo.jpg"}
    silent = {window.clip.name for window in windows if not window.has_audio and not window.bucket.is_still}
    assert silent == {"thirty.mov", "sixty.mkv", "variable rate.mkv", "silent.webm", "sub folder/rotated.mp4"}
    upright = {window.clip.name for window in windows if window.bucket == buckets[1]}
    assert upright == {"portrait.mp4", "sub folder/rotated.mp4"}


def test_a_window_that_begins_after_the_sounds_end_has_none(plan, make_info):
    info = make_info(frames=147, has_audio=True, sound_duration=2.5)  # windows at 0, 2.04 and 4.08 s
    windows, (finding,) = plan(info, "640x352x49", windows="all")
    assert [window.has_audio for window in windows] == [True, True, False]
    assert (finding.name, finding.action) == ("clip.mp4", "noted")
    assert "its sound ends at 2.50 s, before 1 of its 3 windows begin" in finding.reason
    windows, (finding,) = plan(info, "640x352x49", windows="all", requires_sound=True)
    assert [window.start for window in windows] == [0, 49 / 24]
    assert "which are left out" in finding.reason


def test_a_clip_whose_sound_is_over_before_its_picture_is_dropped_where_sound_is_needed(plan, make_info):
    info = make_info(frames=49, has_audio=True, sound_duration=0.0)
    windows, (finding,) = plan(info, "640x352x49", requires_sound=True)
    assert (windows, finding.action) == ((), "dropped")
