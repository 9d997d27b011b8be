"""From a request with media to what the sampler takes."""

from types import SimpleNamespace

import pytest
import torch

from datamodules.geometry import Bucket
from datamodules.given import Given
from ltx_module.condition_needs import BucketCheck, dataset_needs, require_media, require_pictures
from ltx_module.diffusion.conditioning import FirstFrame, Keyframes, Mask, Prefix, Reference, Suffix
from ltx_module.diffusion.sampling import start_noise
from ltx_module.sample_config import SampleConfig, SamplePrompt, SampleRequest
from ltx_module.sample_targets import TargetBuilder
from ltx_module.training import Conditions

CPU = torch.device("cpu")
CHECKPOINT = SimpleNamespace(latent_channels=3, audio_latent=(2, 4))
BUCKET = Bucket.parse("64x32x17")
PLANE, TOKENS, LENGTH = 2, 6, 18


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def contexts(prompt):
    return draw(4, 8, seed=len(prompt)), draw(4, 6, seed=len(prompt))


def request(size="64x32x17", **more):
    options = {"prompt": "a", "negative_prompt": "bb", "fps": 24.0, "seed": 3, "preset": "quality"}
    return SampleRequest(bucket=Bucket.parse(size), **options, **more)


def targets(conditions=(), given=None, streams="av", frozen=None, **more):
    builder = TargetBuilder(
        checkpoint=CHECKPOINT,
        streams=streams,
        contexts=contexts,
        given=lambda media, bucket: Given() if given is None else given,
        conditions=Conditions(tuple(conditions), frozen),
    )
    return builder.targets(request(**more), CPU)


def test_without_media_everything_is_generated():
    video, audio = targets([FirstFrame(), Reference(), Prefix(modality="audio", latent_frames=2)])
    noise = start_noise((3, 3, 1, 2), (2, LENGTH, 4), 3)
    for target, start in zip((video, audio), noise, strict=True):
        assert torch.equal(target.noise, start)
        assert target.clean is None
        assert target.beside == ()
        assert not target.is_frozen


def test_a_picture_is_kept_as_the_first_frame_as_far_as_asked():
    still = draw(1, 3, 1, 1, 2)
    for strength in (1.0, 0.6):
        video, _ = targets([FirstFrame()], Given(keyframes={0: still}), image_strength=strength)
        assert video.clean.float()[0].tolist() == pytest.approx([strength] * PLANE + [0.0] * (TOKENS - PLANE))
        assert torch.equal(video.clean_latent[:, :PLANE], still.flatten(2).transpose(1, 2))


def test_image_strength_leaves_other_conditions_whole():
    given = Given(keyframes={0: draw(1, 3, 1, 1, 2)}, video=draw(1, 3, 3, 1, 2, seed=1))
    video, _ = targets([FirstFrame(), Suffix(latent_frames=1)], given, image_strength=0.5)
    assert video.clean[0].tolist() == [0.5, 0.5, 0.0, 0.0, 1.0, 1.0]


def test_a_last_picture_lies_beside_with_its_attention_strength():
    video, _ = targets([Keyframes()], Given(keyframes={-1: draw(1, 3, 1, 1, 2)}), attention_strength=0.3)
    assert video.clean is None
    assert [group.shape for group in video.beside] == [(1, PLANE, 3)]
    assert video.positions[0, 0, TOKENS:].tolist() == [pytest.approx([16 / 24, 17 / 24])] * PLANE
    assert video.attention_strength == 0.3


def test_a_given_video_is_frozen_whole_and_its_sound_generated():
    latents = draw(1, 3, 3, 1, 2)
    video, audio = targets([], Given(video=latents), frozen="video")
    assert video.is_frozen
    assert torch.equal(video.blend(video.noise), latents.flatten(2).transpose(1, 2))
    assert not audio.is_frozen
    with pytest.raises(ValueError, match=r"`model.frozen` is video, but the sample sample gives no video"):
        targets([], frozen="video")


def test_sound_alone_has_the_length_it_is_asked_for():
    video, audio = targets(streams="audio", size="2s")
    assert video is None
    assert audio.shape == (2, 50, 4)


def test_masks_and_clips_of_the_other_modality_do_not_mix():
    given = Given(audio=draw(1, 2, LENGTH, 4), audio_mask=torch.arange(LENGTH)[None] < 5)
    video, audio = targets([Mask(), Mask(modality="audio")], given)
    assert video.clean is None
    assert audio.clean.sum() == 5


def test_a_config_gives_each_prompt_its_media():
    config = SampleConfig(prompts=("plain", SamplePrompt(prompt="shown", image="a.png")), size="64x32x9")
    plain, shown = config.requests("TRIGGER", 24.0)
    assert config.texts == ("plain", "shown")
    assert plain.media.files == {}
    assert shown.media.files == {"image": "a.png"}
    assert shown.prompt == "TRIGGER shown"


def prompt(**media):
    return SamplePrompt(prompt="x", **media)


