"""Gemma, connectors and transformer, trained together by flow matching on latents of the drawn world.

Gemma also keeps predicting the next token, so that words without a meaning here, such as a trigger, stay distinct.
A part of the items hears nothing of the other modality, which guidance and recipes for one stream ask for.

B batch, S prompt tokens, D features.
"""

import logging
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from datamodules.geometry import AudioLatentSpec
from datamodules.world import Scene, draw_batch, random_scene
from datamodules.world.tone import play_batch
from ltx_module.checkpoint.audio_vae import AudioVAE
from ltx_module.checkpoint.gemma import GemmaEncoder
from ltx_module.checkpoint.gemma_tokens import GemmaTokenizer
from ltx_module.checkpoint.log_mel import MelConfig
from ltx_module.checkpoint.video_vae import VideoVAE
from ltx_module.diffusion.flow_matching import FlowMatching
from ltx_module.diffusion.sigmas import ShiftedLogitNormal
from ltx_module.diffusion.tokens import audio_positions, pack_audio, pack_video, video_positions
from ltx_module.model import Modality
from ltx_module.pico import parts
from ltx_module.pico.bundle import GEMMA_DIRECTORY, TEXT_WINDOW
from ltx_module.pico.captions import is_held_out, vary_caption
from ltx_module.pico.config import AUDIO_CHANNELS, MEL_BINS, TEXT_LAYERS, pico_config
from ltx_module.pico.gemma import write_gemma
from ltx_module.pico.training.loop import DEVICE, train
from ltx_module.pico.training.sounds import to_vae_rate
from ltx_module.pico.training.stages import load_part, save_part

logger = logging.getLogger(__name__)

_FPS = 24.0
# width, height, frames, share of clips and steps
_SHAPES = ((128, 128, 25, 0.6), (96, 128, 25, 0.12), (128, 96, 25, 0.12), (128, 128, 17, 0.08), (128, 128, 1, 0.08))
_CAPTIONS = 4  # wordings of a clip
_TOKENS = 64  # of the longest caption
_ISOLATED = 0.15
_SHARED_SIGMA = 0.5
_AUDIO_WEIGHT = 0.5
_LANGUAGE_WEIGHT = 0.05


@dataclass(frozen=True, kw_only=True)
class EncodedClips:
    """Clips of one shape, on the GPU."""

    video: Tensor
    """Latents, `(N, C, F, H, W)`, bf16."""
    audio: Tensor | None
    """Latents, `(N, C, L, M)`, bf16; None for stills."""
    tokens: Tensor
    """Token ids of the wordings with the padding behind them, `(N, wordings, S)`."""
    mask: Tensor
    """1 for tokens, `(N, wordings, S)`."""


