import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jsonargparse import ArgumentParser

from ltx_module.diffusion.conditioning import (
    Conditioning,
    FirstFrame,
    Keyframes,
    Mask,
    Prefix,
    Reference,
    Source,
    SpatialCrop,
    Suffix,
    apply_conditions,
    at_its_end,
    check_bucket,
    check_conditions,
    draw_conditions,
    reference_factors,
)
from ltx_module.diffusion.tokens import audio_positions, pack_audio, pack_video, unpack_video, video_positions

CPU = torch.device("cpu")
sizes = st.integers(1, 4)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def video(batch=2, frames=3, height=2, width=4, **more):
    latents = draw(batch, 5, frames, height, width)
    return Source(modality="video", shape=tuple(latents.shape), fps=24.0, device=CPU, latents=latents, **more)


def audio(batch=2, length=9, **more):
    latents = draw(batch, 2, length, 4, seed=1)
    return Source(modality="audio", shape=tuple(latents.shape), fps=24.0, device=CPU, latents=latents, **more)


def given_map(condition, source):
    """Where a condition gives the clip, in the shape of its latents."""
    clean = apply_conditions(source, [(condition, True)]).clean
    shape = source.shape[2:] if source.is_video else source.shape[2:3]
    return clean.reshape(source.shape[0], *shape)


@given(st.integers(2, 5), sizes, sizes)
def test_the_first_frame_is_kept_clean_in_token_order(frames, height, width):
    latents = torch.zeros(1, 1, frames, height, width)
    latents[:, :, 0] = 1
    assert torch.equal(FirstFrame().clean_tokens((8, frames, height, width)), pack_video(latents)[0, :, 0].bool())


def test_a_still_is_generated_whole():
    assert not FirstFrame().clean_tokens((128, 1, 3, 3)).any()


@pytest.mark.parametrize(
    ("condition", "latents"),
    [
        (Prefix(latent_frames=2), (0, 1)),
        (Prefix(seconds=9 / 24), (0, 1)),
        (Prefix(seconds=16 / 24), (0, 1)),  # the second latent ends with the ninth frame, the third with the 17th
        (Suffix(latent_frames=1), (2,)),
        (Suffix(seconds=15 / 24), (2,)),
        (Prefix(modality="audio", latent_frames=3), (0, 1, 2)),
        (Prefix(modality="audio", seconds=0.12), (0, 1, 2)),
        (Suffix(modality="audio", seconds=0.08), (7, 8)),
    ],
)
def test_spans_give_whole_latents_at_one_end(condition, latents):
    source = video() if condition.modality == "video" else audio()
    found = given_map(condition, source)[0].flatten(1).all(1) if source.is_video else given_map(condition, source)[0]
    assert found.nonzero().flatten().tolist() == list(latents)


@pytest.mark.parametrize(
    ("condition", "frames"), [(Prefix(latent_frames=2), slice(2)), (Suffix(latent_frames=1), slice(3, 5))]
)
def test_a_short_clip_lies_where_it_is_taken_from(condition, frames):
    short = draw(1, 5, 2, 2, 4)
    placed = at_its_end(short, 5, [condition, FirstFrame()], 24.0)
    assert placed.shape == (1, 5, 5, 2, 4)
    assert torch.equal(placed[:, :, frames], short)
    assert placed.count_nonzero() == short.count_nonzero()
    assert at_its_end(short, 2, [condition], 24.0) is short


@pytest.mark.parametrize(("condition", "has"), [(Prefix(latent_frames=3), 2), (Suffix(latent_frames=2), 1)])
def test_a_clip_that_is_shorter_than_what_is_given_of_it_is_refused(condition, has):
    with pytest.raises(ValueError, match=f"of the sample's video, of which there are {has}"):
        at_its_end(draw(1, 5, 2, 2, 4), 5, [condition], 24.0)


