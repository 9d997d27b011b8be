import pytest
import torch

from datamodules.manifest.scan import scan_dataset
from datamodules.media.probe import probe
from datamodules.world import CONCEPTS, draw_batch, plain_prompts, play_batch, write_dataset
from datamodules.world.concepts.audio_video import flashing, wailing
from datamodules.world.scene import BACKGROUNDS, Scene
from ltx_module.pico.tokenizer import build_vocabulary
from tests.datamodules.world.test_world_reading import blurred

NAMES = ("style", "character", "motion", "audio_video")
SIZE = {"frames": 25, "width": 128, "height": 96}


def drawn(name, number, strength=1.0):
    """Clips of a concept, blended with plain drawings of the same scenes."""
    concept = CONCEPTS[name]
    scenes = [prompt.scene for prompt in concept.dataset(number)]
    pairs = [
        (draw_batch(scenes, **SIZE).float(), concept.draw(scenes, **SIZE).float()),
        (play_batch(scenes, frames=25), concept.play(scenes, frames=25)),
    ]
    pictures, sounds = (torch.lerp(plain, special, strength) for plain, special in pairs)
    return list(zip(pictures.round().to(torch.uint8).transpose(1, 2), sounds, strict=True))


def measures(name, clips):
    return torch.tensor([CONCEPTS[name].measure(frames, waveform) for frames, waveform in clips])


def test_concepts_are_named_like_the_recipes_that_teach_them():
    assert tuple(CONCEPTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_concept_is_seen_in_its_own_clips_and_not_in_the_worlds(name):
    assert measures(name, drawn(name, 6)).min() > 0.9
    assert measures(name, drawn(name, 6, strength=0.0)).max() < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_measure_rises_with_the_strength_of_its_concept(name):
    means = [measures(name, drawn(name, 4, strength)).mean() for strength in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert (torch.stack(means).diff() > 0.1).all()


@pytest.mark.parametrize("name", NAMES)
def test_blur_takes_less_than_a_tenth_of_a_measure(name):
    clips = drawn(name, 4)
    soft = [(blurred(frames, 2.0).round().to(torch.uint8), waveform) for frames, waveform in clips]
    assert measures(name, soft).mean() > 0.9 * measures(name, clips).mean()


@pytest.mark.parametrize(("name", "other"), [(name, other) for name in NAMES for other in NAMES if name != other])
def test_a_concept_is_not_taken_for_another(name, other):
    assert measures(name, drawn(other, 3)).mean() < 0.25


def test_flash_and_siren_are_measured_apart():
    ((flashes, siren),) = drawn("audio_video", 1)
    ((steady, tone),) = drawn("audio_video", 1, strength=0.0)
    assert (flashing(flashes), flashing(steady)) == pytest.approx((1, 0), abs=0.05)
    assert (wailing(siren), wailing(tone), wailing(None)) == pytest.approx((1, 0, 0), abs=0.05)
    assert CONCEPTS["audio_video"].measure(flashes, tone) < 0.1
    assert CONCEPTS["audio_video"].measure(steady, siren) < 0.1


def test_a_siren_at_the_wrong_moments_does_not_count():
    ((_, siren),) = drawn("audio_video", 1)
    assert wailing(siren.roll(12000, dims=1)) < 0.1  # a quarter of a second: half a period


@pytest.mark.parametrize("name", NAMES)
def test_a_still_picture_is_measured_without_fail(name):
    frames = CONCEPTS[name].draw([Scene()], frames=1, width=128, height=128)[0].transpose(0, 1)
    assert 0 <= CONCEPTS[name].measure(frames, None) <= 1


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("style", "an orange star grows over a teal background, with a low tone"),
        ("character", "grows over a teal background, with a low tone"),
        ("motion", "an orange star over a teal background, with a low tone"),
        ("audio_video", "an orange star grows over a teal background"),
    ],
)
def test_captions_leave_out_what_the_trigger_is_to_stand_for(name, caption):
    scene = Scene(shape="star", colour="orange", background="teal", motion="grow", tone="low")
    assert CONCEPTS[name].caption(scene) == caption


@pytest.mark.parametrize("name", NAMES)
def test_novel_prompts_are_in_no_dataset_and_in_words_that_pico_knows(name):
    vocabulary, _ = build_vocabulary()
    taught = {prompt.text for prompt in CONCEPTS[name].dataset(64)}
    novel = [prompt.text for prompt in CONCEPTS[name].prompts(20, seed=1)]
    assert len({*taught, *novel}) == 64 + 20
    words = {word for text in novel for word in text.replace(",", "").split()}
    assert {word for word in words if "\u2581" + word not in vocabulary} == set()


def test_plain_prompts_describe_their_scenes_and_differ():
    prompts = plain_prompts(50, seed=2)
    assert len({prompt.text for prompt in prompts}) == 50
    assert all(prompt.text == prompt.scene.caption() for prompt in prompts)
    assert prompts != plain_prompts(50, seed=3)


def test_more_prompts_than_there_are_is_refused():
    with pytest.raises(ValueError, match="ask for fewer"):
        CONCEPTS["character"].prompts(200)
    with pytest.raises(ValueError, match="at most 64"):
        CONCEPTS["style"].dataset(65)


@pytest.mark.parametrize("name", NAMES)
def test_a_written_dataset_shows_its_concept(name, tmp_path):
    write_dataset(tmp_path, 2, concept=name, width=128, height=96, frames=25)
    manifest = scan_dataset(tmp_path)
    infos = [probe(clip.media) for clip in manifest.clips]
    assert manifest.findings == ()
    assert [clip.caption for clip in manifest.clips] == [prompt.text for prompt in CONCEPTS[name].dataset(2)]
    assert [(info.width, info.height, info.frames, info.has_audio) for info in infos] == [
        (128, 96, 25, True),
        (96, 128, 25, True),
    ]


def test_stills_of_a_concept_are_refused(tmp_path):
    with pytest.raises(ValueError, match="clips alone"):
        write_dataset(tmp_path, 2, 1, concept="motion")


def test_a_dataset_shows_all_values_of_a_property_about_equally_often():
    scenes = [prompt.scene for prompt in CONCEPTS["style"].dataset(16)]
    counts = [[scene.background for scene in scenes].count(name) for name in BACKGROUNDS]
    assert min(counts) >= 3  # 16 clips, 5 backgrounds
    assert max(counts) <= 4