class TextTower(nn.Module):
    """Captions' tokens to the contexts of both streams, with gradients.

    Args:
        gemma: The language model.
        connectors: Projection and connectors.
    """

    def __init__(self, gemma: nn.Module, connectors: nn.Module) -> None:
        super().__init__()
        self.gemma: Any = gemma
        self.connectors: Any = connectors

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Contexts `(B, window, D)` of video and audio, and the loss of predicting the next token."""
        # behind the caption, padding is out of sight of a causal model and needs no mask
        output = self.gemma(input_ids=ids, output_hidden_states=True, use_cache=False)
        states = torch.stack(output.hidden_states, dim=-1)  # (B, S, D, layers)
        padding = TEXT_WINDOW - ids.shape[1]
        states = functional.pad(states, (0, 0, 0, 0, 0, padding))
        video, audio, _ = self.connectors(states, functional.pad(mask, (0, padding)))
        logits = output.last_hidden_state[:, :-1] @ self.gemma.embed_tokens.weight.T
        known = mask[:, :-1].bool() & mask[:, 1:].bool()
        language = functional.cross_entropy(logits.float().transpose(1, 2), ids[:, 1:], reduction="none")
        return video, audio, (language * known).sum() / known.sum()


def train_generator(
    directory: Path,
    *,
    minutes: float,
    rate: float = 1.5e-3,
    batch: int = 384,
    number_of_clips: int = 20_000,
    seed: int = 0,
) -> None:
    """Trains text encoder, connectors and transformer for some minutes, from their files if there are any."""
    torch.manual_seed(seed)
    config = pico_config()
    transformer_part = parts.transformer(config)
    connector_part = parts.text_connectors(config, TEXT_LAYERS + 1)
    resumed = load_part(directory, "transformer", transformer_part) and load_part(directory, "text", connector_part)
    if not resumed:
        _start_weights(transformer_part.module)
        write_gemma_directory(directory / GEMMA_DIRECTORY, seed)
    gemma = _load_gemma(directory / GEMMA_DIRECTORY)
    text = TextTower(gemma, connector_part.module).to(DEVICE).train()
    transformer: Any = transformer_part.module.to(DEVICE).train()
    if DEVICE.type == "cuda":
        for block in transformer.transformer_blocks:
            block.compile(dynamic=False)

    chance = torch.Generator(DEVICE).manual_seed(seed + 17 * resumed)
    data = [
        _encode(directory, round(number_of_clips * share), width, height, frames, seed + 100 * number + 17 * resumed)
        for number, (width, height, frames, share) in enumerate(_SHAPES)
    ]
    shares = torch.tensor([shape[-1] for shape in _SHAPES])
    drawer = torch.Generator().manual_seed(seed)

    def step(_: int) -> dict[str, Tensor]:
        kind = int(torch.multinomial(shares, 1, generator=drawer))
        with torch.compiler.set_stance("default" if kind == 0 else "force_eager"):  # one shape pays for compiling
            return losses_of(data[kind])

    def losses_of(clips: EncodedClips) -> dict[str, Tensor]:
        rows = torch.randint(len(clips.video), (batch,), device=DEVICE, generator=chance)
        wording = torch.randint(_CAPTIONS, (batch,), device=DEVICE, generator=chance)
        with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
            video_context, audio_context, language = text(clips.tokens[rows, wording], clips.mask[rows, wording])
        losses = _flow_losses(transformer, clips, rows, (video_context, audio_context), chance)
        losses["language"] = language
        losses["loss"] = losses["video"] + _AUDIO_WEIGHT * losses.get("audio", 0.0) + _LANGUAGE_WEIGHT * language
        return losses

    steps = train([transformer, text], step, minutes=minutes, rate=rate, name="generator")
    save_part(directory, "transformer", transformer_part, steps)
    save_part(directory, "text", connector_part, steps)
    weights = {
        f"language_model.model.{name}": value.detach().float().cpu() for name, value in gemma.state_dict().items()
    }
    save_file({name: value.contiguous() for name, value in weights.items()}, directory / "gemma.safetensors")
    write_gemma_directory(directory / GEMMA_DIRECTORY, seed, weights)


def _flow_losses(
    transformer: Any, clips: EncodedClips, rows: Tensor, contexts: tuple[Tensor, Tensor], chance: torch.Generator
) -> dict[str, Tensor]:
    """Mean flow-matching losses of both modalities."""
    sampler = ShiftedLogitNormal(shift=0.6)
    number = len(rows)
    latents = {"video": pack_video(clips.video[rows]).float()}
    positions = {"video": video_positions(clips.video.shape, _FPS, DEVICE)}
    if clips.audio is not None:
        latents["audio"] = pack_audio(clips.audio[rows]).float()
        positions["audio"] = audio_positions(clips.audio.shape[2], DEVICE)
    sigma = sampler.draw(number, 64, chance)
    shared = torch.rand(number, device=DEVICE, generator=chance) < _SHARED_SIGMA
    flows, inputs = {}, {}
    for (name, x0), context in zip(latents.items(), contexts, strict=False):
        own = sigma if name == "video" else torch.where(shared, sigma, sampler.draw(number, 64, chance))
        noise = torch.randn(x0.shape, device=DEVICE, generator=chance)
        flow = flows[name] = FlowMatching.interpolate(x0, noise, own)
        inputs[name] = Modality(
            latent=flow.noisy,
            sigma=flow.sigma,
            timesteps=flow.timesteps,
            positions=positions[name].expand(number, -1, -1, -1),
            context=context,
            noise_levels=flow.noise_levels,
        )
    isolated = torch.rand(number, device=DEVICE, generator=chance) < _ISOLATED
    with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
        isolate = isolated if "audio" in inputs else False
        predicted = transformer(inputs["video"], inputs.get("audio"), isolate_modalities=isolate)
    return {name: flow.loss(velocity).mean() for (name, flow), velocity in zip(flows.items(), predicted, strict=False)}


@torch.no_grad()
def _encode(directory: Path, number: int, width: int, height: int, frames: int, seed: int) -> EncodedClips:
    """Draws, plays, words and encodes clips of one shape."""
    config = pico_config()
    video_part, audio_part = parts.video_vae(config), parts.audio_vae(config)
    if not (load_part(directory, "video_vae", video_part) and load_part(directory, "audio_vae", audio_part)):
        raise FileNotFoundError(f"{directory} has no video_vae and audio_vae yet: train those stages first.")
    video_vae = VideoVAE(video_part.module.to(DEVICE).bfloat16())
    audio_vae = AudioVAE(audio_part.module.to(DEVICE), MelConfig.from_metadata(config["audio_vae"]["preprocessing"]))
    length = AudioLatentSpec(channels=AUDIO_CHANNELS, mel_bins=MEL_BINS // 4).length(frames / _FPS)
    scenes = _scenes(number, seed)
    videos, audios = [], []
    for begin in range(0, number, 128):
        some = scenes[begin : begin + 128]
        pixels = draw_batch(some, frames=frames, width=width, height=height, device=DEVICE).bfloat16() / 127.5 - 1
        videos.append(video_vae.encode(pixels))
        if frames > 1:
            waveform = play_batch(some, frames=frames, fps=_FPS, device=DEVICE)
            audios.append(audio_vae.encode(to_vae_rate(waveform))[:, :, :length].bfloat16())
    draw = random.Random(seed)
    captions = [vary_caption(scene, draw, as_still=frames == 1) for scene in scenes for _ in range(_CAPTIONS)]
    ids, mask = GemmaTokenizer(directory / GEMMA_DIRECTORY, TEXT_WINDOW)(captions)
    if mask[:, :-_TOKENS].any():
        raise ValueError(f"A caption has more than {_TOKENS} tokens: raise the limit.")
    order = (1 - mask).argsort(dim=1, stable=True)[:, :_TOKENS]  # padding goes behind
    tokens, known = (values.gather(1, order).reshape(number, _CAPTIONS, -1).to(DEVICE) for values in (ids, mask))
    return EncodedClips(video=torch.cat(videos), audio=torch.cat(audios) if audios else None, tokens=tokens, mask=known)


def _scenes(number: int, seed: int) -> list[Scene]:
    generator = torch.Generator().manual_seed(seed)
    scenes: list[Scene] = []
    while len(scenes) < number:
        scene = random_scene(generator)
        if not is_held_out(scene):
            scenes.append(scene)
    return scenes


@torch.no_grad()
def _start_weights(transformer: nn.Module) -> None:
    """Small residual branches and modulation to begin with."""
    for name, parameter in transformer.named_parameters():
        if "scale_shift_table" in name:
            parameter.normal_(std=0.2)
        elif name.endswith("weight") and parameter.ndim > 1:
            gain = (
                0.2
                if ("adaln" in name and ".linear." in name) or name.startswith(("proj_out", "audio_proj_out"))
                else 1.0
            )
            parameter.normal_(std=gain / parameter.shape[1] ** 0.5)
        elif name.endswith("bias"):
            parameter.zero_()


def write_gemma_directory(directory: Path, seed: int, weights: dict[str, Tensor] | None = None) -> None:
    """Writes the Gemma directory with random weights, or these in their place."""
    directory.mkdir(parents=True, exist_ok=True)
    write_gemma(directory, seed, weights)


def _load_gemma(directory: Path) -> nn.Module:
    """The language model in fp32, all of it trainable."""
    encoder = GemmaEncoder(directory, precision="fp32", device=DEVICE, text_window=TEXT_WINDOW)
    model: nn.Module = encoder._model
    return model.requires_grad_(True).train()
