"""Every mode of training: what is given stays clean, at timestep 0, without loss and without gradient."""

from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import nn

from datamodules.batch import LatentBatch
from datamodules.geometry import Bucket
from datamodules.given import Given
from ltx_module.diffusion.conditioning import FirstFrame, Keyframes, Mask, Prefix, Reference, SpatialCrop, Suffix
from ltx_module.diffusion.sigmas import ShiftedLogitNormal
from ltx_module.diffusion.tokens import audio_positions, pack_audio, pack_video, video_positions
from ltx_module.held_out_loss import fixed_noise
from ltx_module.training import Conditions, TrainingObjective

BATCH, CHANNELS, FRAMES, HEIGHT, WIDTH, LENGTH = 2, 3, 3, 2, 4, 17
TOKENS = FRAMES * HEIGHT * WIDTH


class Recorder(nn.Module):
    """In place of the transformer: remembers what it is shown and predicts what it is told to learn."""

    def __init__(self, streams="av"):
        super().__init__()
        self.streams = streams
        self.seen = {}
        self.predictions = {}

    def forward(self, video, audio):
        out = []
        for name, modality in (("video", video), ("audio", audio)):
            self.seen[name] = modality
            if modality is not None:
                self.predictions[name] = torch.randn_like(modality.latent).requires_grad_()
            out.append(None if modality is None else self.predictions[name])
        return tuple(out)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make_batch(streams="av", keyframes=()):
    video_mask = torch.zeros(BATCH, FRAMES, HEIGHT, WIDTH, dtype=torch.bool)
    video_mask[0, 1:, 0, 1:3] = True
    video_mask[1, 0] = True
    audio_mask = torch.zeros(BATCH, LENGTH, dtype=torch.bool)
    audio_mask[0, 3:9] = True
    return LatentBatch(
        video=None if streams == "audio" else draw(BATCH, CHANNELS, FRAMES, HEIGHT, WIDTH),
        audio=None if streams == "video" else draw(BATCH, 2, LENGTH, 4, seed=1),
        video_context=draw(BATCH, 6, 8),
        audio_context=draw(BATCH, 6, 8),
        fps=24.0,
        bucket=Bucket(width=128, height=64, frames=17),
        names=("a.mp4@0.00s", "b.mp4@0.00s"),
        given=Given(
            video_reference=draw(BATCH, CHANNELS, FRAMES, HEIGHT // 2, WIDTH // 2, seed=2),
            audio_reference=draw(BATCH, 2, 5, 4, seed=3),
            video_mask=video_mask,
            audio_mask=audio_mask,
            keyframes={frame: draw(BATCH, CHANNELS, 1, HEIGHT, WIDTH, seed=7 + frame) for frame in keyframes},
        ),
    )


@dataclass(frozen=True)
class Mode:
    conditions: tuple = ()
    streams: str = "av"
    frozen: str | None = None
    given: dict = field(default_factory=dict)
    """Tokens that are given, by modality: a number of them in each item, or one number an item."""
    beside: dict = field(default_factory=dict)
    """Tokens beside, by modality."""


PLANE = HEIGHT * WIDTH
MODES = {
    "text": Mode(),
    "image_to_video": Mode((FirstFrame(),), given={"video": (PLANE, PLANE)}),
    "first_last": Mode((Keyframes(),), given={"video": (PLANE, PLANE)}, beside={"video": PLANE}),
    "video_extend": Mode(
        (Prefix(latent_frames=2), Prefix(modality="audio", seconds=0.2)),
        given={"video": (2 * PLANE, 2 * PLANE), "audio": (5, 5)},
    ),
    "video_backward": Mode((Suffix(latent_frames=1),), given={"video": (PLANE, PLANE)}),
    "video_inpaint": Mode((Mask(),), streams="video", given={"video": (4, PLANE)}),
    "video_outpaint": Mode((SpatialCrop(),), streams="video", given={"video": (12, 12)}),
    "ic": Mode((Reference(),), streams="video", beside={"video": FRAMES * PLANE // 4}),
    "ic_first_frame": Mode(
        (Reference(), FirstFrame()), given={"video": (PLANE, PLANE)}, beside={"video": FRAMES * PLANE // 4}
    ),
    "audio_to_video": Mode((FirstFrame(),), frozen="audio", given={"video": (PLANE, PLANE), "audio": (LENGTH,) * 2}),
    "video_to_audio": Mode(frozen="video", given={"video": (TOKENS, TOKENS)}),
    "text_to_audio": Mode(streams="audio"),
    "audio_extend": Mode((Prefix(modality="audio", latent_frames=8),), streams="audio", given={"audio": (8, 8)}),
    "audio_suffix": Mode((Suffix(modality="audio", latent_frames=8),), streams="audio", given={"audio": (8, 8)}),
    "audio_inpaint": Mode((Mask(modality="audio"),), streams="audio", given={"audio": (6, 0)}),
    "audio_ic": Mode((Reference(modality="audio"),), streams="audio", beside={"audio": 5}),
    "audio_video_ic": Mode(
        (Reference(), Reference(modality="audio")), beside={"video": FRAMES * PLANE // 4, "audio": 5}
    ),
}


def objective_of(mode):
    return TrainingObjective(
        sigma_sampler=ShiftedLogitNormal(), conditions=Conditions(tuple(mode.conditions), mode.frozen)
    )


def run(mode, batch=None):
    stills = [frame for one in mode.conditions if isinstance(one, Keyframes) for frame in one.frames]
    transformer, batch = Recorder(mode.streams), make_batch(mode.streams, stills) if batch is None else batch
    objective = objective_of(mode)
    drawn = objective.conditions.draw(batch, torch.Generator().manual_seed(0))
    losses = objective.loss(transformer, batch, torch.Generator().manual_seed(5), drawn)
    return transformer, batch, losses


@pytest.mark.parametrize("name", MODES)
def test_what_is_given_is_clean_at_timestep_zero_without_loss_and_gradient(name):
    mode = MODES[name]
    transformer, batch, losses = run(mode)
    own = {"video": None if batch.video is None else pack_video(batch.video)}
    own["audio"] = None if batch.audio is None else pack_audio(batch.audio)
    sum(loss.sum() for loss in losses.by_modality.values()).backward()
    for modality, seen in transformer.seen.items():
        if own[modality] is None:
            assert seen is None
            continue
        tokens = own[modality].shape[1]
        is_frozen = mode.frozen == modality
        given = seen.timesteps[:, :tokens] == 0
        assert given.sum(1).tolist() == list(mode.given.get(modality, (tokens if is_frozen else 0,) * 2))
        replaced = modality == "video" and any(isinstance(one, Keyframes) for one in mode.conditions)
        if not replaced:
            assert torch.equal(seen.latent[:, :tokens][given], own[modality][given])
        noisy = ~given
        assert (seen.latent[:, :tokens][noisy] != own[modality][noisy]).all()
        assert torch.equal(seen.timesteps[:, :tokens][noisy], seen.sigma[:, None].expand(-1, tokens)[noisy])
        assert bool((seen.sigma == 0).all()) == is_frozen
        assert seen.latent.shape[1] - tokens == mode.beside.get(modality, 0)
        assert not seen.timesteps[:, tokens:].any()
        gradient = transformer.predictions[modality].grad
        if is_frozen:
            assert gradient is None
            assert modality not in losses.by_modality
            continue
        assert not gradient[:, :tokens][given].any()
        assert not gradient[:, tokens:].any()
        assert (gradient[:, :tokens][noisy] != 0).all()
        error = transformer.predictions[modality][:, :tokens].detach() - (noise_of(seen, own[modality], tokens))
        expected = [(row**2)[~known].mean() for row, known in zip(error, given, strict=True)]
        torch.testing.assert_close(losses.by_modality[modality].detach(), torch.stack(expected))


def noise_of(seen, clean, tokens):
    """The velocity that leads from noisy tokens to clean ones."""
    return (seen.latent[:, :tokens] - clean) / seen.sigma[:, None, None]


@pytest.mark.parametrize("name", ["ic", "first_last", "audio_ic"])
def test_tokens_beside_are_the_given_media_and_lie_at_their_places(name):
    transformer, batch, _ = run(MODES[name])
    given, modality = batch.given, "audio" if name == "audio_ic" else "video"
    seen = transformer.seen[modality]
    if name == "ic":
        expected, places = pack_video(given.video_reference), video_positions((FRAMES, HEIGHT // 2, WIDTH // 2), 24.0)
        places = places.clone()
        places[:, 1:] *= 2
    elif name == "first_last":
        expected, places = pack_video(given.keyframes[-1]), video_positions((1, HEIGHT, WIDTH), 24.0).clone()
        places[:, 0] = torch.tensor([16 / 24, 17 / 24])
    else:
        expected, places = pack_audio(given.audio_reference), audio_positions(5)
    count = expected.shape[1]
    assert torch.equal(seen.latent[:, -count:], expected)
    assert torch.equal(seen.positions[:1, :, -count:], places)


def test_a_condition_of_probability_half_applies_to_some_items_alone():
    mode = Mode((FirstFrame(0.5),))
    counts = set()
    for seed in range(12):
        transformer, objective = Recorder(), objective_of(mode)
        drawn = objective.conditions.draw(make_batch(), torch.Generator().manual_seed(seed))
        objective.loss(transformer, make_batch(), torch.Generator(), drawn)
        counts.add(tuple((transformer.seen["video"].timesteps == 0).sum(1).tolist()))
    assert counts == {(0, 0), (PLANE, 0), (0, PLANE), (PLANE, PLANE)}


def test_draws_of_conditions_leave_noise_and_noise_levels_as_they_are():
    plain, _, _ = run(MODES["text"])
    conditioned, _, _ = run(MODES["image_to_video"])
    later = slice(PLANE, None)
    assert torch.equal(plain.seen["video"].latent[:, later], conditioned.seen["video"].latent[:, later])
    assert torch.equal(plain.seen["audio"].latent, conditioned.seen["audio"].latent)


def test_ordinary_clips_have_no_reference_and_train_without_it():
    batch = replace(make_batch("video"), given=Given(), is_regularisation=True)
    transformer, _, _ = run(MODES["ic"], batch)
    assert transformer.seen["video"].latent.shape[1] == TOKENS


def test_a_clip_without_sound_trains_its_picture_under_conditions_on_sound():
    batch = replace(make_batch(), audio=None, audio_context=None)
    transformer, _, losses = run(MODES["video_extend"], batch)
    assert transformer.seen["audio"] is None
    assert losses.audio_loss is None
    assert losses.video_loss.shape == (BATCH,)


def test_held_out_losses_apply_what_applies_in_half_of_the_cases():
    conditions = Conditions((FirstFrame(0.5), Suffix(0.4, latent_frames=1)))
    tokens = fixed_noise(Recorder(), make_batch(), 0.6, conditions)["video"]
    assert tokens.flow.clean.sum(1).tolist() == [PLANE, PLANE]
    again = fixed_noise(Recorder(), make_batch(), 0.6, conditions)["video"]
    assert torch.equal(tokens.flow.noisy, again.flow.noisy)
