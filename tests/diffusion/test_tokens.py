import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ltx_module.diffusion.tokens import (
    audio_positions,
    pack_audio,
    pack_video,
    unpack_audio,
    unpack_video,
    video_positions,
)

sizes = st.integers(1, 4)


@given(st.tuples(sizes, sizes, sizes, sizes, sizes))
def test_unpacking_undoes_packing_a_video(shape):
    latents = torch.randn(shape)
    tokens = pack_video(latents)
    assert tokens.shape == (shape[0], shape[2] * shape[3] * shape[4], shape[1])
    assert torch.equal(unpack_video(tokens, shape), latents)


@given(st.tuples(sizes, sizes, sizes, sizes))
def test_unpacking_undoes_packing_audio(shape):
    latents = torch.randn(shape)
    tokens = pack_audio(latents)
    assert tokens.shape == (shape[0], shape[2], shape[1] * shape[3])
    assert torch.equal(unpack_audio(tokens, shape[3]), latents)


def test_video_tokens_run_over_frames_then_rows_then_columns():
    latents = torch.arange(2 * 2 * 3).reshape(1, 1, 2, 2, 3)
    assert pack_video(latents).flatten().tolist() == list(range(12))


def test_audio_features_run_over_channels_then_mel_bins():
    latents = torch.tensor([[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]])  # (B, C, L, M)
    assert pack_audio(latents).tolist() == [[[1, 2, 3, 4], [5, 6, 7, 8]]]


def test_video_positions_are_seconds_and_pixels_with_a_short_first_frame():
    positions = video_positions((128, 3, 2, 2), 24)[0]  # (3, T, 2)
    of_frames = positions[0, ::4]
    assert of_frames.flatten().tolist() == pytest.approx([0, 1 / 24, 1 / 24, 9 / 24, 9 / 24, 17 / 24])
    assert positions[1, :4].tolist() == [[0, 32], [0, 32], [32, 64], [32, 64]]
    assert positions[2, :4].tolist() == [[0, 32], [32, 64], [0, 32], [32, 64]]


def test_audio_positions_are_seconds_with_a_short_first_step():
    bounds = audio_positions(3).flatten().tolist()
    assert bounds == pytest.approx([0, 0.01, 0.01, 0.05, 0.05, 0.09])


def test_positions_equal_those_of_the_reference_to_the_last_bit(golden):
    assert torch.equal(video_positions((3, 2, 3), 24), golden["sampling.video_positions"])
    assert torch.equal(audio_positions(7), golden["sampling.audio_positions"])


@given(st.integers(1, 40), st.sampled_from([8.0, 24.0, 25.0, 29.97]))
def test_latent_frames_tile_the_clip_without_gap(frames, fps):
    positions = video_positions((frames, 1, 1), fps)[0, 0]
    assert torch.equal(positions[1:, 0], positions[:-1, 1])
    assert positions[-1, 1].item() == pytest.approx((8 * (frames - 1) + 1) / fps, rel=1e-6)


def test_equal_geometry_is_the_same_tensor():
    assert video_positions((128, 2, 3, 4), 24) is video_positions([2, 3, 4], 24.0, torch.device("cpu"))
    assert video_positions((2, 3, 4), 24) is not video_positions((2, 3, 4), 25)
    assert audio_positions(5) is audio_positions(5, "cpu")


def test_positions_asked_for_in_a_preview_serve_training():
    with torch.inference_mode():
        positions = video_positions((5, 1, 2), 23.0), audio_positions(77)
    assert not any(tensor.is_inference() for tensor in positions)
