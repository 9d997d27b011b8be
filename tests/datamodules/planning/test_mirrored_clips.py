"""Mirrored clips: what is mirrored with them, which clips are not, and how often they are seen."""

import itertools
from collections import Counter

import pytest
import torch

from datamodules.manifest.sets import ClipSet
from datamodules.media.write import write_video
from datamodules.needs import Keyframe, Needs
from ltx_module.checkpoint import Checkpoint
from ltx_module.pico import write_pico
from tests.datamodules.given_clips import data_module, tone

SIDED = Needs(video_reference=True, video_mask=True, keyframes=(Keyframe(frame=-1),))


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    return write_pico(tmp_path_factory.mktemp("pico"))


def names_seen(data, count):
    """Names of the items of a stream, without reading them."""
    loader = data.train_dataloader()
    clips = loader.dataset.clips
    return Counter(clips[visit.clip].name for batch in itertools.islice(loader.stream, count) for visit in batch)


def sided_frames(frames=17):
    """Frames that are bright at the left, with a bar that moves to the right."""
    pixels = torch.linspace(220, 30, 64)[None, None, None].repeat(frames, 3, 64, 1)
    for frame in range(frames):
        pixels[frame, 0, :, 2 * frame : 2 * frame + 8] = 255
    return pixels.to(torch.uint8)


@pytest.fixture
def sided(tmp_path):
    """Clips whose left and right differ in picture and sound, with a reference and a mask each."""
    sound = tone(17 / 24, 48000) * torch.tensor([[1.0], [0.1]])
    for number, caption in enumerate(("a bar", "a bar moves to the Rightmost edge")):
        picture = sided_frames().roll(number, 0)
        write_video(tmp_path / f"{number}.mp4", picture, 24.0, sound)
        (tmp_path / f"{number}.txt").write_text(caption)
        for place in ("references", "masks"):
            white = (picture > 128).to(torch.uint8) * 255 if place == "masks" else picture
            write_video(tmp_path / place / f"{number}.mp4", white, 24.0)
    return tmp_path


@pytest.fixture
def mirrored_plan(pico, sided):
    """The data module of a set that is mirrored, planned."""

    def plan(**changes):
        data = data_module(pico, None, SIDED, sets=[ClipSet(path=sided, flip=True)], with_audio=True, **changes)
        data.plan()
        return data

    return plan


def test_everything_of_a_clip_is_mirrored_with_it(mirrored_plan):
    plan = mirrored_plan()._plan
    original, mirrored = (clip.cached for clip in plan.clips if clip.cached.name.startswith("0.mp4"))
    assert mirrored.name == f"{original.name} mirrored"

    def read(key):
        return plan.entries[key].read()

    pairs = [
        (original.latent_key, mirrored.latent_key),
        (original.given.video_reference, mirrored.given.video_reference),
        (original.given.video_mask, mirrored.given.video_mask),
        (original.given.keyframes[0][1], mirrored.given.keyframes[0][1]),
    ]
    for key, other in pairs:
        assert not torch.equal(read(key), read(key).flip(-1))
        assert torch.equal(read(other), read(key).flip(-1))
    left, right = read(original.audio_key)
    assert left.abs().mean() > 5 * right.abs().mean()
    assert torch.equal(read(mirrored.audio_key), torch.stack([right, left]))


def test_mirrored_latents_are_those_of_mirrored_pictures(mirrored_plan, pico):
    data = mirrored_plan()
    data.setup()
    mirrored = next(clip.cached for clip in data._clips if clip.cached.is_mirrored)
    original = next(clip.cached for clip in data._clips if clip.cached.name == mirrored.original)
    frames = data._plan.entries[original.latent_key].read().flip(-1)
    pixels = frames.float().div(127.5).sub(1).transpose(0, 1)[None]
    expected = Checkpoint(pico).load_video_vae(dtype=torch.float32, device="cpu").encode(pixels)[0].bfloat16()
    assert torch.equal(data.cache.read(mirrored.latent_key)["latents"], expected)
    assert names_seen(data, 8) == {"0.mp4@0.00s": 2, "0.mp4@0.00s mirrored": 2, "1.mp4@0.00s": 4}


def test_a_clip_whose_caption_names_a_side_stays_as_it_is_and_is_seen_as_often(mirrored_plan):
    data = mirrored_plan()
    shown = data.report.table()
    assert "noted  1.mp4: is not mirrored, because its caption says 'Rightmost'" in shown
    assert "2 clips, each seen 1 times in a pass, 100.0% of the items, 1 also mirrored" in shown
    assert names_seen(data, 40) == {"0.mp4@0.00s": 10, "0.mp4@0.00s mirrored": 10, "1.mp4@0.00s": 20}


def test_a_side_in_any_caption_or_in_the_trigger_keeps_a_clip_unmirrored(mirrored_plan, sided):
    (sided / "0.2.txt").write_text("seen from the left")
    assert not any(clip.cached.is_mirrored for clip in mirrored_plan()._plan.clips)
    (sided / "0.2.txt").unlink()
    assert any(clip.cached.is_mirrored for clip in mirrored_plan()._plan.clips)
    assert not any(clip.cached.is_mirrored for clip in mirrored_plan(trigger="lefthand")._plan.clips)


def test_an_unmirrored_clip_keeps_its_entries(mirrored_plan, pico, sided):
    plain = data_module(pico, sided, SIDED, with_audio=True)
    plain.plan()
    flipped = mirrored_plan()._plan
    keys = {clip.cached.name: set(clip.keys) for clip in flipped.clips}
    for clip in plain._plan.clips:
        assert set(clip.keys) == keys[clip.cached.name]
    own = keys["0.mp4@0.00s mirrored"] - keys["0.mp4@0.00s"]
    assert Counter(key.split("-")[0] for key in own) == {"video": 3, "audio": 1, "mask": 1}


def test_each_signal_of_a_clip_is_an_item_with_a_mirrored_twin(mirrored_plan, sided):
    for signal in ("canny", "depth"):
        write_video(sided / "references" / signal / "0.mp4", sided_frames().roll(3, 0), 24.0)
    (sided / "references" / "0.mp4").unlink()
    (sided / "1.mp4").unlink()
    assert names_seen(mirrored_plan(), 16) == {
        f"0.mp4@0.00s [{signal}]{end}": 4 for signal in ("canny", "depth") for end in ("", " mirrored")
    }