def test_a_crop_gives_its_rectangle_in_every_frame():
    found = given_map(SpatialCrop(region=(0, 32, 32, 96)), video(width=4, height=2))
    assert found.all(0).all(0).tolist() == [[False, True, True, False], [False] * 4]
    assert torch.equal(found, given_map(SpatialCrop(region=(0, 0.25, 0.5, 0.75)), video(width=4, height=2)))


def test_a_mask_gives_what_it_marks_item_by_item():
    mask = draw(2, 3, 2, 4, seed=3) > 0
    assert torch.equal(given_map(Mask(), video(mask=mask)), mask)
    heard = draw(2, 9, seed=4) > 0
    assert torch.equal(given_map(Mask(modality="audio"), audio(mask=heard)), heard)


def test_given_tokens_hold_the_clip_and_conditions_are_joined():
    source = video()
    together = apply_conditions(source, [(FirstFrame(), True), (Suffix(latent_frames=1), True)])
    assert together.clean.reshape(2, 3, 8).all(2).tolist() == [[True, False, True]] * 2
    assert torch.equal(together.tokens, pack_video(source.latents))
    assert together.positions is video_positions(source.shape, 24.0)
    assert together.beside is None


def test_a_recompressed_first_frame_takes_the_place_of_the_clips_own():
    still = draw(2, 5, 1, 2, 4, seed=7)
    source = video(keyframes={0: still})
    applied = apply_conditions(source, [(FirstFrame(recompress=33), torch.tensor([True, False]))])
    latents = unpack_video(applied.tokens, source.shape)
    assert torch.equal(latents[0, :, :1], still[0])
    assert torch.equal(latents[1], source.latents[1])
    assert torch.equal(latents[0, :, 1:], source.latents[0, :, 1:])


def test_keyframes_replace_the_first_frame_and_lie_beside_the_clip_at_the_time_of_their_frame():
    first, last = draw(2, 5, 1, 2, 4, seed=7), draw(2, 5, 1, 2, 4, seed=8)
    source = video(keyframes={0: first, -1: last})
    applied = apply_conditions(source, [(Keyframes(), True)])
    assert applied.clean.sum(1).tolist() == [8, 8]
    assert torch.equal(unpack_video(applied.tokens, source.shape)[:, :, :1], first)
    assert torch.equal(applied.beside, pack_video(last))
    own, beside = applied.positions[0, :, :24], applied.positions[0, :, 24:]
    assert torch.equal(own, video_positions(source.shape, 24.0)[0])
    assert torch.equal(beside[0], torch.tensor([16 / 24, 17 / 24]).expand(8, 2))  # frame 16 of 17
    assert torch.equal(beside[1:], own[1:, :8])


def test_a_reference_of_half_the_size_lies_where_its_target_does(golden):
    positions = golden["transformer.ic_reference_half_resolution.video_positions"]
    source = Source(
        modality="video",
        shape=(1, 4, 3, 4, 4),
        fps=24.0,
        device=CPU,
        latents=draw(1, 4, 3, 4, 4),
        reference=draw(1, 4, 3, 2, 2, seed=2),
    )
    applied = apply_conditions(source, [(Reference(), True)])
    assert torch.equal(applied.positions[0, :, 48:], positions[0, :, :12])  # the golden has the reference in front
    assert torch.equal(applied.positions[0, :, :48], positions[0, :, 12:])
    assert torch.equal(applied.beside, pack_video(source.reference))


def test_a_slower_reference_ends_when_its_target_does():
    source = video(frames=5, reference=draw(2, 5, 3, 2, 4))
    seconds = apply_conditions(source, [(Reference(), True)]).positions[0, 0]
    own, beside = seconds[:40].unflatten(0, (5, 8))[:, 0], seconds[40:].unflatten(0, (3, 8))[:, 0]
    assert beside[-1, 1] == pytest.approx(own[-1, 1].item())
    assert beside[1, 1] == pytest.approx(own[2, 1].item())  # two latents of the target to one of the reference
    assert beside[0].tolist() == [0.0, pytest.approx(1 / 24)]


