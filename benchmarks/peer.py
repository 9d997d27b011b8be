"""The peer: diffusers' LTX-2 transformer with peft adapters, trained as its users do, on the same shapes.

bf16 weights, eager, every block recomputed in backward, LoRA on all attention projections, AdamW and clipping. Its
users hold the adapters in fp32 under autocast, or in bf16 without it; both are measured, and the faster one counts.
"""

import gc
import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import memory
from benchmarks.flops import Tokens
from benchmarks.timing import time_steps

_PROJECTIONS = ["to_q", "to_k", "to_v", "to_out.0"]


@dataclass(frozen=True, kw_only=True)
class PeerFigures:
    """A step of the peer."""

    step_ms: float
    peak_gib: float
    adapters: str
    """Number format of its adapters, that of the faster way."""


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """What it is trained on: latent frames, height and width, and tokens."""

    grid: tuple[int, int, int]
    tokens: Tokens


def measure_peer(
    config: dict[str, Any], shapes: Shapes, ranks: Sequence[int], device: torch.device, *, steps: int
) -> dict[int, PeerFigures]:
    """Build the peer once, train it for a few steps at each rank, and free it.

    Args:
        config: The `transformer` section of a checkpoint's `config`.
        shapes: What it is trained on.
        ranks: Of the adapters.
        device: Where.
        steps: Timed steps of each way.
    """
    model = _build(config, device)
    inputs = _inputs(model, shapes, device)
    figures = {}
    for rank in ranks:
        _adapt(model, rank)
        figures[rank] = min(_ways(model, inputs, device, steps), key=lambda way: way.step_ms)
        model.delete_adapters("default")
    del model, inputs
    gc.collect()
    memory.release()
    return figures


def _ways(model: Any, inputs: dict[str, Any], device: torch.device, steps: int) -> Iterator[PeerFigures]:
    """Each way to hold the adapters."""
    for dtype in (torch.float32, torch.bfloat16):
        adapters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        for parameter in adapters:
            parameter.data = parameter.data.to(dtype)
            parameter.grad = None
        memory.reset_peaks()
        step = _Step(model, adapters, inputs, autocast=dtype == torch.float32)
        timing = time_steps(step, device, warmup=2, steps=steps)
        yield PeerFigures(
            step_ms=timing.median_ms, peak_gib=memory.peaks()[0], adapters=str(dtype).removeprefix("torch.")
        )


class _Step:
    """A training step: noise, velocity, loss of both modalities, gradients, clipping, AdamW."""

    def __init__(self, model: Any, adapters: list[nn.Parameter], inputs: dict[str, Any], *, autocast: bool) -> None:
        self.model, self.adapters, self.inputs, self.autocast = model, adapters, inputs, autocast
        self.optimizer = torch.optim.AdamW(adapters, lr=1e-4)

    def __call__(self) -> Tensor:
        video, audio = self.inputs["hidden_states"], self.inputs["audio_hidden_states"]
        sigma = torch.rand(1, device=video.device)
        noise, audio_noise = torch.randn_like(video), torch.randn_like(audio)
        timestep = 1000 * sigma
        given = self.inputs | {
            "hidden_states": ((1 - sigma) * video + sigma * noise).to(video.dtype),
            "audio_hidden_states": ((1 - sigma) * audio + sigma * audio_noise).to(audio.dtype),
            **dict.fromkeys(("timestep", "audio_timestep", "sigma", "audio_sigma"), timestep),
        }
        with torch.autocast(video.device.type, torch.bfloat16) if self.autocast else nullcontext():
            velocity, audio_velocity = self.model(**given, use_cross_timestep=True, return_dict=False)
        loss = functional.mse_loss(velocity.float(), (noise - video).float())
        loss = loss + functional.mse_loss(audio_velocity.float(), (audio_noise - audio).float())
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.adapters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()


def _build(config: dict[str, Any], device: torch.device) -> Any:
    """The transformer of a 2.3 file with random weights, made where it stays."""
    from diffusers import LTX2VideoTransformer3DModel

    names = ("in_channels", "out_channels", "num_attention_heads", "attention_head_dim", "cross_attention_dim")
    with torch.device("meta"):
        model = LTX2VideoTransformer3DModel(
            **{name: config[name] for name in names},
            **{f"audio_{name}": config[f"audio_{name}"] for name in names},
            num_layers=config["num_layers"],
            gated_attn=True,
            cross_attn_mod=True,
            audio_gated_attn=True,
            audio_cross_attn_mod=True,
            rope_type="split",
            use_prompt_embeddings=False,
            perturbed_attn=True,
        )
    model = model.to(torch.bfloat16).to_empty(device=device).requires_grad_(False).train()
    for name, parameter in model.named_parameters():
        _fill(name, parameter)
    model.enable_gradient_checkpointing()
    return model


def _fill(name: str, parameter: Tensor) -> None:
    if parameter.ndim == 1 and "norm" in name:
        parameter.fill_(1.0)
    else:
        parameter.normal_(std=1 / math.sqrt(parameter.shape[-1]) if parameter.ndim == 2 else 0.02)


def _adapt(model: Any, rank: int) -> None:
    from peft import LoraConfig

    model.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=_PROJECTIONS))


def _inputs(model: Any, shapes: Shapes, device: torch.device) -> dict[str, Any]:
    """Random latents and contexts, and the sizes from which positions are made."""
    sizes, tokens = model.config, shapes.tokens

    def random(length: int, width: int) -> Tensor:
        return torch.randn(1, length, width, device=device, dtype=torch.bfloat16)

    frames, height, width = shapes.grid
    return {
        "hidden_states": random(tokens.video, sizes.in_channels),
        "audio_hidden_states": random(tokens.audio, sizes.audio_in_channels),
        "encoder_hidden_states": random(tokens.text, sizes.cross_attention_dim),
        "audio_encoder_hidden_states": random(tokens.text, sizes.audio_cross_attention_dim),
        "num_frames": frames,
        "height": height,
        "width": width,
        "audio_num_frames": tokens.audio,
    }
