from types import SimpleNamespace

import numpy as np
import pytest
import torch

from datamodules.media.probe import probe
from datamodules.references.command import references
from datamodules.references.keypoints import Person, find_points, person_picture
from datamodules.references.pose import PoseOptions, open_pose
from datamodules.references.skeleton import draw_skeleton, openpose_points, point_colour
from tests.datamodules.references.tiny_models import write_depth_model, write_detector, write_pose_model

# COCO's points of a person who stands and stretches the left arm, in a picture of 200x300
STANDING = np.array(
    [
        (100, 50), (106, 44), (94, 44), (114, 48), (86, 48), (125, 80), (75, 80), (160, 85), (60, 120),
        (190, 88), (50, 160), (115, 160), (85, 160), (117, 210), (83, 210), (118, 265), (82, 265),
    ],
    float,
)  # fmt: skip


@pytest.fixture(scope="session")
def pose_model(tmp_path_factory):
    return write_pose_model(tmp_path_factory.mktemp("models") / "pose")


@pytest.fixture(scope="session")
def detector(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("models") / "detector")


def heatmaps_of(points, person, width=192, height=256, size=(64, 48)):
    """Heatmaps of a model that finds these points of a picture in its cut of it."""
    x, y, wide, high = person.cut(width, height)
    rows, columns = np.mgrid[: size[0], : size[1]]
    across = (points[:, 0] - (x - wide / 2)) / wide * (size[1] - 1)
    down = (points[:, 1] - (y - high / 2)) / high * (size[0] - 1)
    distance = (columns - across[:, None, None]) ** 2 + (rows - down[:, None, None]) ** 2
    return (0.9 * np.exp(-distance / 8)).astype(np.float32)


@pytest.mark.parametrize("person", [Person(40, 30, 160, 240), Person(0, 0, 200, 300), Person(-10, 20, 220, 60)])
def test_points_are_found_between_the_pixels_of_a_heatmap(person):
    inside = np.random.default_rng(0).uniform(0.2, 0.8, (17, 2)) * (person.width, person.height)
    points = inside + np.array([person.left, person.top])
    found, sure = find_points(heatmaps_of(points, person), person, 192, 256)
    # a pixel of the heatmap is four or five of the picture
    assert np.abs(found - points).max() < 0.2
    assert sure == pytest.approx(np.full(17, 0.9), abs=0.05)


def test_a_person_is_cut_with_a_margin_and_not_stretched():
    picture = np.zeros((300, 200, 3), np.uint8)
    picture[100:140, 80:120] = 255
    seen = person_picture(picture, Person(60, 60, 80, 120), 192, 256)
    rows, columns = np.where(seen[..., 0] > 127)
    # the box is 80x120, its frame 90x120 and a quarter more: 112.5x150 on 192x256, 1.70 pixels for one
    assert abs(np.ptp(rows) - 40 * 255 / 150) < 2
    assert abs(np.ptp(columns) - 40 * 191 / 112.5) < 2
    assert abs(columns.mean() - 95.5) < 1.5


def test_every_point_is_drawn_in_its_place_and_colour():
    points = openpose_points(STANDING, np.full(17, 0.9, np.float32), 0.3)
    picture = np.zeros((300, 200, 3), np.uint8)
    draw_skeleton(picture, points)
    expected = [  # OpenPose's order: nose, neck, right arm, left arm, right leg, left leg, eyes, ears
        (100, 50), (100, 80), (75, 80), (60, 120), (50, 160), (125, 80), (160, 85), (190, 88), (85, 160), (83, 210),
        (82, 265), (115, 160), (117, 210), (118, 265), (94, 44), (106, 44), (86, 48), (114, 48),
    ]  # fmt: skip
    assert points == expected
    for index, (x, y) in enumerate(expected):
        assert np.abs(picture[y, x].astype(int) - point_colour(index)).max() <= 1
    assert point_colour(0) == (255, 0, 0)
    assert point_colour(6) == (0, 255, 0)


def test_limbs_join_their_points():
    picture = np.zeros((300, 200, 3), np.uint8)
    draw_skeleton(picture, openpose_points(STANDING, np.full(17, 0.9, np.float32), 0.3))
    for first, second in [((125, 80), (160, 85)), ((85, 160), (83, 210)), ((100, 80), (115, 160))]:
        x, y = round((first[0] + second[0]) / 2), round((first[1] + second[1]) / 2)
        assert picture[y, x].max() > 100
    assert picture[150, 20].max() == 0


