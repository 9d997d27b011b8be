"""The cards' overlays on four blocks of full width, on a GPU: they run as they say, in the memory planned.

python -m pytest -q -m gpu tests/precision/test_profiles.py
"""

import math

import pytest
import torch

from benchmarks import memory
from benchmarks.overlays import runnable
from benchmarks.random_data import Stretch
from benchmarks.step_clock import StepClock
from benchmarks.timed_fit import drawn_model, timed_fit
from datamodules.geometry import Bucket
from tests.recipe_files import RECIPES

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
BLOCKS = 4


def run(tmp_path, overlay: str, *words: str, limit_gib: float | None = None) -> StepClock:
    """Four steps of an overlay over audio_video.yaml."""
    stretches = [Stretch(bucket=Bucket.parse("960x544x49"), steps=4)]
    clock = StepClock(stretches, warmup=2)
    path, _ = runnable(RECIPES / "overlays" / f"{overlay}.yaml", tmp_path)
    model = drawn_model(tmp_path, blocks=BLOCKS)
    memory.release()
    with memory.limited_to(limit_gib):
        timed_fit(["--config", str(path), *words], clock, stretches, model)
    return clock


@pytest.mark.parametrize("overlay", ["gpu_141gb", "gpu_48gb", "gpu_24gb", "gpu_16gb", "gpu_auto"])
def test_a_profile_trains_in_the_memory_that_was_planned(tmp_path, overlay):
    swapped = ["--model.swap_blocks", str(BLOCKS)] if overlay == "gpu_16gb" else []
    clock = run(tmp_path, overlay, *swapped)
    assert clock.execution["dtype"] in ("fp8", "int8")
    assert clock.execution["checkpointed_blocks"] == (BLOCKS if overlay in ("gpu_24gb", "gpu_16gb") else 0)
    assert clock.execution["swap_blocks"] == (BLOCKS if swapped else 0)
    assert math.isfinite(clock.figures[0].loss)
    assert clock.figures[0].peak_gib == pytest.approx(clock.planned_gib, rel=0.1, abs=0.3)


def test_auto_keeps_within_a_card_that_would_not_hold_everything(tmp_path):
    whole = run(tmp_path, "gpu_auto")
    limit = 0.85 * whole.figures[0].peak_gib
    cramped = run(tmp_path, "gpu_auto", limit_gib=limit)
    assert 0 < cramped.execution["checkpointed_blocks"] <= BLOCKS
    assert cramped.figures[0].peak_gib < limit
    assert cramped.figures[0].loss == pytest.approx(whole.figures[0].loss, rel=1e-3)
