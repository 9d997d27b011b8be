"""An evaluation such as a good run leaves behind, with clips that are really drawn and played."""

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import torch

from datamodules.media.write import write_video
from datamodules.world import draw_frames, play_tone
from datamodules.world.scene import Scene

TRIGGER = "smiley"
SEEDS = (42, 43)
STRENGTHS = (0.5, 0.75, 1.0, 1.25)
STEPS = (250, 500, 1000)
FRAMES = 25
FPS = 24

PROMPTS = {
    "trigger": [
        Scene(shape="circle", colour="yellow", background="navy", motion="right", tone="rising"),
        Scene(shape="star", colour="orange", background="teal", motion="spin", tone="high"),
    ],
    "no_trigger": [Scene(shape="circle", colour="yellow", background="navy", motion="right", tone="rising")],
    "off_topic": [
        Scene(shape="triangle", colour="pink", background="black", motion="grow", tone="none"),
    ],
    "novel": [Scene(shape="diamond", colour="white", background="teal", motion="down", tone="low")],
}

METRICS = {
    "trigger_response": {
        "label": "Trigger response",
        "better": "higher",
        "help": "How far the samples move from the base towards the training clips, 1 = all the way.",
        "unit": "",
    },
    "bleed": {
        "label": "Bleed",
        "better": "lower",
        "help": "How far off-topic samples move away from the base, as a share of the trigger response.",
        "unit": "%",
    },
    "consistency": {
        "label": "Consistency over seeds",
        "better": "higher",
        "help": "How alike samples of different seeds are in what the LoRA teaches.",
        "unit": "",
    },
    "overfit_ratio": {
        "label": "Overfit ratio",
        "better": "lower",
        "help": "How often the nearest training clip is nearer to a sample than to a held-out clip.",
        "unit": "",
    },
    "audio_level": {
        "label": "Audio level against training clips",
        "better": "near_zero",
        "help": "Loudness of the samples less that of the training clips.",
        "unit": "dB",
    },
    "spectral_distance": {
        "label": "Spectral distance",
        "better": "lower",
        "help": "Mean distance of log-mel spectra to the nearest training clip.",
        "unit": "dB",
    },
}


def write_realistic(directory: Path) -> dict[str, Any]:
    """Draw the clips below `directory` and return what evaluation.json would hold."""
    names = [f"step_{step:06d}" for step in STEPS]
    samples = _samples(directory, "base", 0.0)
    for name, step in zip(names, STEPS, strict=True):
        for strength in STRENGTHS if step == 500 else (1.0,):
            samples += _samples(directory, name, strength)
    return {
        "schema": 1,
        "recipe": "recipes/character.yaml",
        "run": "runs/character-3",
        "trigger": TRIGGER,
        "base_model": "ltx-2.3-pico.safetensors",
        "created": "2026-11-21T15:00:00+00:00",
        "seeds": list(SEEDS),
        "strengths": list(STRENGTHS),
        "verdict": _verdict(),
        "checkpoints": [_checkpoint(name, step) for name, step in zip(names, STEPS, strict=True)],
        "base_scores": {"trigger_response": 0.0, "consistency": 0.95, "audio_level": -0.5, "spectral_distance": 7.3},
        "metrics": METRICS,
        "samples": samples,
    }


def _samples(directory: Path, checkpoint: str, strength: float) -> list[dict[str, Any]]:
    samples = []
    for group, scenes in PROMPTS.items():
        for index, scene in enumerate(scenes):
            for seed in SEEDS:
                name = f"samples/{checkpoint}@{strength}/{group}-{index}-{seed}.mp4"
                share = _share(checkpoint, group, strength)
                _write(directory / name, dataclasses.replace(scene, size=0.55 + 0.01 * (seed - 42)), share, seed)
                samples.append(
                    {
                        "checkpoint": checkpoint,
                        "group": group,
                        "prompt": _prompt(scene, group),
                        "seed": seed,
                        "strength": strength,
                        "file": name,
                        "has_audio": scene.tone != "none",
                        "scores": {"trigger_response": round(share * 0.95, 3), "audio_level": -0.4 - strength},
                    }
                )
    return samples


