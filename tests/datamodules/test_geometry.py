import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec, nearest_frames, nearest_multiples

buckets = st.builds(
    lambda width, height, frames: Bucket(width=32 * width, height=32 * height, frames=8 * frames + 1),
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(0, 40),
)


@given(buckets)
def test_notation_is_read_back_as_written(bucket):
    assert Bucket.parse(str(bucket)) == bucket


@given(buckets)
def test_latent_shape_gives_back_the_pixel_shape(bucket):
    _, frames, height, width = LatentSpec().shape(bucket)
    assert (8 * (frames - 1) + 1, 32 * height, 32 * width) == (bucket.frames, bucket.height, bucket.width)


@given(st.integers(-5, 500))
def test_snapping_frames_is_legal_idempotent_and_within_one_stride(frames):
    lower, upper = nearest_frames(frames)
    assert all(legal >= 1 and legal % 8 == 1 for legal in (lower, upper))
    assert nearest_frames(lower) == (lower, lower)
    assert nearest_frames(upper) == (upper, upper)
    assert upper - lower in (0, 8)
    assert frames < 1 or lower <= frames <= upper


@given(st.integers(0, 3000))
def test_snapping_pixels_is_legal_and_idempotent(pixels):
    lower, upper = nearest_multiples(pixels)
    assert all(side >= 32 and side % 32 == 0 for side in (lower, upper))
    assert nearest_multiples(lower) == (lower, lower)
    assert pixels < 32 or lower <= pixels <= upper < pixels + 32


def test_a_bucket_of_the_reference_recipe_has_its_tokens():
    # 960/32 * 544/32 * (1 + 48/8) = 30 * 17 * 7
    assert LatentSpec().tokens(Bucket.parse("960x544x49")) == 3570


def test_spaces_and_capitals_are_accepted_in_the_notation():
    assert Bucket.parse(" 64X96x9 ") == Bucket(width=64, height=96, frames=9)


@pytest.mark.parametrize(
    ("frames", "fps", "length"),
    # round(frames / fps * 25); the reference's table of inference lengths
    [(9, 24, 9), (49, 24, 51), (49, 25, 49), (89, 24, 93), (97, 24, 101), (121, 24, 126), (241, 24, 251)],
)
def test_audio_length_is_what_sampling_uses(frames, fps, length):
    assert AudioLatentSpec().length(frames / fps) == length


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("960x544x48", r"`data.buckets\[2\].frames` is 48, .* 8k \+ 1: use 41 or 49"),
        ("950x544x49", r"`data.buckets\[2\].width` is 950, .* multiple of 32: use 928 or 960"),
        ("960x540x49", r"`data.buckets\[2\].height` is 540, .* use 512 or 544"),
        ("960x0x49", r"height` is 0, .* use 32"),
        ("960x544x0", r"frames` is 0, .* use 1\."),
        ("960x544", r"`data.buckets\[2\]` is '960x544', .* write for example 960x544x49"),
        ("960x544x-7", r"is '960x544x-7'"),
    ],
)
def test_an_illegal_bucket_names_the_key_the_rule_and_the_way_out(text, message):
    with pytest.raises(ValueError, match=message):
        Bucket.parse(text, key="data.buckets[2]")


def test_buckets_sort_by_width_height_and_frames():
    texts = ["64x96x9", "32x96x17", "64x64x1"]
    assert [str(bucket) for bucket in sorted(map(Bucket.parse, texts))] == ["32x96x17", "64x64x1", "64x96x9"]
