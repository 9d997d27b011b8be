"""What `check` says about a run follows from the recipe, and its disk estimate from what a run writes."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from callbacks import SaveLoRA, SaveResumeState
from datamodules.latents import LatentDataModule
from ltx_module.adapters import LoRAConfig
from ltx_module.module import LTXModule
from ltx_module.pico import write_pico
from ltx_module.preservation import Preservation
from ltx_module.report import CheckReport, check_recipe
from ltx_module.trainer import RecipeTrainer


@pytest.fixture(scope="module")
def check(demo_folder, tmp_path_factory) -> Callable[..., CheckReport]:
    """The report on a recipe for pico and the demo's clips."""
    directory = tmp_path_factory.mktemp("report")
    files = (write_pico(directory / "pico"), directory / "pico" / "gemma")

    def build(*, batch_size: int = 1, buckets: tuple[str, ...] = ("64x64x9", "64x64x1"), **options) -> CheckReport:
        model = LTXModule(*files, **options)
        data = LatentDataModule(
            demo_folder,
            buckets=list(buckets),
            base_model=files[0],
            text_encoder=files[1],
            with_audio=model.streams == "av",
            batch_size=batch_size,
            text_window=256,
            cache_dir=directory / "cache",
        )
        callbacks = [SaveLoRA(every_n_steps=10), SaveResumeState(keep_last=2)]
        trainer = RecipeTrainer(
            max_steps=100, accelerator="cpu", callbacks=callbacks, default_root_dir=directory / "run"
        )
        return check_recipe(trainer, model, data)

    return build


def trainable(report: CheckReport) -> int:
    return sum(report.work.trainable.values())


def test_tokens_are_those_of_the_largest_bucket_and_of_the_whole_batch(check):
    one, three = check(), check(batch_size=3)
    assert (one.work.video_tokens, one.work.audio_tokens) == (2 * 2 * 2, 9)  # (9 - 1) / 8 + 1 frames; 9 / 24 * 25
    assert (three.work.video_tokens, three.work.audio_tokens) == (24, 27)
    assert three.work.step_tflop > 2 * one.work.step_tflop
    assert str(check(buckets=("64x64x1", "128x96x17", "64x64x9")).work.bucket) == "128x96x17"


def test_a_video_recipe_builds_less_and_hears_nothing(check):
    both, video = check(), check(streams="video", lora=LoRAConfig(targets="video"))
    assert video.work.frozen < both.work.frozen
    assert video.work.audio_tokens == 0
    assert video.work.trainable.keys() == {"attn1", "attn2"}
    assert trainable(video) < trainable(both)


def test_memory_falls_with_recomputation_and_rises_with_rank(check):
    assert check(gradient_checkpointing=False).work.memory_gib > check().work.memory_gib
    assert trainable(check(lora=LoRAConfig(rank=64))) == 2 * trainable(check(lora=LoRAConfig(rank=32)))


def test_preservation_costs_time_in_proportion_and_a_second_graph(check):
    plain, half = check(), check(preservation=Preservation(class_probability=0.3, blank_probability=0.2))
    # 4 passes (the base's forward; forward, recomputation, backward) on top of 3, in half of the steps
    assert half.work.step_tflop == pytest.approx(plain.work.step_tflop * (1 + 0.5 * 4 / 3))
    assert half.work.memory_gib > plain.work.memory_gib
    whole = check(preservation=Preservation(class_probability=1.0), gradient_checkpointing=False)
    assert whole.work.preservation_slowdown == pytest.approx(1 + 3 / 2)
    assert "2.50 times as long" in whole.text()
    assert "times as long" not in plain.text()


def test_disk_is_that_of_all_lora_files_and_of_one_state_beside_the_kept_ones(check):
    report = check()
    assert report.run_bytes == trainable(report) * (10 * 2 + 3 * 12)  # ten bf16 files; fp32 weights and two moments


def test_the_json_holds_what_the_text_says(check, tmp_path):
    report = check()
    report.write(tmp_path / "check.json")
    written = json.loads(Path(tmp_path / "check.json").read_text())
    assert written["data"]["clips"] == {"train": 10, "validation": 0, "dropped": 0}
    assert (written["work"]["bucket"], written["run_bytes"]) == ("64x64x9", report.run_bytes)
    parts = written["work"]["memory"]["estimate"]["parts"]
    assert sum(parts.values()) == pytest.approx(report.work.memory_gib * 2**30)
    assert written["work"]["memory"]["card"] is None
    assert "10 clips to train on" in report.text()
    assert re.search(r"memory: bf16, 6 of 6 blocks .*\n  step +[\d.]+ MiB  [\d.]+ MiB frozen weights,", report.text())
    assert f"trains {trainable(report) / 1e6:.2f} M parameters" in report.text()
