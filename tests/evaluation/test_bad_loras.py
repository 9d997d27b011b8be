"""LoRAs that are bad on purpose, trained on the embedded pico and judged by `evaluate`: each gets its own fault.

The style recipe with the pico overlay, but for what spoils it, and for batches of 2 to keep this within minutes.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from datamodules.world import write_dataset
from ltx_module.cli import main

ROOT = Path(__file__).parents[2]
PICO = ROOT / "assets/pico"
CLIPS, HELD_OUT = 20, 4

pytestmark = pytest.mark.slow


def manifest(folder: Path, name: str, *, training: int) -> Path:
    """A manifest of the first clips of a folder to train on, and of the last ones held out."""
    clips = sorted(folder.glob("*.mp4"))
    chosen = [(clip, "train") for clip in clips[:training]] + [(clip, "validation") for clip in clips[-HELD_OUT:]]
    rows = [
        {"media": str(c), "caption": c.with_suffix(".txt").read_text().strip(), "split": split} for c, split in chosen
    ]
    path = folder.parent / f"{name}.json"
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """More threads gain nothing at this size, and wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def verb(tmp_path_factory) -> Callable[..., Path]:
    """Runs a verb with a recipe on pico and a concept's clips, in a directory that it returns."""
    directory = tmp_path_factory.mktemp("bad loras")
    for concept in ("style", "audio_video"):
        write_dataset(directory / concept, CLIPS, concept=concept, width=128, height=128, frames=25)
        manifest(directory / concept, f"{concept}-all", training=CLIPS - HELD_OUT)
        manifest(directory / concept, f"{concept}-two", training=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setattr("sys.argv", ["ltx_module"])

        def run(name: str, recipe: str, data: str, *more: str) -> Path:
            patch.setenv("LTX_RUN", "")
            main(
                [
                    *(name, f"--config={ROOT / 'recipes' / recipe}.yaml"),
                    f"--config={ROOT / 'recipes/overlays/pico.yaml'}",
                    f"--model.base_model={PICO / 'ltx-2.3-pico.safetensors'}",
                    f"--model.text_encoder={PICO / 'gemma'}",
                    *(f"--data.path={data}.json", f"--data.cache_dir=cache-{recipe}", "--data.buckets=[128x128x25]"),
                    *("--data.batch_size=2", "--sample.batch_guidance=true", *more),
                ]
            )
            return directory

        yield run


@pytest.fixture(scope="module")
def trained(verb) -> Callable[..., str]:
    """Trains a LoRA and returns its file under a name of its own."""

    def train(name: str, recipe: str, data: str, steps: int, *more: str, at: int | None = None) -> str:
        save = {"class_path": "callbacks.SaveLoRA", "init_args": {"every_n_steps": at or steps}}
        options = (f"--trainer.max_steps={steps}", f"--trainer.callbacks={json.dumps([save])}", f"--run={name}")
        directory = verb("fit", recipe, data, *options, *more)
        for step in {at or steps, steps}:
            file = directory / f"runs/{name}/lora/step_{step:06d}.safetensors"
            shutil.copy(file, directory / f"{name}{'' if step == steps else '-early'}.safetensors")
        return f"{name}.safetensors"

    return train


@pytest.fixture(scope="module")
def judged(verb) -> Callable[..., dict[str, list[str]]]:
    """Evaluates LoRA files and returns the faults that are found with each."""

    def judge(recipe: str, data: str, *files: str) -> dict[str, list[str]]:
        quick = ("--evaluate.seeds=1", "--evaluate.strengths=[1.0]", f"--out={recipe}-{files[0]}")
        prompts = ['--evaluate.off_topic=["a yellow circle grows over a gray background, with a low tone"]']
        prompts += ['--evaluate.novel=["a yellow star moves to the right over a navy background, with a low tone"]']
        loras = [word for file in files for word in ("--lora", file)]
        directory = verb("evaluate", recipe, data, *quick, *prompts, *loras)
        content = json.loads((directory / f"{recipe}-{files[0]}/evaluation.json").read_text())
        faults: dict[str, list[str]] = {checkpoint["name"]: [] for checkpoint in content["checkpoints"]}
        for finding in content["verdict"]["findings"]:
            faults[finding["checkpoint"]].append(finding["fault"])
        return faults

    return judge


def test_styles_are_good_underfit_too_strong_or_bleeding_as_they_were_made(trained, judged):
    good = trained("good", "style", "style-all", 250, at=10)
    bleeding = trained("bleeding", "style", "style-all", 150, "--model.preservation=null")
    faults = judged("style", "style-all", good, f"{good}:3", "good-early.safetensors", bleeding)
    assert faults == {"good": [], "good@3": ["too_strong"], "good-early": ["underfit"], "bleeding": ["bleeds"]}


def test_far_too_many_steps_on_two_clips_are_overfit(trained, judged):
    file = trained("memorised", "style", "style-two", 300)
    assert judged("style", "style-two", file)["memorised"][:1] == ["overfit"]


def test_an_audio_loss_weight_of_zero_is_dead_audio(trained, judged):
    file = trained("mute", "audio_video", "audio_video-all", 160, "--model.audio_loss_weight=0")
    assert judged("audio_video", "audio_video-all", file)["mute"][:1] == ["dead_audio"]