def test_a_reference_sound_begins_with_its_target():
    source = audio(reference=draw(2, 2, 5, 4, seed=2))
    applied = apply_conditions(source, [(Reference(modality="audio"), True)])
    assert torch.equal(applied.beside, pack_audio(source.reference))
    assert torch.equal(applied.positions[:, :, 9:], audio_positions(5))


def test_a_voice_may_lie_before_what_it_speaks():
    source = audio(reference=draw(2, 2, 5, 4, seed=2))
    seconds = apply_conditions(source, [(Reference(modality="audio", placement="before"), True)]).positions[0, 0]
    assert torch.equal(seconds[:9], audio_positions(9)[0, 0])
    assert seconds[-1, 1] == pytest.approx(-0.04)
    torch.testing.assert_close(seconds[9:], audio_positions(5)[0, 0] - 0.21)


@pytest.mark.parametrize(("reference", "factors"), [((3, 2, 4), (1, 1)), ((3, 1, 2), (2, 1)), ((2, 2, 4), (1, 2))])
def test_factors_come_from_the_shapes(reference, factors):
    assert reference_factors((3, 2, 4), reference) == factors


def test_a_factor_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match=r"1x1x1 latents .* target 3x3x4.*reference_downscale_factor"):
        reference_factors((3, 3, 4), (1, 1, 1))


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0)])
def test_each_item_is_drawn_on_its_own_with_the_given_probability(probability, share):
    generator = torch.Generator().manual_seed(0)
    ((_, applies),) = draw_conditions([FirstFrame(probability)], 20_000, generator)
    # Standard deviation of the share: at most sqrt(0.25 / 20,000) = 0.0035.
    assert torch.as_tensor(applies).float().mean().item() == pytest.approx(share, abs=0.014)


def test_what_adds_tokens_is_drawn_once_for_a_batch():
    generator = torch.Generator().manual_seed(0)
    drawn = [draw_conditions([Reference(0.25)], 8, generator)[0][1] for _ in range(2000)]
    assert all(isinstance(applies, bool) for applies in drawn)
    assert sum(drawn) / 2000 == pytest.approx(0.25, abs=0.04)  # four standard deviations


def test_a_condition_draws_as_many_numbers_whatever_its_probability():
    after = []
    for probability in (0.0, 0.5, 1.0):
        generator = torch.Generator().manual_seed(3)
        draw_conditions([FirstFrame(probability), Reference(probability)], 8, generator)
        after.append(torch.rand(1, generator=generator))
    assert after[0] == after[1] == after[2]


def test_a_condition_of_the_other_modality_is_passed_over():
    assert apply_conditions(video(), [(Prefix(modality="audio", latent_frames=1), True)]).clean is None


def test_what_is_not_drawn_gives_nothing():
    applied = apply_conditions(video(reference=draw(2, 5, 3, 2, 4)), [(Reference(), False), (FirstFrame(), False)])
    assert applied.clean is None
    assert applied.beside is None


def test_equal_geometries_share_positions_so_that_rope_tables_are_found_again():
    first = apply_conditions(video(reference=draw(2, 5, 3, 1, 2)), [(Reference(), True)])
    again = apply_conditions(video(reference=draw(2, 5, 3, 1, 2, seed=9)), [(Reference(), True)])
    assert first.positions is again.positions


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FirstFrame(1.5), r"probability` of FirstFrame is 1\.5"),
        (lambda: FirstFrame(recompress=60), "recompress` of FirstFrame is 60"),
        (lambda: Keyframes(frames=[0, 0]), "each once"),
        (lambda: Prefix(), "either `latent_frames` or `seconds`"),
        (lambda: Prefix(latent_frames=1, seconds=1), "either `latent_frames` or `seconds`"),
        (lambda: Suffix(seconds=-1), "must be above 0"),
        (lambda: Mask(modality="smell"), "must be video or audio"),
        (lambda: Reference(placement="before"), "for a sound before"),
        (lambda: SpatialCrop(region=[0, 0.5, 1, 0.5]), r"top, left, bottom, right"),
        (lambda: SpatialCrop(region=[0, 0.5]), r"top, left, bottom, right"),
    ],
)
def test_values_without_meaning_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Prefix(latent_frames=3), "the video has 3 latents, of which 1 to 2 can be given"),
        (Suffix(seconds=0.1), "which is 0 latents"),
        (Prefix(seconds=5), "which is 15 latents"),
        (SpatialCrop(region=(0, 0, 64, 256)), "reaches beyond the 128x64 pixels"),
        (SpatialCrop(region=(0, 0, 10, 10)), "which is nothing of the 128x64 pixels"),
        (SpatialCrop(region=(0, 0, 1, 1)), "which is all of the 128x64 pixels"),
        (Keyframes(frames=[17]), "the clip has 17 frames"),
        (Keyframes(frames=[-1, 16]), "names frame 16 of 17 twice"),
    ],
)
def test_a_condition_that_does_not_fit_a_bucket_is_refused(condition, message):
    with pytest.raises(ValueError, match=message):
        check_bucket([condition], "video", (5, 3, 2, 4), 24.0)


