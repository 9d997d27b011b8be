"""Tiles: coverage, exactness where tiles agree, and closeness of a tiled to a whole run."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ltx_module.checkpoint import Checkpoint, Tiling
from ltx_module.checkpoint.tiling import AxisTiling, tiled


@given(length=st.integers(1, 200), size=st.integers(2, 40), share=st.floats(0, 0.9))
def test_tiles_cover_an_axis_and_overlap_at_least_as_asked(length, size, share):
    overlap = int(size * share)
    starts = AxisTiling(size=size, overlap=overlap, numerator=1, denominator=1).starts(length)
    ends = [min(start + size, length) for start in starts]
    assert starts[0] == 0
    assert ends[-1] == length
    assert all(0 < later - earlier <= size - overlap for earlier, later in itertools.pairwise(starts))


@settings(max_examples=25)
@given(frames=st.integers(1, 14), height=st.integers(1, 6), width=st.integers(1, 9))
def test_a_function_of_each_cell_alone_is_blended_without_a_trace(frames, height, width):
    # a latent frame gives eight frames, the first of a tile only the last of them; a cell gives 32 x 32 pixels
    def repeat(latents):
        spatial = latents.repeat_interleave(32, dim=3).repeat_interleave(32, dim=4)
        return torch.cat([spatial[:, :, :1], spatial[:, :, 1:].repeat_interleave(8, dim=2)], dim=2)

    latents = torch.rand(1, 1, frames, height, width, generator=torch.Generator().manual_seed(frames))
    axes = Tiling(pixels=128, overlap=64, frames=32, frame_overlap=8).for_decoding(32, 8)
    assert torch.allclose(tiled(repeat, latents, axes), repeat(latents), atol=1e-6)


@pytest.fixture(scope="module")
def vae(pico_file):
    return Checkpoint(pico_file).load_video_vae(dtype=torch.float32)


@pytest.fixture
def wide_clip():
    coarse = torch.randn(1, 3, 8, 4, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=(33, 64, 256), mode="trilinear").clamp(-1, 1)


def test_one_tile_is_the_whole_run(vae, clip):
    assert torch.equal(vae.encode(clip, Tiling(pixels=96, overlap=32)), vae.encode(clip))
    latents = vae.encode(clip)
    assert torch.equal(vae.decode(latents, Tiling(pixels=96, overlap=32)), vae.decode(latents))


def test_tiled_encoding_is_close_to_the_whole_run(vae, wide_clip):
    whole, cut = vae.encode(wide_clip), vae.encode(wide_clip, Tiling(pixels=160, overlap=96))
    assert cut.shape == whole.shape
    # the tile's far edge hardly reaches the first column; at the seam the tile lacks context
    assert torch.allclose(cut[..., 0], whole[..., 0], atol=0.01)
    assert torch.nn.functional.cosine_similarity(cut.flatten(), whole.flatten(), dim=0) > 0.9


def test_tiled_decoding_in_space_and_time_is_close_to_the_whole_run(vae, wide_clip):
    latents = vae.encode(wide_clip)
    whole = vae.decode(latents)
    cut = vae.decode(latents, Tiling(pixels=160, overlap=96, frames=24, frame_overlap=16))
    assert cut.shape == whole.shape == (1, 3, 33, 64, 256)
    assert torch.nn.functional.cosine_similarity(cut.flatten(), whole.flatten(), dim=0) > 0.9


@pytest.mark.parametrize(
    ("options", "named"),
    [({"pixels": 500}, "pixels"), ({"overlap": 20}, "overlap"), ({"frames": 12}, "frames"), ({"overlap": 512}, "512")],
)
def test_tiles_off_the_latent_grid_are_refused(options, named):
    with pytest.raises(ValueError, match=named):
        Tiling(**options)


@pytest.mark.parametrize("shape", [(16, 64, 64), (17, 60, 64), (17, 64, 48)])
def test_clips_that_do_not_fit_the_compression_are_refused(vae, shape):
    with pytest.raises(ValueError, match=f"{shape[2]}x{shape[1]}x{shape[0]}"):
        vae.encode(torch.zeros(1, 3, *shape))
