import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.media.probe import probe
from datamodules.references.command import references
from datamodules.references.depth import Depth, DepthOptions, open_depth
from tests.datamodules.references.tiny_models import drop_a_weight, rename_class, write_depth_model, write_pose_model


@pytest.fixture(scope="session")
def depth_model(tmp_path_factory):
    return write_depth_model(tmp_path_factory.mktemp("models") / "depth")


class BrightIsFar:
    """Takes brightness for depth: what a model would give for a scene whose brightness says how far it is."""

    device = "cpu"

    def __init__(self):
        self.batches = []

    def __call__(self, pixel_values):
        self.batches.append(len(pixel_values))
        return SimpleNamespace(predicted_depth=pixel_values)


class Inputs(dict):
    def to(self, _):
        return self


def read_brightness(images, return_tensors):
    return Inputs(pixel_values=torch.from_numpy(np.stack([image[..., 0] for image in images])).float() / 10)


@pytest.fixture
def judged(depth_model):
    """The signal with a model that gives brightness."""

    def make(gives, **options):
        signal = open_depth(depth_model, DepthOptions(gives=gives), device="cpu", **options)
        signal._loaded = read_brightness, BrightIsFar()
        return signal

    return make


def pictures(*levels):
    """Pictures whose left half has one brightness and whose right half another."""
    for left, right in levels:
        picture = np.zeros((32, 64, 3), np.uint8)
        picture[:, :32], picture[:, 32:] = left, right
        yield picture


def halves(picture):
    return int(picture[:, :20].mean().round()), int(picture[:, 44:].mean().round())


def test_near_is_white_for_a_model_that_gives_nearness(judged):
    (drawn,) = judged("nearness").draw(pictures((200, 50)))
    assert halves(drawn) == (255, 0)


def test_near_is_white_for_a_model_that_gives_metres(judged):
    (drawn,) = judged("metres").draw(pictures((200, 50)))
    assert halves(drawn) == (0, 255)


def test_what_stays_where_it_is_keeps_its_gray_while_another_thing_comes_near(judged):
    drawn = list(judged("nearness").draw(pictures((100, 0), (100, 50), (100, 200))))
    # 0 to 200 is the range of the clip: the left half is in its middle in every frame
    assert [halves(picture) for picture in drawn] == [(128, 0), (128, 64), (128, 255)]


def test_each_clip_has_a_range_of_its_own(judged):
    signal = judged("nearness")
    assert [halves(picture) for picture in signal.draw(pictures((100, 50)))] == [(255, 0)]
    assert [halves(picture) for picture in signal.draw(pictures((20, 10)))] == [(255, 0)]


def test_a_flat_clip_is_no_division_by_zero(judged):
    (drawn,) = judged("nearness").draw(pictures((80, 80)))
    assert drawn.max() == 0


def test_frames_go_through_the_model_in_batches(judged):
    signal = judged("nearness", batch_size=4)
    assert len(list(signal.draw(pictures(*[(10, 20)] * 10)))) == 10
    assert signal._loaded[1].batches == [4, 4, 2]


@pytest.mark.parametrize(("estimation", "gives"), [("relative", "nearness"), ("metric", "metres")])
def test_the_configuration_says_what_the_model_gives(tmp_path, estimation, gives):
    assert open_depth(write_depth_model(tmp_path / "m", estimation), DepthOptions()).gives == gives


def test_a_clip_and_a_still_get_their_depth(tmp_path, ragged_clip, depth_model, square, seconds):
    Image.fromarray(square(2)).save(ragged_clip.with_name("still.png"))
    folder = ragged_clip.parent
    assert references(folder, signal="depth", model=depth_model, batch_size=3, device="cpu") == 0
    reference = folder / "references" / "depth" / "ragged.mp4"
    info = probe(reference)
    assert (info.width, info.height, info.frames) == (96, 64, 8)
    assert seconds(reference) == seconds(ragged_clip)
    still = np.asarray(Image.open(folder / "references" / "depth" / "still.png"))
    assert still.shape == (64, 96)
    assert (still.min(), still.max()) == (0, 255)


def test_depth_is_that_of_the_model(depth_model, square):
    from transformers import DepthAnythingForDepthEstimation

    signal = open_depth(depth_model, DepthOptions(), device="cpu")
    (drawn,) = signal.draw(iter([square(5)]))
    model = DepthAnythingForDepthEstimation.from_pretrained(depth_model).eval()
    inputs = signal.model.processor()(images=[square(5)], return_tensors="pt")
    with torch.no_grad():
        depth = torch.nn.functional.interpolate(model(**inputs).predicted_depth[None], (64, 96), mode="bicubic")[0, 0]
    white = ((depth - depth.min()) / (depth.max() - depth.min()) * 255).numpy()
    assert np.corrcoef(drawn.ravel(), white.ravel())[0, 1] > 0.99


def test_another_model_makes_references_anew_and_a_moved_one_does_not(tmp_path, ragged_clip, depth_model):
    folder, report = ragged_clip.parent, tmp_path / "report.json"

    def run(model):
        references(folder, signal="depth", model=model, device="cpu", report=report)
        return json.loads(report.read_text())["clips"][0]["state"]

    moved = tmp_path / "elsewhere"
    shutil.copytree(depth_model, moved)
    assert [run(depth_model), run(moved)] == ["made", "up to date"]
    assert run(write_depth_model(tmp_path / "metric", "metric")) == "made"


def test_nothing_is_loaded_when_all_is_up_to_date(ragged_clip, depth_model, monkeypatch):
    references(ragged_clip.parent, signal="depth", model=depth_model, device="cpu")
    monkeypatch.setattr(Depth, "_nearness", lambda *_: pytest.fail("a model was run"))
    assert references(ragged_clip.parent, signal="depth", model=depth_model, device="cpu") == 0


def test_bad_models_are_named(tmp_path, ragged_clip, depth_model):
    folder = ragged_clip.parent
    with pytest.raises(ValueError, match="`model` is missing"):
        references(folder, signal="depth")
    with pytest.raises(FileNotFoundError, match=r"`model` is .*nowhere"):
        references(folder, signal="depth", model=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        references(folder, signal="depth", model=folder)
    with pytest.raises(ValueError, match="is a VitPoseForPoseEstimation"):
        references(folder, signal="depth", model=write_pose_model(tmp_path / "pose"))
    with pytest.raises(ValueError, match="`signal` is canny"):
        references(folder, model=depth_model)
    broken = tmp_path / "broken"
    shutil.copytree(depth_model, broken)
    drop_a_weight(broken)
    with pytest.raises(ValueError, match="lacks weights"):
        references(folder, signal="depth", model=broken, device="cpu")
    (broken / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="has no weights"):
        references(folder, signal="depth", model=broken)
    (broken / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="cannot be loaded"):
        references(folder, signal="depth", model=broken, device="cpu")
    rename_class(broken, "CatForSequenceClassification")
    with pytest.raises(ValueError, match="is a CatForSequenceClassification"):
        references(folder, signal="depth", model=broken)
