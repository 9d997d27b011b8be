"""Keeping the base intact: the target is the base, bit for bit, and nothing is pulled before something was learnt."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from datamodules.batch import LatentBatch
from datamodules.geometry import Bucket
from ltx_module.adapters import LoRAConfig, inject_lora, lora_disabled, lora_pairs
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.sigmas import ShiftedLogitNormal
from ltx_module.preservation import Preservation, blank_prompted, class_prompted, preservation_loss
from ltx_module.training import TrainingObjective, velocities

TINY = Path(__file__).parent / "golden" / "tiny-ltx-2.3.safetensors"
OBJECTIVE = TrainingObjective(sigma_sampler=ShiftedLogitNormal())


def build(streams="av", dropout=0.0):
    transformer = Checkpoint(TINY).load_transformer(streams=streams, dtype=torch.float32)
    targets = "video" if streams == "video" else "all_attention"
    inject_lora(transformer, LoRAConfig(rank=4, alpha=4, targets=targets, dropout=dropout), seed=0)
    return transformer.train()


def learn(transformer, seed=5):
    """Gives the adapter values as if it had been trained."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for pair in lora_pairs(transformer).values():
            pair.up.normal_(std=0.05, generator=generator)


def make_batch(transformer, *, audio=True, frames=9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    config = transformer.config

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    contexts = {"video": draw(4, 3, config.video_dim), "audio": draw(4, 3, config.audio_dim) if audio else None}
    return LatentBatch(
        video=draw(2, config.in_channels, (frames - 1) // 8 + 1, 2, 2),
        audio=draw(2, 8, 9, config.audio_in_channels // 8) if audio else None,
        video_context=contexts["video"][:2],
        audio_context=None if contexts["audio"] is None else contexts["audio"][:2],
        class_video_context=contexts["video"][2:],
        class_audio_context=None if contexts["audio"] is None else contexts["audio"][2:],
        fps=24.0,
        bucket=Bucket(width=64, height=64, frames=frames),
        names=("a", "b"),
    )


def noised(transformer, batch):
    return OBJECTIVE.noised(transformer, batch, torch.Generator().manual_seed(1))


def gradients(transformer, loss):
    pairs = lora_pairs(transformer).values()
    parameters = [parameter for pair in pairs for parameter in (pair.down, pair.up)]
    return torch.autograd.grad(loss, parameters, allow_unused=True)


CASES = [("av", True, 9), ("av", False, 9), ("av", False, 1), ("video", False, 9)]
IDS = ["sound", "silent", "still", "video stream"]


@pytest.mark.parametrize(("streams", "audio", "frames"), CASES, ids=IDS)
@pytest.mark.parametrize("recompute", [False, True])
def test_a_fresh_adapter_is_not_pulled_at_all(streams, audio, frames, recompute):
    transformer = build(streams, dropout=0.3)
    transformer.blocks.num_recomputed = recompute * transformer.num_blocks
    batch = make_batch(transformer, audio=audio, frames=frames)
    losses = preservation_loss(transformer, class_prompted(batch), noised(transformer, batch))
    assert losses.by_modality.keys() == ({"video", "audio"} if audio else {"video"})
    assert all(torch.equal(loss, torch.zeros(2)) for loss in losses.by_modality.values())
    pulls = [gradient for gradient in gradients(transformer, OBJECTIVE.total(losses)) if gradient is not None]
    assert pulls
    assert not any(pull.any() for pull in pulls)


def test_the_target_is_the_base_under_the_class_prompt_at_the_same_noise():
    transformer, base = build(), Checkpoint(TINY).load_transformer(streams="av", dtype=torch.float32)
    learn(transformer)
    batch = make_batch(transformer)
    prompted, flows = class_prompted(batch), noised(transformer, batch)
    losses = preservation_loss(transformer, prompted, flows)
    with torch.no_grad():
        expected, moved = velocities(base, prompted, flows), velocities(transformer, prompted, flows)
    for name, loss in losses.by_modality.items():
        assert torch.equal(loss, (moved[name] - expected[name]).square().mean(dim=-1).mean(dim=1))
        assert (loss > 0).all()
    assert torch.equal(losses.video_sigma, flows["video"].sigma)


def test_dropout_acts_on_the_adapter_and_not_on_the_target():
    transformer = build(dropout=0.5)
    learn(transformer)
    batch = make_batch(transformer)
    flows = noised(transformer, batch)
    with torch.no_grad(), lora_disabled(transformer):
        first, second = (velocities(transformer, class_prompted(batch), flows) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in flows)
    torch.manual_seed(0)
    one = preservation_loss(transformer, class_prompted(batch), flows)
    other = preservation_loss(transformer, class_prompted(batch), flows)
    assert not torch.equal(one.video_loss, other.video_loss)


@pytest.mark.parametrize("recompute", [False, True])
def test_the_adapter_is_active_again_and_learns_from_both_losses(recompute):
    transformer = build()
    learn(transformer)
    transformer.blocks.num_recomputed = recompute * transformer.num_blocks
    batch = make_batch(transformer)
    flows = noised(transformer, batch)
    plain = OBJECTIVE.total(OBJECTIVE.loss(transformer, batch, torch.Generator().manual_seed(1)))
    alone = gradients(transformer, plain)
    preserved = OBJECTIVE.total(preservation_loss(transformer, class_prompted(batch), flows))
    pull = gradients(transformer, preserved)
    flow = OBJECTIVE.total(OBJECTIVE.loss(transformer, batch, torch.Generator().manual_seed(1)))
    total = flow + OBJECTIVE.total(preservation_loss(transformer, class_prompted(batch), flows))
    for together, first, second in zip(gradients(transformer, total), alone, pull, strict=True):
        torch.testing.assert_close(together, first + second, atol=1e-6, rtol=1e-4)  # sums in another order
        assert second.any()


def test_the_pull_leads_back_to_the_base():
    transformer = build("video")
    learn(transformer)
    batch = make_batch(transformer, audio=False)
    flows = noised(transformer, batch)
    parameters = [parameter for pair in lora_pairs(transformer).values() for parameter in (pair.down, pair.up)]
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    losses = []
    for _ in range(30):
        loss = OBJECTIVE.total(preservation_loss(transformer, class_prompted(batch), flows))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0] / 4


def test_prompts_replace_both_contexts_and_nothing_else():
    transformer = build()
    batch = make_batch(transformer)
    empty = (torch.full_like(batch.video_context[0], 2.0), torch.full_like(batch.audio_context[0], 3.0))
    blank, of_class = blank_prompted(batch, empty), class_prompted(batch)
    assert (blank.video_context.unique().item(), blank.audio_context.unique().item()) == (2.0, 3.0)
    assert torch.equal(of_class.video_context, batch.class_video_context)
    assert torch.equal(of_class.audio_context, batch.class_audio_context)
    for changed in (blank, of_class):
        assert changed.video_context.shape == batch.video_context.shape
        assert changed.video is batch.video
    assert blank_prompted(make_batch(transformer, audio=False), empty).audio_context is None


def test_prompts_are_drawn_as_often_as_stated_and_from_seed_and_micro_batch_alone():
    keep = Preservation(class_probability=0.3, blank_probability=0.2)
    drawn = [keep.draw(0, index) for index in range(2000)]
    assert drawn.count("class") / 2000 == pytest.approx(0.3, abs=0.04)  # 4 sigma
    assert drawn.count("blank") / 2000 == pytest.approx(0.2, abs=0.04)
    torch.rand(3)
    assert [keep.draw(0, index) for index in range(2000)] == drawn
    assert [keep.draw(1, index) for index in range(2000)] != drawn


@pytest.mark.parametrize(("class_probability", "blank_probability", "kind"), [(1, 0, "class"), (0, 1, "blank")])
def test_a_probability_of_one_always_and_of_zero_never(class_probability, blank_probability, kind):
    keep = Preservation(class_probability=class_probability, blank_probability=blank_probability)
    assert {keep.draw(7, index) for index in range(200)} == {kind}
    off = Preservation(class_probability=0, blank_probability=0)
    batch = dataclasses.replace(make_batch(build()), index=3)
    assert off.prompted(batch, 7, SimpleNamespace()) is None


def test_more_than_one_prompt_for_a_micro_batch_is_refused():
    with pytest.raises(ValueError, match=r"`model\.preservation\.init_args\.class_probability` is 0\.7"):
        Preservation(class_probability=0.7, blank_probability=0.4)


def test_another_order_of_the_items_gives_the_same_losses_in_that_order():
    transformer = build()
    learn(transformer)
    batch = make_batch(transformer)
    flows = noised(transformer, batch)
    losses = preservation_loss(transformer, class_prompted(batch), flows).by_modality
    turned = dataclasses.replace(
        batch,
        class_video_context=batch.class_video_context.flip(0),
        class_audio_context=batch.class_audio_context.flip(0),
    )
    turned_flows = {
        name: dataclasses.replace(
            tokens, flow=dataclasses.replace(tokens.flow, noisy=tokens.flow.noisy.flip(0), sigma=tokens.sigma.flip(0))
        )
        for name, tokens in flows.items()
    }
    others = preservation_loss(transformer, class_prompted(turned), turned_flows).by_modality
    for name, loss in losses.items():
        torch.testing.assert_close(others[name].flip(0), loss, atol=1e-6, rtol=1e-4)  # sums in another order
        assert loss[0] != loss[1]
