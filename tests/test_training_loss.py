"""What a training step minimises: weights of modalities, ordinary clips and preservation, and the balance of sound."""

import dataclasses
from pathlib import Path

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import distributed

from ltx_module.balance import START, LossBalance
from ltx_module.diffusion.sigmas import ShiftedLogitNormal
from ltx_module.module import LTXModule
from ltx_module.preservation import class_prompted
from ltx_module.training import StepLoss, TrainingObjective
from ltx_module.training_loss import TrainingLoss
from tests.test_preservation import build, learn, make_batch

ALONE = SingleDeviceStrategy(torch.device("cpu"))


def losses(video, audio):
    return StepLoss(
        video_loss=torch.tensor([video]),
        video_sigma=torch.tensor([0.5]),
        audio_loss=None if audio is None else torch.tensor([audio]),
        audio_sigma=None if audio is None else torch.tensor([0.5]),
    )


@pytest.fixture
def step():
    """Losses of the same batch, noise and adapter under other options."""
    transformer = build()
    learn(transformer)

    def run(batch=None, *, preserve=False, **options):
        batch = make_batch(transformer) if batch is None else batch
        objective = TrainingObjective(sigma_sampler=ShiftedLogitNormal(), audio_weight=0.5)
        loss = TrainingLoss(objective=objective, **options)
        prompted = class_prompted(batch) if preserve else None
        generator = torch.Generator().manual_seed(0)
        return loss.step(transformer, batch, generator, prompted=prompted, strategy=ALONE)

    return run


def test_with_everything_off_the_total_is_that_of_the_objective(step):
    plain = step()
    expected = (plain.losses.video_loss + 0.5 * plain.losses.audio_loss).mean()
    assert torch.equal(plain.total, expected)
    assert plain.metrics.keys() == {"loss", "loss_video", "loss_audio"}


def test_preservation_is_added_with_its_weight_and_those_of_the_modalities(step):
    plain, kept = step(), step(preserve=True, preservation_weight=3.0)
    video, audio = kept.metrics["loss_preservation_video"], kept.metrics["loss_preservation_audio"]
    torch.testing.assert_close(kept.metrics["loss_preservation"], video + 0.5 * audio)
    torch.testing.assert_close(kept.total, plain.total + 3 * (video + 0.5 * audio))
    assert torch.equal(kept.losses.video_loss, plain.losses.video_loss)
    assert torch.equal(kept.metrics["loss"], kept.total)


def test_a_batch_without_sound_is_preserved_in_sight_alone(step):
    kept = step(make_batch(build(), audio=False), preserve=True)
    assert "loss_preservation_audio" not in kept.metrics
    assert kept.total.isfinite()


def test_ordinary_clips_train_at_their_weight_under_names_of_their_own(step):
    plain = step()
    ordinary = step(dataclasses.replace(make_batch(build()), is_regularisation=True), regularisation_weight=0.25)
    torch.testing.assert_close(ordinary.total, 0.25 * plain.total)
    torch.testing.assert_close(ordinary.metrics["loss_regularisation"], plain.total)
    names = {"loss", "loss_regularisation", "loss_regularisation_video", "loss_regularisation_audio"}
    assert ordinary.metrics.keys() == names


def test_the_balance_makes_both_modalities_count_alike(step):
    balance = LossBalance()
    balanced = step(balance=balance)
    video, audio = balanced.losses.video_loss.mean(), balanced.losses.audio_loss.mean()
    torch.testing.assert_close(balanced.metrics["audio_loss_weight"], video.detach() / audio.detach())
    torch.testing.assert_close(balanced.total, 2 * video)
    assert not balance.audio_weight.requires_grad


def test_the_balance_follows_the_ratio_of_the_running_means():
    balance = LossBalance()
    for _ in range(400):
        balance.update(losses(1.0, 8.0), ALONE)
        balance.update(losses(3.0, 8.0), ALONE)
    assert balance.audio_weight.item() == pytest.approx(2 / 8, rel=0.02)  # the later of each pair weighs 1 % more
    for _ in range(1000):
        balance.update(losses(1.0, 2.0), ALONE)
    assert balance.audio_weight.item() == pytest.approx(0.5, rel=1e-3)


def test_clips_without_sound_and_ordinary_ones_leave_the_balance_as_it_is():
    balance = LossBalance()
    assert balance.audio_weight.item() == pytest.approx(START)
    balance.update(losses(1.0, 5.0), ALONE)
    before = balance.state_dict()
    balance.update(losses(100.0, None), ALONE)
    balance.update(None, ALONE)
    assert balance.state_dict() == before


def test_all_ranks_have_one_weight_also_those_without_sound(monkeypatch):
    other = torch.zeros(3)  # what the other rank has to say
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "all_reduce", lambda seen: seen.add_(other))
    here, there = LossBalance(), LossBalance()
    other.copy_(torch.tensor([3.0, 15.0, 1.0]))
    here.update(losses(1.0, 5.0), ALONE)
    other.copy_(torch.tensor([4.0, 20.0, 2.0]))
    there.update(losses(9.0, None), ALONE)
    assert here.audio_weight == there.audio_weight == pytest.approx(0.2)


def test_the_weight_stays_within_its_limits():
    loud, quiet = LossBalance(), LossBalance()
    loud.update(losses(1.0, 1e6), ALONE)
    quiet.update(losses(1.0, 1e-6), ALONE)
    assert (loud.audio_weight.item(), quiet.audio_weight.item()) == pytest.approx((0.01, 10.0))


def test_a_restored_balance_goes_on_bit_for_bit():
    whole, first, second = LossBalance(), LossBalance(), LossBalance()
    pairs = [(0.1 * number, 1 / number) for number in range(1, 20)]
    for video, audio in pairs:
        whole.update(losses(video, audio), ALONE)
    for video, audio in pairs[:7]:
        first.update(losses(video, audio), ALONE)
    second.load_state_dict(first.state_dict())
    for video, audio in pairs[7:]:
        second.update(losses(video, audio), ALONE)
    assert second.state_dict() == whole.state_dict()


@pytest.mark.parametrize(
    ("options", "weight"),
    [({}, START), ({"streams": "audio"}, 1.0), ({"frozen": "video"}, 1.0), ({"audio_loss_weight": 0.5}, 0.5)],
)
def test_a_modality_alone_is_not_weighed_against_another(options, weight):
    module = LTXModule(Path("x"), Path("y"), **{"audio_loss_weight": "auto", **options})
    assert module.objective.audio_weight == weight
    assert (module.balance is not None) == (not options)
