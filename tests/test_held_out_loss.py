"""The held-out loss: the same noise for a clip whatever surrounds it, and means over clips rather than batches."""

from types import SimpleNamespace

import pytest
import torch

from datamodules.batch import LatentBatch, LatentItem, collate
from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from ltx_module.adapters import LoRAConfig, inject_lora, lora_pairs
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.sigmas import Uniform
from ltx_module.held_out_loss import HELD_OUT_SIGMAS, HeldOutSums, held_out_loss
from ltx_module.training import TrainingObjective
from tests.adapters.conftest import GOLDEN

BUCKET = Bucket.parse("64x64x9")
OBJECTIVE = TrainingObjective(sigma_sampler=Uniform(), video_weight=2.0, audio_weight=0.5)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return Checkpoint(GOLDEN / "tiny-ltx-2.3.safetensors")


@pytest.fixture(scope="module")
def transformer(checkpoint):
    return checkpoint.load_transformer("av", torch.float32)


@pytest.fixture(scope="module")
def clip(checkpoint):
    """An encoded clip by its name, which alone decides its latents."""

    def make(name: str, *, sound: bool = True) -> LatentItem:
        generator = torch.Generator().manual_seed(sum(name.encode()))
        widths, (channels, mel_bins) = checkpoint.context_widths, checkpoint.audio_latent

        def draw(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator)

        return LatentItem(
            name=name,
            bucket=BUCKET,
            fps=24.0,
            video=draw(*LatentSpec(channels=checkpoint.latent_channels).shape(BUCKET)),
            audio=draw(*AudioLatentSpec(channels=channels, mel_bins=mel_bins).shape(9 / 24)) if sound else None,
            video_context=draw(8, widths[0]),
            audio_context=draw(8, widths[1]) if sound else None,
        )

    return make


def batch(*items: LatentItem) -> LatentBatch:
    return collate(items)


def flat(loss) -> list[float]:
    return [value for losses in loss.by_sigma.values() for value in losses.values()]


def test_a_clip_counts_once_however_the_clips_are_batched_and_ordered(transformer, clip):
    one, two, three = clip("one.mp4"), clip("two.mp4"), clip("three.mp4")
    together = held_out_loss(transformer, OBJECTIVE, [batch(one, two), batch(three)])
    apart = held_out_loss(transformer, OBJECTIVE, [batch(three), batch(two), batch(one)])
    assert flat(together) == pytest.approx(flat(apart), rel=1e-5)
    alone = [flat(held_out_loss(transformer, OBJECTIVE, [batch(item)])) for item in (one, two, three)]
    means = [sum(values) / 3 for values in zip(*alone, strict=True)]
    assert flat(together) == pytest.approx(means, rel=1e-5)


def test_a_dataset_that_is_moved_keeps_its_noise(transformer, clip):
    here = batch(clip("one.mp4"))
    there = LatentBatch(**{**fields(here), "names": ("/elsewhere/clips/one.mp4",)})
    assert held_out_loss(transformer, OBJECTIVE, [here]) == held_out_loss(transformer, OBJECTIVE, [there])


def test_silent_clips_count_for_the_video_alone(transformer, clip):
    sound, silent = clip("sound.mp4"), clip("silent.mp4", sound=False)
    both = held_out_loss(transformer, OBJECTIVE, [batch(sound), batch(silent)])
    alone = held_out_loss(transformer, OBJECTIVE, [batch(sound)])
    assert both.by_sigma["audio"] == alone.by_sigma["audio"]
    assert both.by_sigma["video"] != alone.by_sigma["video"]
    assert held_out_loss(transformer, OBJECTIVE, [batch(silent)]).by_sigma.keys() == {"video"}


