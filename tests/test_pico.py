"""pico: the same bytes from the same seed, in the published layout, small, quick and with usable outputs."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ltx_module.checkpoint import Checkpoint
from ltx_module.checkpoint.gemma import GemmaEncoder
from ltx_module.checkpoint.gemma_tokens import GemmaTokenizer
from ltx_module.checkpoint.key_maps import COMPONENTS
from ltx_module.model import LTXConfig, Modality
from ltx_module.pico import PICO_FILE, write_pico
from ltx_module.pico.__main__ import main
from ltx_module.pico.config import LATENT_CHANNELS
from ltx_module.pico.tokenizer import build_vocabulary

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pico")
    write_pico(directory)
    return directory


@pytest.fixture(scope="module")
def checkpoint(bundle):
    return Checkpoint(bundle / PICO_FILE)


def content(directory):
    return {path.relative_to(directory): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones(bundle, tmp_path):
    main([str(tmp_path / "again")])
    assert content(tmp_path / "again") == content(bundle)
    write_pico(tmp_path / "other", seed=1)
    other = Checkpoint(tmp_path / "other" / PICO_FILE)
    first = Checkpoint(bundle / PICO_FILE)
    assert all(other.fingerprint(component) != first.fingerprint(component) for component in COMPONENTS)


def test_a_complete_bundle_is_left_alone_and_a_damaged_one_is_written_again(tmp_path):
    file = write_pico(tmp_path)
    os.utime(file, (0, 0))
    write_pico(tmp_path)
    assert file.stat().st_mtime == 0
    (tmp_path / "gemma" / "tokenizer.json").unlink()
    write_pico(tmp_path)
    assert file.stat().st_mtime > 0
    assert (tmp_path / "gemma" / "tokenizer.json").exists()
    assert not list(tmp_path.glob(".partial-*"))


def test_the_trained_one_is_never_written_over(tmp_path):
    shutil.copy(ROOT / "assets" / "pico" / PICO_FILE, tmp_path)
    before = (tmp_path / PICO_FILE).read_bytes()
    with pytest.raises(ValueError, match="is the trained pico"):
        write_pico(tmp_path)
    assert (tmp_path / PICO_FILE).read_bytes() == before


def test_it_has_at_most_12_million_values_and_2_million_in_gemma(bundle):
    assert 8e6 < sum(tensor.numel() for tensor in load_file(bundle / PICO_FILE).values()) < 12e6
    assert (bundle / PICO_FILE).stat().st_size < 26 * 2**20
    shards = (bundle / "gemma").glob("*.safetensors")
    assert sum(tensor.numel() for file in shards for tensor in load_file(file).values()) < 2e6


def test_it_holds_every_component_of_2_3(checkpoint):
    assert all(checkpoint.holds(component) for component in COMPONENTS)
    assert LTXConfig.from_metadata(checkpoint.config["transformer"]).num_layers == 6
    assert not checkpoint.distilled
    checkpoint.require_trainable()


def test_all_weights_are_bf16(bundle):
    for file in bundle.rglob("*.safetensors"):
        assert {tensor.dtype for tensor in load_file(file).values()} == {torch.bfloat16}


def test_latents_have_about_unit_variance_and_pixels_are_visible_and_unsaturated(checkpoint):
    vae = checkpoint.load_video_vae(dtype=torch.float32)
    coarse = torch.randn(2, 3, 3, 4, 4, generator=torch.Generator().manual_seed(5))
    pixels = torch.nn.functional.interpolate(coarse, size=(17, 96, 96), mode="trilinear").clamp(-1, 1)
    latents = vae.encode(pixels)
    assert latents.shape == (2, LATENT_CHANNELS, 3, 3, 3)
    assert 0.5 < latents.std() < 2
    decoded = vae.decode(torch.randn(2, LATENT_CHANNELS, 3, 3, 3, generator=torch.Generator().manual_seed(6)))
    assert 0.2 < decoded.std() < 0.6
    assert (decoded.abs() > 1).float().mean() < 0.02
    # other latents, another picture
    assert (decoded[0] - decoded[1]).std() > 0.2


def test_sound_is_audible_depends_on_its_latents_and_does_not_clip(checkpoint):
    audio, vocoder = checkpoint.load_audio_vae(), checkpoint.load_vocoder()
    latents = torch.randn(2, 2, 26, 16, generator=torch.Generator().manual_seed(7))
    waveform = vocoder(audio.decode(latents))
    assert waveform.shape == (2, 2, 480 * (4 * 26 - 3))
    assert 0.01 < waveform.std() < 0.3
    assert (waveform.abs() > 0.95).float().mean() < 1e-3
    assert (waveform[0] - waveform[1]).std() > 0.01
    encoded = audio.encode(0.1 * torch.randn(1, 2, 16000, generator=torch.Generator().manual_seed(8)))
    assert 0.2 < encoded.std() < 3


def test_prompt_and_sound_reach_the_video(bundle, checkpoint):
    gemma = GemmaEncoder(bundle / "gemma", text_window=256, states=checkpoint.text_states)
    connectors = checkpoint.load_text_connectors(dtype=torch.float32)
    video_context, audio_context = connectors(*gemma.encode(["A red circle moves left.", "A low tone, blue dots."]))
    transformer = checkpoint.load_transformer(dtype=torch.float32)
    generator = torch.Generator().manual_seed(9)

    def modality(context, tokens, width, axes):
        return Modality(
            latent=torch.randn(1, tokens, width, generator=generator),
            sigma=torch.tensor([0.7]),
            timesteps=torch.full((1, tokens), 0.7),
            positions=torch.arange(2.0).expand(1, axes, tokens, 2) + torch.arange(float(tokens))[:, None],
            context=context,
        )

    video = modality(video_context[:1], 48, LATENT_CHANNELS, 3)
    audio = modality(audio_context[:1], 17, 32, 1)
    other_prompt = Modality(
        **{f: getattr(video, f) for f in ("latent", "sigma", "timesteps", "positions")}, context=video_context[1:]
    )
    with torch.no_grad():
        velocity, audio_velocity = transformer(video, audio)
        prompted, _ = transformer(other_prompt, audio)
        silent, _ = transformer(video, None)
    assert 0.2 < velocity.std() < 2
    assert 0.2 < audio_velocity.std() < 2
    assert (prompted - velocity).std() > 0.005
    assert (silent - velocity).std() > 0.05


def test_listed_words_are_single_tokens_and_anything_else_still_has_tokens(bundle):
    tokenizer = GemmaTokenizer(bundle / "gemma", 256)
    assert tokenizer.count(["A red circle moves slowly to the right"]) == [9]  # BOS and eight words
    assert tokenizer.count(["\U0001f600"]) == [5]  # BOS and four bytes


def test_the_vocabulary_has_gemmas_special_tokens_at_gemmas_places(bundle):
    vocabulary, merges = build_vocabulary()
    assert [vocabulary[token] for token in ("<pad>", "<eos>", "<bos>", "<unk>")] == [0, 1, 2, 3]
    assert 500 < len(vocabulary) < 2000
    assert all(left + right in vocabulary for left, right in merges)
    config = json.loads((bundle / "gemma" / "config.json").read_text())
    assert config["text_config"]["vocab_size"] == len(vocabulary)
