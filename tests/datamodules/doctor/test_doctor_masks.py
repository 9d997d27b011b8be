"""Masks that give everything, in either convention."""

import pytest
import torch
from PIL import Image

from datamodules.doctor.visit import examine_dataset
from datamodules.doctor.wanted import wanted_by
from datamodules.media.write import write_video
from tests.datamodules.given_clips import write_clip


def write_mask(directory, level, kind):
    """A mask of one grey level, as a picture or as a video."""
    directory.mkdir()
    if kind == "picture":
        Image.new("L", (64, 64), level).save(directory / "a.png")
    else:
        write_video(directory / "a.mp4", torch.full((25, 3, 64, 64), level, dtype=torch.uint8), 24.0)


@pytest.mark.parametrize("kind", ["picture", "video"])
@pytest.mark.parametrize(
    ("white", "level", "shown"),
    [
        ("regenerate", 0, "its mask is black all over"),
        ("regenerate", 255, None),
        ("keep", 255, "its mask is white all over"),
        ("keep", 0, None),
    ],
)
def test_a_mask_that_gives_everything_is_empty(tmp_path, white, level, shown, kind):
    write_clip(tmp_path / "set" / "a.mp4", caption="x")
    write_mask(tmp_path / "set" / "masks", level, kind)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"data: {{mask_white: {white}}}\n")
    findings = examine_dataset(tmp_path / "set", wanted_by(str(recipe)))[1].findings
    empty = [finding.message for finding in findings if finding.code == "mask-empty"]
    assert [message.partition(":")[0] for message in empty] == ([] if shown is None else [shown])