@pytest.mark.parametrize(
    ("conditions", "frozen", "given", "message"),
    [
        ([Reference()], None, {}, "has no `reference_video`, but Reference of `model.conditions` always applies"),
        ([FirstFrame()], None, {}, "has no `image` or `video`"),
        ([Mask()], None, {"video": "a.mp4"}, "has no `video` and `video_mask`"),
        ([], "audio", {}, r"`model.frozen: audio` makes everything from it"),
        ([FirstFrame(0.5)], None, {"reference_video": "a.mp4"}, "has `reference_video`, which no condition"),
        ([], None, {"image": "a.png"}, "has `image`, which no condition"),
    ],
)
def test_media_that_do_not_suit_the_conditions_are_refused(conditions, frozen, given, message):
    with pytest.raises(ValueError, match=message):
        require_media(Conditions(tuple(conditions), frozen), [prompt(**given)])


def test_a_prompt_that_is_a_misread_mapping_is_refused():
    with pytest.raises(ValueError, match=r"`sample.prompts\[0\]` is .* which is no prompt: .* these keys: image"):
        SampleConfig(prompts=('[{"prompt":"a","img":"x.png"}]',))


def test_media_that_suit_are_accepted():
    voices = Conditions((Reference(), Reference(modality="audio")))
    require_media(voices, [prompt(reference_video="a.mp4")])  # its own track
    require_media(Conditions((Keyframes(frames=[24]),)), [prompt(video="a.mp4")])
    require_media(Conditions((FirstFrame(0.5), Reference())), [prompt(reference_video="a.mp4")])
    require_media(Conditions((Keyframes(),)), [prompt(last_image="a.png")])
    require_media(Conditions((FirstFrame(0.5),), "audio"), [prompt(audio="a.wav", image="a.png")])


def test_a_bucket_that_a_condition_does_not_fit_is_named():
    check = BucketCheck(Conditions((Prefix(latent_frames=3),)), "av")
    check(Bucket.parse("64x32x33"), 24.0)
    with pytest.raises(ValueError, match=r"`data.buckets` 64x32x17: `latent_frames` of Prefix is 3"):
        check(BUCKET, 24.0)
    with pytest.raises(ValueError, match=r"`data.buckets` 1s: `seconds` of Prefix is 2"):
        BucketCheck(Conditions((Prefix(modality="audio", seconds=2),)), "audio")(Bucket.parse("1s"), 24.0)


def test_needs_tell_the_dataset_what_conditions_take():
    needs = dataset_needs(Conditions((Reference(0.5), Keyframes(recompress=33), Mask(modality="audio"))), "av")
    assert (needs.video_reference, needs.audio_reference, needs.video_mask, needs.audio_mask) == (
        True,
        False,
        False,
        True,
    )
    assert [(one.frame, one.recompress) for one in needs.keyframes] == [(0, 33), (-1, 33)]
    assert not needs.requires_sound
    assert dataset_needs(Conditions((), "video"), "av").requires_sound
    assert dataset_needs(Conditions((FirstFrame(),)), "av").keyframes == ()


@pytest.mark.parametrize(
    ("conditions", "frozen", "partial"),
    [
        ([Prefix(latent_frames=1), FirstFrame()], None, True),
        ([Suffix(latent_frames=1), Reference()], None, True),
        ([Prefix(latent_frames=1), Suffix(latent_frames=1)], None, False),
        ([Prefix(latent_frames=1), Mask()], None, False),
        ([], "video", False),
    ],
)
def test_a_sample_may_be_given_a_short_clip_where_one_end_of_it_is_taken(conditions, frozen, partial):
    assert dataset_needs(Conditions(tuple(conditions), frozen), "av").partial_video is partial


def test_a_short_clip_is_continued():
    short = draw(1, 3, 2, 1, 2)
    video, _ = targets([Prefix(latent_frames=2)], Given(video=short))
    assert video.clean[0].tolist() == [True] * 4 + [False] * 2
    assert torch.equal(video.clean_latent[:, :4], short.flatten(2).transpose(1, 2))


@pytest.mark.parametrize(("conditions", "streams"), [(Conditions((), "video"), "av"), (Conditions(), "audio")])
def test_an_evaluation_without_generated_pictures_is_refused(conditions, streams):
    with pytest.raises(ValueError, match="`evaluate` judges generated pictures"):
        require_pictures(conditions, streams)
    require_pictures(Conditions((Reference(),), "audio"), "av")


@pytest.mark.parametrize(("condition", "has"), [(Prefix(latent_frames=3), 2), (Suffix(seconds=0.7), 2)])
def test_a_clip_that_is_too_short_to_be_continued_is_refused_before_anything_begins(condition, has):
    (check,) = dataset_needs(Conditions((condition,)), "av").sample_checks
    check("video", has + 1)
    check("audio", 1)
    with pytest.raises(ValueError, match="of the sample's video, of which there are"):
        check("video", has)