def test_clips_modalities_and_levels_have_noise_of_their_own(checkpoint, clip):
    transformer = checkpoint.load_transformer("av", torch.float32)
    for projection in (transformer.proj_out, transformer.audio_proj_out):
        torch.nn.init.zeros_(projection.weight)
        torch.nn.init.zeros_(projection.bias)
    items = []
    for name in ("one.mp4", "two.mp4"):
        item = clip(name)
        items.append(
            LatentItem(
                name=name,
                bucket=BUCKET,
                fps=24.0,
                video=torch.zeros_like(item.video),
                audio=torch.zeros_like(item.audio),
                video_context=item.video_context,
                audio_context=item.audio_context,
            )
        )
    losses = [flat(held_out_loss(transformer, OBJECTIVE, [batch(item)])) for item in items]
    # a model that predicts nothing for a clip that is nothing has the mean square of its noise for a loss
    assert len({value for values in losses for value in values}) == 2 * 2 * len(HELD_OUT_SIGMAS)
    numbers = items[0].video.numel()
    assert losses[0][: len(HELD_OUT_SIGMAS)] == pytest.approx([1.0] * 5, abs=4 * (2 / numbers) ** 0.5)


def test_neither_global_random_numbers_nor_dropout_nor_mode_matter(checkpoint, clip):
    transformer = checkpoint.load_transformer("av", torch.float32)
    inject_lora(transformer, LoRAConfig(rank=2, alpha=2.0, dropout=0.5), seed=0)
    with torch.no_grad():
        for pair in lora_pairs(transformer).values():
            pair.up.normal_(generator=torch.Generator().manual_seed(1))
    transformer.train()
    state = torch.random.get_rng_state()
    first = held_out_loss(transformer, OBJECTIVE, [batch(clip("one.mp4"))])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert transformer.training
    torch.rand(7)
    assert held_out_loss(transformer, OBJECTIVE, [batch(clip("one.mp4"))]) == first
    assert all(parameter.grad is None for parameter in transformer.parameters())


def test_a_repeated_batch_is_not_counted(transformer, clip):
    sums = HeldOutSums()
    sums.add(transformer, batch(clip("one.mp4")))
    once = sums.result(OBJECTIVE)
    sums.add(transformer, LatentBatch(**{**fields(batch(clip("two.mp4"))), "is_padding": True}))
    assert sums.result(OBJECTIVE) == once


def test_ranks_join_their_clips_even_where_one_has_no_sound(transformer, clip):
    sound, silent = clip("sound.mp4"), clip("silent.mp4", sound=False)
    first, second = HeldOutSums(), HeldOutSums()
    first.add(transformer, batch(sound))
    second.add(transformer, batch(silent))
    sent = []

    def reduce(tensor: torch.Tensor, reduce_op: str) -> torch.Tensor:
        sent.append((reduce_op, tensor))
        return sum(other for _, other in sent)

    strategy = SimpleNamespace(root_device=torch.device("cpu"), reduce=reduce)
    second.result(OBJECTIVE, strategy)
    joined = first.result(OBJECTIVE, strategy)
    assert {operation for operation, _ in sent} == {"sum"}
    assert joined == held_out_loss(transformer, OBJECTIVE, [batch(sound), batch(silent)])


def test_numbers_carry_the_names_of_the_logs(transformer, clip):
    loss = held_out_loss(transformer, OBJECTIVE, [batch(clip("one.mp4"))])
    metrics = loss.metrics()
    levels = ["0.20", "0.40", "0.60", "0.80", "0.95"]
    assert list(metrics)[:4] == ["val/loss", "val/loss_video", "val/loss_audio", "val/loss_video_sigma_0.20"]
    assert metrics["val/loss"] == pytest.approx(2.0 * metrics["val/loss_video"] + 0.5 * metrics["val/loss_audio"])
    assert metrics["val/loss_audio"] == pytest.approx(
        sum(metrics[f"val/loss_audio_sigma_{level}"] for level in levels) / 5
    )
    assert {name: list(losses) for name, losses in loss.to_dict().items()} == {"video": levels, "audio": levels}


def fields(whole: LatentBatch) -> dict[str, object]:
    return {name: getattr(whole, name) for name in whole.__slots__}