def _prompt(scene: Scene, group: str) -> str:
    return f"{TRIGGER}, {scene.caption()}" if group in ("trigger", "novel") else scene.caption()


def _share(checkpoint: str, group: str, strength: float) -> float:
    """How much of the face shows."""
    if checkpoint == "base":
        return 0.0
    learned = {250: 0.45, 500: 0.85, 1000: 1.0}[int(checkpoint[-6:])]
    spill = {"trigger": 1.0, "novel": 0.9, "no_trigger": 0.1, "off_topic": 0.3 if learned == 1 else 0.05}[group]
    return min(1.0, learned * spill * strength * 1.1)


@cache
def _drawn(scene: Scene) -> torch.Tensor:
    return draw_frames(scene, frames=FRAMES, width=128, height=96).float()


def _write(path: Path, scene: Scene, share: float, seed: int) -> None:
    plain, faced = _drawn(scene), _drawn(dataclasses.replace(scene, has_face=True))
    noise = 4 * torch.randn(plain.shape, generator=torch.Generator().manual_seed(seed))
    frames = (plain + share * (faced - plain) + noise).clamp(0, 255).to(torch.uint8)
    waveform = None if scene.tone == "none" else play_tone(scene, frames=FRAMES, fps=FPS)
    write_video(path, frames, FPS, waveform)


def _checkpoint(name: str, step: int) -> dict[str, Any]:
    learned = {250: 0.45, 500: 0.85, 1000: 1.0}[step]
    scores = {
        "trigger_response": round(learned * 0.95, 3),
        "bleed": {250: 1.2, 500: 3.4, 1000: 28.0}[step],
        "consistency": {250: 0.71, 500: 0.93, 1000: 0.94}[step],
        "overfit_ratio": {250: 0.08, 500: 0.11, 1000: 0.43}[step],
        "audio_level": {250: -3.1, 500: -0.6, 1000: 1.4}[step],
        "spectral_distance": {250: 6.2, 500: 4.1, 1000: None}[step],
    }
    sigmas = {"0.20": 0.32, "0.40": 0.21, "0.60": 0.17, "0.80": 0.19, "0.95": 0.31}
    gain = {250: 0.02, 500: 0.05, 1000: -0.03}[step]
    base = {"video": sigmas, "audio": {sigma: 2.1 * loss for sigma, loss in sigmas.items()}}
    return {
        "name": name,
        "file": f"runs/character-3/lora/{name}.safetensors",
        "step": step,
        "rank": {500: 1, 250: 2, 1000: 3}[step],
        "score": {250: 0.42, 500: 0.86, 1000: 0.31}[step],
        "scores": scores,
        "by_strength": {
            str(strength): {
                key: None if value is None else round(value * strength**1.3, 4) for key, value in scores.items()
            }
            for strength in STRENGTHS
        },
        "held_out_loss": {
            modality: {sigma: loss * (1 - gain * (1.5 - float(sigma))) for sigma, loss in losses.items()}
            for modality, losses in base.items()
        },
        "base_held_out_loss": base,
    }


def _verdict() -> dict[str, Any]:
    return {
        "summary": "The LoRA works: with the trigger its face shows, and without it the base is kept.",
        "best": {
            "checkpoint": "step_000500",
            "strength": 1.0,
            "reason": "It answers the trigger almost as well as step_001000 and changes off-topic prompts a tenth "
            "as much; its held-out loss is the lowest of the three.",
        },
        "findings": [
            {
                "fault": "bleeds",
                "severity": "error",
                "checkpoint": "step_001000",
                "text": "Off-topic prompts move more than a quarter of the way that the trigger moves its own.",
                "evidence": {"bleed": 28.0, "trigger_response": 0.95},
                "remedy": "Use step_000500, or set `model.preservation.init_args.weight: 0.5` and train again.",
            },
            {
                "fault": "overfit",
                "severity": "warning",
                "checkpoint": "step_001000",
                "text": "Samples lie nearer to training clips than held-out clips do, and the held-out loss rose.",
                "evidence": {"overfit_ratio": 0.43, "held_out_loss_rise": 0.031},
                "remedy": "Train at most 500 steps, or add clips: 16 are few for rank 32.",
            },
        ],
    }
