import math

from hypothesis import assume, given
from hypothesis import strategies as st

from datamodules.geometry import Bucket
from datamodules.windows.buckets import assign_bucket, enlargement, kept_area, suggest_bucket

sides = st.integers(1, 40).map(lambda units: 32 * units)
buckets = st.builds(Bucket, width=sides, height=sides, frames=st.integers(0, 20).map(lambda units: 8 * units + 1))
pixels = st.integers(16, 4000)


def parse(*texts):
    return [Bucket.parse(text) for text in texts]


@given(pixels, pixels, st.integers(2, 200), st.lists(buckets, max_size=6))
def test_no_bucket_asks_for_more_frames_than_there_are(width, height, available, candidates):
    bucket = assign_bucket(width, height, available, candidates)
    usable = [candidate for candidate in candidates if 1 < candidate.frames <= available]
    assert bucket in usable if usable else bucket is None


@given(pixels, pixels, st.integers(2, 200), st.lists(buckets, min_size=1, max_size=6))
def test_no_other_bucket_of_the_right_length_has_a_nearer_aspect_ratio(width, height, available, candidates):
    bucket = assign_bucket(width, height, available, candidates)
    assume(bucket is not None)

    def misfit(candidate):
        return abs(math.log(width * candidate.height / (height * candidate.width)))

    usable = [candidate for candidate in candidates if 1 < candidate.frames <= available]
    assert misfit(bucket) <= min(map(misfit, usable)) + 1e-8


@given(pixels, pixels, st.integers(2, 200), st.lists(buckets, max_size=6), st.randoms())
def test_the_order_of_the_recipe_does_not_matter(width, height, available, candidates, random):
    shuffled = random.sample(candidates, len(candidates))
    assert assign_bucket(width, height, available, candidates) == assign_bucket(width, height, available, shuffled)


def test_aspect_ratio_goes_before_frames():
    assert assign_bucket(540, 960, 100, parse("960x544x97", "544x960x49")) == Bucket.parse("544x960x49")


def test_frames_go_before_area():
    assert assign_bucket(64, 64, 100, parse("512x512x49", "256x256x97")) == Bucket.parse("256x256x97")


def test_the_largest_area_wins_among_equals():
    assert assign_bucket(64, 64, 50, parse("256x256x49", "512x512x49")) == Bucket.parse("512x512x49")


def test_a_short_video_does_not_become_a_still():
    assert assign_bucket(64, 64, 8, parse("64x64x1", "64x64x9")) is None


def test_a_still_trains_in_a_bucket_for_stills_alone():
    assert assign_bucket(96, 64, 1, parse("96x64x9", "64x64x1")) == Bucket.parse("64x64x1")
    assert assign_bucket(96, 64, 1, parse("96x64x9")) is None


@given(pixels, pixels, st.integers(1, 300), st.lists(buckets, max_size=4))
def test_the_suggested_bucket_takes_the_clip(width, height, available, candidates):
    suggestion = suggest_bucket(width, height, available, candidates)
    still = suggestion.is_still
    assert assign_bucket(width, height, 1 if still else available, [suggestion]) == suggestion
    assert available - 8 < suggestion.frames <= available


def test_a_portrait_in_a_landscape_bucket_loses_most_of_its_picture():
    # scaled to the width, 9:16 covers a 16:9 frame with (9/16)^2 of its height
    assert math.isclose(kept_area(576, 1024, Bucket.parse("1024x576x9")), (9 / 16) ** 2)


def test_enlargement_is_by_the_side_that_has_to_grow_most():
    assert enlargement(320, 320, Bucket.parse("640x320x9")) == 2
    assert enlargement(1280, 640, Bucket.parse("640x320x9")) == 0.5