def test_points_that_are_not_sure_are_left_out_and_the_neck_with_a_shoulder():
    sure = np.full(17, 0.9, np.float32)
    sure[5] = 0.2  # the left shoulder
    points = openpose_points(STANDING, sure, 0.3)
    assert (points[5], points[1]) == (None, None)
    assert points[2] == (75, 80)


class Processor:
    size = {"height": 256, "width": 192}  # noqa: RUF012
    rescale_factor = 1 / 255
    image_mean = image_std = (0.5, 0.5, 0.5)


def test_two_persons_are_drawn_where_they_are(pose_model, detector, monkeypatch):
    signal = open_pose(pose_model, detector, PoseOptions(), batch_size=2, device="cpu")
    boxes = [Person(40, 30, 160, 240), Person(240, 30, 160, 240)]
    shifted = STANDING + np.array([200, 0])
    seen = []

    def model(pixel_values):
        heatmaps = []
        for _ in pixel_values:
            person = boxes[len(seen) % 2]
            heatmaps.append(heatmaps_of(STANDING if person is boxes[0] else shifted, person))
            seen.append(person)
        return SimpleNamespace(heatmaps=torch.from_numpy(np.stack(heatmaps)))

    model.device = "cpu"
    model.config = SimpleNamespace(backbone_config=SimpleNamespace(num_experts=1))
    signal._loaded["model"] = Processor(), model
    monkeypatch.setattr(signal, "_persons", lambda batch: [[], boxes, boxes][: len(batch)])
    empty, both = list(signal.draw(iter([np.full((300, 400, 3), 90, np.uint8)] * 2)))
    assert empty.max() == 0
    for x, y in [(190, 88), (390, 88)]:  # both left wrists
        assert np.abs(both[y, x].astype(int) - point_colour(7)).max() <= 20


def test_a_detector_gives_the_boxes_of_persons(pose_model, detector):
    signal = open_pose(pose_model, detector, PoseOptions(person=0.0), device="cpu")
    pictures = [np.full((60, 90, 3), level, np.uint8) for level in (30, 200)]
    found = signal._persons(pictures)
    assert len(found) == 2
    for person in [person for boxes in found for person in boxes]:
        assert person.width <= 2 * 90
        assert person.height <= 2 * 60
    none = open_pose(pose_model, detector, PoseOptions(person=1.0), device="cpu")._persons(pictures)
    assert none == [[], []]


def test_without_a_detector_the_whole_picture_is_the_box(pose_model):
    signal = open_pose(pose_model, None, PoseOptions(), device="cpu")
    assert signal._persons([np.zeros((60, 90, 3), np.uint8)]) == [[Person(0, 0, 90, 60)]]


@pytest.mark.parametrize("with_detector", [False, True])
def test_a_clip_gets_its_poses(ragged_clip, pose_model, detector, seconds, with_detector):
    folder = ragged_clip.parent
    options = {"detector": detector, "pose": PoseOptions(person=0.0, sure=0.0)} if with_detector else {}
    assert references(folder, signal="pose", model=pose_model, batch_size=3, device="cpu", **options) == 0
    reference = folder / "references" / "pose" / "ragged.mp4"
    info = probe(reference)
    assert (info.width, info.height, info.frames) == (96, 64, 8)
    assert seconds(reference) == seconds(ragged_clip)


def test_bad_models_are_named(tmp_path, ragged_clip, pose_model):
    folder = ragged_clip.parent
    with pytest.raises(ValueError, match="is a DepthAnythingForDepthEstimation"):
        references(folder, signal="pose", model=write_depth_model(tmp_path / "depth"))
    with pytest.raises(ValueError, match="finds 21 points"):
        references(folder, signal="pose", model=write_pose_model(tmp_path / "hands", points=21))
    with pytest.raises(FileNotFoundError, match="`detector` is"):
        references(folder, signal="pose", model=pose_model, detector=tmp_path / "nowhere")
    cats = write_detector(tmp_path / "cats", ("cat", "dog"))
    with pytest.raises(ValueError, match="does not know what a person is"):
        references(folder, signal="pose", model=pose_model, detector=cats)
    with pytest.raises(ValueError, match=r"`pose\.sure` is 2"):
        PoseOptions(sure=2)
