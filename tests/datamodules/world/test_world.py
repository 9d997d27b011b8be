import re

import pytest
import torch

from datamodules.manifest.clip import STILL_SUFFIXES
from datamodules.manifest.scan import scan_dataset
from datamodules.media.probe import probe
from datamodules.world import Scene, demo_scenes, draw_frames, play_tone, random_scene
from datamodules.world.scene import COLOURS, RGB, SHAPES


def centre_of(pictures, scene):
    """Mean position of the shape in each frame, as fractions of the width and the height."""
    background = torch.tensor(RGB[scene.background])[:, None, None]
    shape = ((pictures.int() - background).abs().sum(1) > 60).float()  # (F, H, W)
    rows, columns = torch.arange(shape.shape[1]) + 0.5, torch.arange(shape.shape[2]) + 0.5
    area = shape.sum((1, 2))
    x, y = (shape.sum(1) * columns).sum(1) / area, (shape.sum(2) * rows).sum(1) / area
    return x / shape.shape[2], y / shape.shape[1], area


@pytest.mark.parametrize(
    ("motion", "moved"),
    [("left", (-0.5, 0)), ("right", (0.5, 0)), ("up", (0, -0.5)), ("down", (0, 0.5)), ("still", (0, 0))],
)
def test_a_motion_goes_where_its_caption_says(motion, moved):
    scene = Scene(motion=motion, size=0.4)
    x, y, _ = centre_of(draw_frames(scene, frames=5, width=96, height=64), scene)
    assert torch.allclose(torch.stack([x[-1] - x[0], y[-1] - y[0]]), torch.tensor(moved).float(), atol=0.03)


def test_growing_grows_and_spinning_turns():
    grow, spin = Scene(motion="grow", size=0.5), Scene(shape="triangle", motion="spin", size=0.8)
    _, _, area = centre_of(draw_frames(grow, frames=4, width=64, height=64), grow)
    assert (area.diff() > 0).all()
    pictures = draw_frames(spin, frames=3, width=64, height=64)
    # it ends upside down, after half a turn
    assert (pictures[2].int() - pictures[0].flip(1).flip(2).int()).abs().float().mean() < 1
    assert (pictures[2].int() - pictures[0].int()).abs().float().mean() > 10


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_have_the_colours_asked_for(shape):
    scene = Scene(shape=shape, colour="green", background="navy")
    picture = draw_frames(scene, frames=1, width=64, height=64)[0]
    assert picture[:, 32, 32].tolist() == list(RGB["green"])
    assert picture[:, 2, 2].tolist() == list(RGB["navy"])


def test_all_shapes_look_different():
    pictures = [
        draw_frames(Scene(shape=shape, colour="white", background="black"), frames=1, width=64, height=64).float()
        for shape in SHAPES
    ]
    pairs = [(a, b) for index, a in enumerate(pictures) for b in pictures[:index]]
    assert min((a - b).abs().mean() for a, b in pairs) > 3


def test_a_circle_has_smooth_edges_and_the_right_area():
    scene = Scene(colour="white", background="black", size=0.5)
    picture = draw_frames(scene, frames=1, width=64, height=64)[0, 0].float()
    covered = (picture - 12) / (240 - 12)
    assert covered.sum().item() == pytest.approx(torch.pi * 16**2, rel=0.01)  # radius: half of 0.5 * 64
    assert ((covered > 0.1) & (covered < 0.9)).sum() > 20


def test_a_picture_is_the_same_at_another_size():
    scene = Scene(shape="star", has_face=True)
    small, large = (draw_frames(scene, frames=1, width=side, height=side).float() for side in (64, 128))
    halved = torch.nn.functional.avg_pool2d(large, 2)
    assert (halved - small).abs().mean() < 2


def test_a_face_is_drawn_on_the_shape_alone():
    plain = draw_frames(Scene(), frames=1, width=64, height=64)[0].int()
    face = draw_frames(Scene(has_face=True), frames=1, width=64, height=64)[0].int()
    changed = (plain != face).any(0).nonzero() - 32
    assert len(changed) > 20
    assert changed.float().norm(dim=1).max() < 16


@pytest.mark.parametrize(("tone", "hertz"), [("low", 200), ("middle", 400), ("high", 800)])
def test_a_tone_has_its_pitch(tone, hertz):
    waveform = play_tone(Scene(tone=tone), frames=24)
    assert waveform.shape == (2, 48000)
    assert torch.fft.rfft(waveform[0]).abs().argmax() == hertz  # one second: bins are hertz


def test_a_rising_tone_rises():
    first, last = play_tone(Scene(tone="rising"), frames=24)[0].split(24000)
    pitches = [torch.fft.rfft(part).abs().argmax() * 2 for part in (first[:12000].repeat(2), last[12000:].repeat(2))]
    assert 200 <= pitches[0] < 370
    assert 640 < pitches[1] <= 800


def test_the_tone_follows_the_shape_to_the_right():
    left, right = play_tone(Scene(tone="low", motion="right"), frames=48).square().unflatten(1, (2, -1)).mean(2)
    assert left[0] > right[0]
    assert left[1] < right[1]


def test_no_tone_is_silence_of_the_right_length():
    waveform = play_tone(Scene(tone="none"), frames=33)
    assert waveform.shape == (2, 66000)
    assert not waveform.any()


def test_captions_are_plain_words():
    scene = Scene(shape="star", colour="orange", background="teal", motion="spin", tone="rising")
    assert scene.caption() == "an orange star spins over a teal background, with a rising tone"
    assert scene.caption(as_still=True) == "an orange star over a teal background"


def test_random_scenes_reach_everything_and_repeat_with_the_seed():
    scenes = [random_scene(torch.Generator().manual_seed(seed)) for seed in range(80)]
    assert {scene.shape for scene in scenes} == set(SHAPES)
    assert {scene.colour for scene in scenes} == set(COLOURS)
    assert scenes[7] == random_scene(torch.Generator().manual_seed(7))


def test_the_demo_has_clips_with_sound_and_stills_in_two_sizes(demo_folder):
    manifest = scan_dataset(demo_folder)
    infos = [probe(clip.media) for clip in manifest.clips]
    videos = [info for info in infos if info.frames > 1]
    assert manifest.findings == ()
    assert (len(videos), len(infos) - len(videos)) == (8, 2)
    assert {(info.width, info.height, info.frames, info.fps, info.has_audio) for info in videos} == {
        (128, 96, 33, 24.0, True),
        (96, 128, 33, 24.0, True),
    }
    assert sum(path.stat().st_size for path in demo_folder.iterdir()) < 2_000_000


def test_captions_of_the_demo_describe_its_files(demo_folder):
    for clip in scan_dataset(demo_folder).clips:
        _, colour, shape, *_ = re.split("-", clip.media.stem)
        assert f"{colour} {shape}" in clip.caption
        assert ("tone" in clip.caption) == (clip.media.suffix not in STILL_SUFFIXES)


def test_no_two_scenes_of_the_demo_are_alike():
    assert len(set(demo_scenes(60))) == 60
    with pytest.raises(ValueError, match="at most 100"):
        demo_scenes(101)