def test_conditions_that_leave_nothing_to_generate_are_refused():
    with pytest.raises(ValueError, match="Prefix and Suffix together give the whole video"):
        check_bucket([Prefix(latent_frames=2), Suffix(latent_frames=1)], "video", (5, 3, 2, 4), 24.0)
    check_bucket([Prefix(latent_frames=2), Suffix(0.0, latent_frames=1)], "video", (5, 3, 2, 4), 24.0)


@pytest.mark.parametrize(
    ("conditions", "streams", "frozen", "message"),
    [
        ([], "video", "audio", "model.frozen` is audio, but `model.streams` is video"),
        ([Mask(modality="audio")], "video", None, "Mask on audio, but `model.streams` is video"),
        ([FirstFrame()], "av", "video", "`model.frozen: video` gives all of it anyway"),
        ([FirstFrame(), FirstFrame(0.5)], "av", None, "FirstFrame on video 2 times"),
        ([FirstFrame(), Keyframes()], "av", None, "gives the first frame twice"),
    ],
)
def test_conditions_that_contradict_each_other_are_refused(conditions, streams, frozen, message):
    with pytest.raises(ValueError, match=message):
        check_conditions(conditions, streams, frozen)


def test_every_sensible_combination_is_accepted_and_applied():
    """All pairs of conditions that do not name the same thing."""
    still = draw(2, 5, 1, 2, 4)
    source = video(mask=draw(2, 3, 2, 4) > 0.5, reference=draw(2, 5, 3, 1, 2), keyframes={0: still, -1: still})
    kinds = [
        FirstFrame(),
        Keyframes(frames=[-1]),
        Prefix(latent_frames=1),
        Suffix(latent_frames=1),
        SpatialCrop(region=(0, 0, 0.5, 0.5)),
        Mask(),
        Reference(),
    ]
    for pair in itertools.combinations(kinds, 2):
        check_conditions(pair, "av", None)
        check_bucket(pair, "video", source.shape[1:], 24.0)
        applied = apply_conditions(source, [(one, True) for one in pair])
        beside = 0 if applied.beside is None else applied.beside.shape[1]
        assert applied.positions.shape == (1, 3, source.num_tokens + beside, 2)
        assert applied.clean is None or not applied.clean.all()


def test_a_recipe_can_name_conditions():
    parser = ArgumentParser()
    parser.add_argument("--conditions", type=list[Conditioning])
    value = [{"class_path": "ltx_module.diffusion.conditioning.SpatialCrop", "init_args": {"region": [0, 0, 1, 0.5]}}]
    (condition,) = parser.instantiate(parser.parse_object({"conditions": value})).conditions
    assert condition.region == (0, 0, 1, 0.5)


def test_conditions_that_do_the_same_are_described_alike():
    assert Prefix(0.5, latent_frames=2).described == Prefix(0.5, latent_frames=2).described
    others = [Prefix(0.5, latent_frames=3), Prefix(latent_frames=2), Suffix(0.5, latent_frames=2)]
    assert len({one.described for one in [Prefix(0.5, latent_frames=2), *others]}) == 4
