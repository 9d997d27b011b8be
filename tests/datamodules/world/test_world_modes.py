"""Datasets of the modes, and measures: true clips score high, other scenes' clips low."""

from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from datamodules.media.decode import read_frames
from datamodules.media.probe import probe
from datamodules.world import MODES, read_scene, write_dataset
from datamodules.world.modes import Canvas, Footage
from datamodules.world.modes.video_to_audio import TONE_OF_MOTION
from datamodules.world.scene import TONES
from ltx_module.pico.tokenizer import build_vocabulary
from tests.datamodules.world.test_world_reading import blurred

NAMES = tuple(MODES)
WITH_PICTURE = tuple(name for name in NAMES if MODES[name].with_picture)
CANVAS = Canvas()
COMMON = {"beat"}  # what all clips of a mode share


@cache
def examples(name, number=4):
    return tuple(MODES[name].compose(scene, CANVAS) for scene in MODES[name].held_out(number))


def means(name, results, true):
    scores = [MODES[name].measure(one, result, one.given) for one, result in zip(true, results, strict=True)]
    return {key: sum(score[key] for score in scores) / len(scores) for key in scores[0]}


@pytest.mark.parametrize("name", NAMES)
def test_true_clips_reach_every_goal(name):
    true = examples(name)
    scores = means(name, [one.clip for one in true], true)
    assert {key: scores[key] for key, goal in MODES[name].goals.items() if scores[key] < goal} == {}


@pytest.mark.parametrize("name", NAMES)
def test_clips_of_other_scenes_miss_every_goal(name):
    true = examples(name)
    shuffled = [one.clip for one in (*true[1:], true[0])]
    scores = means(name, shuffled, true)
    goals = {key: goal for key, goal in MODES[name].goals.items() if key not in COMMON}
    assert {key: scores[key] for key, goal in goals.items() if scores[key] >= goal} == {}


@pytest.mark.parametrize("name", ["ic_canny", "video_extend", "video_inpaint", "video_outpaint"])
def test_blur_and_noise_are_tolerated(name):
    true = examples(name)
    noise = torch.Generator().manual_seed(0)

    def spoilt(frames):
        rough = blurred(frames, 1.5) + 4 * torch.randn(frames.shape, generator=noise)
        return rough.round().clamp(0, 255).to(torch.uint8)

    results = [Footage(frames=spoilt(one.clip.frames), waveform=one.clip.waveform) for one in true]
    kept = [Footage(frames=spoilt(one.given.frames)) for one in true]
    scores = [MODES[name].measure(*three) for three in zip(true, results, kept, strict=True)]
    for key, goal in MODES[name].goals.items():
        assert sum(score[key] for score in scores) / len(scores) >= goal


@pytest.mark.parametrize("name", NAMES)
def test_captions_leave_out_what_the_given_media_decide(name):
    for one in examples(name):
        words = one.caption.replace(",", "").split()
        scene = one.scene
        told = {part: value for part in ("shape", "colour", "background") if (value := getattr(scene, part)) in words}
        assert set(told).isdisjoint(MODES[name].leave_out)
        assert "sound" not in MODES[name].leave_out or set(words).isdisjoint(TONES)


@pytest.mark.parametrize("name", NAMES)
def test_held_out_scenes_are_in_no_dataset_and_worded_as_pico_knows(name):
    vocabulary, _ = build_vocabulary()
    mode = MODES[name]
    taught = {scene.caption() for scene in mode.dataset(256)}
    held_out = mode.held_out(20)
    assert taught.isdisjoint(scene.caption() for scene in held_out)
    captions = [mode.compose(scene, Canvas(width=32, height=32, frames=3)).caption for scene in held_out[:5]]
    words = {word for text in captions for word in text.replace(",", "").split()}
    assert {word for word in words if "▁" + word not in vocabulary} == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_written_dataset_has_what_its_mode_takes(name, tmp_path):
    write_dataset(tmp_path, 2, mode=name, width=96, height=64, frames=9)
    paths = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    files = {str(path) for path in paths if path.parts[0] not in ("samples", "samples.yaml")}
    mode = MODES[name]
    canvas = Canvas(width=96, height=64, frames=9)
    expected = set()
    for index, scene in enumerate(mode.dataset(2), start=1):
        one, stem = mode.compose(scene, canvas), f"{index:03d}-{name}"
        suffix = "mp4" if mode.with_picture else "wav"
        expected |= {f"{stem}.txt", f"{stem}.{suffix}"}
        expected |= {"/".join(filter(None, ("references", signal, f"{stem}.{suffix}"))) for signal in one.references}
        expected |= {f"masks/{stem}.png"} if one.video_mask is not None else set()
        expected |= {f"masks/{stem}.wav"} if one.audio_mask is not None else set()
        assert (tmp_path / f"{stem}.txt").read_text() == one.caption + "\n"
    assert files == expected


