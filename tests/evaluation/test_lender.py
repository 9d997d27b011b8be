"""What clips lend to samples of recipes whose conditions always apply."""

import pytest
import torch

from datamodules.batch import LatentItem
from datamodules.geometry import Bucket
from datamodules.given import Given
from ltx_module.diffusion.conditioning import FirstFrame, Reference
from ltx_module.evaluation.lender import Lender
from ltx_module.evaluation.plan import SampleJob
from ltx_module.evaluation.references import Reference as Clip
from ltx_module.training import Conditions

BUCKET = Bucket.parse("64x64x9")


def clip(number, size="64x64x9", split="train"):
    latents = torch.full((3, 2, 2, 2), float(number))
    item = LatentItem(
        name=f"{number}.mp4",
        bucket=Bucket.parse(size),
        fps=24.0,
        video=latents,
        audio=None,
        video_context=torch.zeros(4, 8),
        audio_context=None,
        given=Given(video_reference=latents[None] + 0.5),
    )
    return Clip(split=split, caption=f"clip {number}", item=item)


def job(group, number):
    return SampleJob(checkpoint="base", group=group, number=number, prompt="x", seed=1, strength=0.0)


def test_nothing_is_lent_where_prompts_are_enough():
    assert Lender.of([clip(1)], 1, Conditions((FirstFrame(0.5),)), BUCKET) is None


def test_samples_of_a_caption_are_given_what_its_clip_has():
    clips = [clip(1), clip(2), clip(3, split="validation")]
    lender = Lender.of(clips, 2, Conditions((Reference(),)), BUCKET)
    lent = [lender.given(job("trigger", number)).video_reference.mean().item() for number in (0, 1)]
    assert lent == [3.5, 1.5]  # captions of held-out clips come first
    assert lender.given(job("trigger", 0)).video.shape == (1, 3, 2, 2, 2)
    assert lender.given(job("off_topic", 4)).video_reference.mean() == 1.5  # any other takes turns


def test_a_caption_of_a_clip_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"`sample.size` is 64x64x9, but 2.mp4 is of 64x32x9"):
        Lender.of([clip(1), clip(2, "64x32x9")], 2, Conditions((Reference(),)), BUCKET)
