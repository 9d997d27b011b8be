from types import SimpleNamespace

import pytest
import torch

from callbacks import LossBySigma
from ltx_module.training import StepLoss


def losses(video: list[tuple[float, float]], audio: list[tuple[float, float]] = ()) -> StepLoss:
    """Losses from (sigma, loss) pairs."""
    sides = [torch.tensor(list(zip(*pairs, strict=True))) if pairs else (None, None) for pairs in (video, audio)]
    (video_sigma, video_loss), (audio_sigma, audio_loss) = sides
    return StepLoss(video_loss=video_loss, video_sigma=video_sigma, audio_loss=audio_loss, audio_sigma=audio_sigma)


def train(callback, trainer, module, steps) -> None:
    for number, step in enumerate(steps, start=1):
        module.step_loss, trainer.global_step = step, number
        callback.on_train_batch_end(trainer, module, {}, None, number - 1)


def test_losses_go_into_the_bin_of_their_sigma_and_modality(trainer, module):
    steps = [losses([(0.0, 1.0), (0.49, 3.0)], [(0.5, 7.0), (1.0, 9.0)]), losses([(0.25, 5.0)])]
    train(LossBySigma(num_bins=2, every_n_steps=2), trainer, module, steps)
    assert module.rows == [{"train/loss_video_sigma_0.00-0.50": 3.0, "train/loss_audio_sigma_0.50-1.00": 8.0}]


def test_each_row_starts_from_nothing(trainer, module):
    train(LossBySigma(num_bins=1, every_n_steps=1), trainer, module, [losses([(0.5, 2.0)]), losses([(0.5, 4.0)])])
    assert [row["train/loss_video_sigma_0.00-1.00"] for row in module.rows] == [2.0, 4.0]


def test_micro_batches_of_one_step_are_averaged_before_it_is_counted(trainer, module):
    trainer.accumulate_grad_batches, callback = 2, LossBySigma(num_bins=1, every_n_steps=1)
    for number, loss in enumerate((2.0, 4.0)):
        module.step_loss = losses([(0.5, loss)])
        callback.on_train_batch_end(trainer, module, {}, None, number)
    assert module.rows == [{"train/loss_video_sigma_0.00-1.00": pytest.approx(3.0)}]


def test_half_filled_bins_survive_a_resume(trainer, module):
    first = LossBySigma(num_bins=2, every_n_steps=2)
    train(first, trainer, module, [losses([(0.1, 1.0)])])
    second = LossBySigma(num_bins=2, every_n_steps=2)
    second.load_state_dict(first.state_dict())
    second.on_train_start(trainer, module)
    module.step_loss, trainer.global_step = losses([(0.1, 3.0)]), 2
    second.on_train_batch_end(trainer, module, {}, None, 1)
    assert module.rows == [{"train/loss_video_sigma_0.00-0.50": 2.0}]


def test_ranks_join_their_losses_and_a_resumed_half_row_counts_once(trainer, module):
    ours, theirs = (LossBySigma(num_bins=1, every_n_steps=2) for _ in range(2))
    train(ours, trainer, module, [losses([(0.5, 1.0)])])
    state = ours.state_dict()  # the first rank's, which every rank is given
    for rank, callback in enumerate((ours, theirs)):
        callback.load_state_dict(state)
        trainer.global_rank = rank
        callback.on_train_start(trainer, module)
    module.step_loss, trainer.global_step = losses([(0.5, 4.0)], [(0.5, 8.0)]), 1
    theirs.on_train_batch_end(trainer, module, {}, None, 0)
    other = theirs._sums.sums
    trainer.strategy = SimpleNamespace(root_device=torch.device("cpu"), reduce=lambda sums, reduce_op: sums + other)
    module.step_loss, trainer.global_step = losses([(0.5, 1.0)]), 2
    ours.on_train_batch_end(trainer, module, {}, None, 1)
    assert module.rows == [{"train/loss_video_sigma_0.00-1.00": 2.0, "train/loss_audio_sigma_0.00-1.00": 8.0}]