@pytest.mark.parametrize("name", NAMES)
def test_samples_beside_a_dataset_have_the_media_of_held_out_scenes(name, tmp_path):
    write_dataset(tmp_path, 1, mode=name, width=32, height=32, frames=9)
    mode = MODES[name]
    prompts = yaml.safe_load((tmp_path / "samples.yaml").read_text())["sample"]["prompts"]
    captions = [mode.compose(scene, Canvas(width=32, height=32, frames=3)).caption for scene in mode.held_out(2)]
    assert [prompt.pop("prompt") for prompt in prompts] == captions
    assert [tuple(prompt) for prompt in prompts] == [mode.gives] * 2
    files = [Path(path) for prompt in prompts for path in prompt.values()]
    assert all(path.is_file() and path.parent == tmp_path / "samples" for path in files)


@pytest.mark.parametrize("name", WITH_PICTURE)
def test_written_clips_show_their_scenes(name, tmp_path):
    write_dataset(tmp_path, 1, mode=name, frames=9)
    (path,) = tmp_path.glob("*.mp4")
    info = probe(path)
    (scene,) = MODES[name].dataset(1)
    assert (info.width, info.height, info.frames, info.has_audio) == (128, 128, 9, MODES[name].with_sound)
    frames = read_frames(path, start=0.0, frames=9, fps=24.0, width=128, height=128)
    drawn = MODES[name].compose(scene, Canvas(frames=9)).clip.pictures
    assert (frames.float() - drawn.float()).abs().mean() < 8  # H.264 at half the resolution of colours


def test_a_written_mask_is_white_where_the_clip_is_regenerated(tmp_path):
    write_dataset(tmp_path, 4, mode="video_inpaint", frames=1)
    corners = set()
    for path in sorted((tmp_path / "masks").iterdir()):
        picture = Image.open(path)
        corners.add(picture.getbbox())
        assert (picture.mode, picture.size, picture.getextrema()) == ("L", (128, 128), (0, 255))
    assert corners <= {(0, 0, 96, 96), (32, 0, 128, 96), (0, 32, 96, 128), (32, 32, 128, 128)}
    assert len(corners) > 1


def test_what_is_to_be_inpainted_is_not_what_is_given():
    for one in examples("video_inpaint"):
        outside = ~one.video_mask
        assert torch.equal(one.original.pictures[..., outside], one.clip.pictures[..., outside])
        assert MODES["video_inpaint"].measure(one, one.original, one.original)["shape"] == 0


def test_references_carry_no_colours_of_their_scenes():
    for one in examples("ic_union"):
        canny, depth = one.references["canny"].pictures, one.references["depth"].pictures
        assert torch.equal(canny[:, 0], canny[:, 2])
        assert torch.equal(depth[:, 0], depth[:, 2])


def test_larger_shapes_are_nearer():
    growing = next(scene for scene in MODES["ic_depth"].dataset(20) if scene.motion == "grow")
    depth = MODES["ic_depth"].compose(growing, CANVAS).references["depth"].pictures
    brightest = depth.flatten(1).amax(1).float()
    assert (brightest.diff() >= 0).all()
    assert brightest[-1] > 1.5 * brightest[0]


def test_limbs_turn_with_the_shape():
    spinning = next(scene for scene in MODES["ic_pose"].dataset(20) if scene.motion == "spin")
    pose = MODES["ic_pose"].compose(spinning, CANVAS).references["pose"].pictures.float()
    red = pose[:, 0] - pose[:, 1:].amax(1) > 100
    rows = torch.arange(128)[:, None].expand(128, 128)
    height = [float(rows[frame].float().mean()) for frame in red]
    assert height[0] < 60
    assert height[-1] > 68  # half a turn later the upright limb hangs


def test_every_motion_has_a_tone_and_the_sound_is_that_of_the_picture():
    tones = set()
    for one in examples("video_to_audio", 12):
        reading = read_scene(one.clip.pictures, one.clip.sound)
        assert reading.tone == TONE_OF_MOTION[reading.motion]
        tones.add(reading.tone)
    assert tones == set(TONE_OF_MOTION.values())


def test_more_clips_than_a_mode_has_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at most 256"):
        write_dataset(tmp_path, 257, mode="ic_canny")
    with pytest.raises(ValueError, match="leave one out"):
        write_dataset(tmp_path, 2, mode="ic_canny", concept="style")
    with pytest.raises(ValueError, match="clips alone"):
        write_dataset(tmp_path, 2, 1, mode="ic_canny")
