"""The memory estimate beside every measured peak, and the constants that would suit the peaks best.

    python -m benchmarks.memory_fit [--fit]

Peaks are the rows of results/steps.jsonl that ran as they are shipped, those of results/peaks.jsonl, which come from
the tables of RESULTS.md, and the points of results/growth.json. `--fit` searches the constants of
ltx_module/precision/memory_constants.py, one after the other, for the smallest squares of the relative errors; they are
copied there by hand.
"""

import argparse
import dataclasses
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import torch

from benchmarks.rows import ROOT, STEPS, StepRecord, newest, read_records
from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from ltx_module.adapters import LoRAConfig, lora_parameters
from ltx_module.adapters.targets import linear_shapes
from ltx_module.console import quiet_foreign_output
from ltx_module.model import LTXConfig, LTXTransformer, Streams
from ltx_module.precision import memory_constants as constants
from ltx_module.precision.execution import Execution
from ltx_module.precision.memory import MemoryEstimate
from ltx_module.precision.memory_job import FrozenSizes, MemoryJob, OptimizerBytes
from ltx_module.precision.optimizer_memory import state_by_name

logger = logging.getLogger("ltx_module.benchmark")
PEAKS = ROOT / "benchmarks" / "results" / "peaks.jsonl"
GROWTH = PEAKS.with_name("growth.json")
GIB = 2**30
_FPS, _PROMPT_TOKENS = 24.0, 1024
_FACTORS = (0.9, 0.97, 1.03, 1.1)
_ROUNDS = 40


@dataclass(frozen=True, kw_only=True)
class Peak:
    """A measured peak of training steps, and what was run."""

    name: str
    job: MemoryJob
    execution: Execution
    gib: float

    @property
    def estimate(self) -> float:
        """GiB."""
        return MemoryEstimate.of(self.job, self.execution).step / GIB

    @property
    def error(self) -> float:
        """Estimate over measurement, less 1."""
        return self.estimate / self.gib - 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, and search if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory_fit", description=__doc__)
    parser.add_argument("--fit", action="store_true", help="Search better constants.")
    options = parser.parse_args(arguments)
    quiet_foreign_output()
    peaks = measured_peaks() + growth_peaks()
    _report(peaks)
    if options.fit:
        for compiled, name in ((False, "EAGER"), (True, "COMPILED")):
            own = [peak for peak in peaks if peak.execution.compile is compiled]
            if own:
                _fit(name, own)
        logger.info("EIGHT_BIT_WORKING = %s", constants.EIGHT_BIT_WORKING)
        _report(peaks)


def measured_peaks() -> list[Peak]:
    """Every row there is."""
    lines = PEAKS.read_text(encoding="utf-8").splitlines()
    return [_of_line(json.loads(line)) for line in lines] + [
        _of_record(record) for record in newest(read_records(STEPS)).values()
    ]


def growth_peaks() -> list[Peak]:
    """Those of results/growth.json, from 512 to 16384 tokens and from rank 8 to 128."""
    if not GROWTH.exists():
        return []
    found = json.loads(GROWTH.read_text(encoding="utf-8"))
    eight_bit = found["row"] in ("24gb", "16gb") and not found["substituted"]
    optimizer = "bitsandbytes AdamW8bit" if eight_bit else "torch AdamW"
    return [
        Peak(
            name=f"growth: {point['bucket']}, rank {point['rank']}",
            job=_av_job(point["bucket"], point["rank"], found["blocks"], optimizer),
            execution=Execution(**point["execution"]),
            gib=point["peak_gib"],
        )
        for point in (*found["tokens"], *found["ranks"])
    ]


def _of_line(line: dict[str, Any]) -> Peak:
    """A row of `peaks.jsonl`."""
    job = _job(line["streams"], line["video_tokens"], line["audio_tokens"], line["rank"], 48, line["optimizer"])
    return Peak(name=line["name"], job=job, execution=Execution(**line["execution"]), gib=line["peak_gib"])


def _of_record(record: StepRecord) -> Peak:
    """A row of `steps.jsonl`."""
    job = _av_job(record.bucket, record.rank, record.blocks, record.optimizer)
    return Peak(name=record.row, job=job, execution=Execution(**record.execution), gib=record.peak_gib)


def _av_job(bucket: str, rank: int, blocks: int, optimizer: str) -> MemoryJob:
    """A step with sound, batch 1, nothing preserved."""
    parsed = Bucket.parse(bucket)
    audio = AudioLatentSpec().length(parsed.duration(_FPS))
    return _job("av", LatentSpec().tokens(parsed), audio, rank, blocks, optimizer)


@cache
def _job(streams: Streams, video: int, audio: int, rank: int, blocks: int, optimizer: str) -> MemoryJob:
    config = LTXConfig(num_layers=blocks)
    with torch.device("meta"):
        transformer = LTXTransformer(config, streams)
    lora = LoRAConfig(rank=rank, targets="all_attention" if streams == "av" else streams)
    return MemoryJob(
        sizes=FrozenSizes.of(transformer),
        both_streams=streams == "av",
        video_width=config.video_dim,
        audio_width=config.audio_dim,
        video_tokens=video,
        audio_tokens=audio,
        prompt_tokens=_PROMPT_TOKENS,
        trainable=sum(lora_parameters(linear_shapes(transformer), lora).values()),
        optimizer=OptimizerBytes(state=state_by_name(optimizer.rpartition(" ")[2])),
    )


def _report(peaks: Sequence[Peak]) -> None:
    for peak in peaks:
        logger.info("%-45s %6.2f GiB measured, %6.2f estimated, %+.1f %%", peak.name, peak.gib, peak.estimate,
                    100 * peak.error)  # fmt: skip


def _fit(name: str, peaks: Sequence[Peak]) -> None:
    """Set a group of constants to what fits best, coordinate by coordinate."""
    compiled = name == "COMPILED"
    for _, factor, field in product(range(_ROUNDS), _FACTORS, ("kept", "working", "eight bits")):
        before, eight = getattr(constants, name), constants.EIGHT_BIT_WORKING[compiled]
        loss = sum(peak.error**2 for peak in peaks)
        if field == "kept":
            changes = {key: getattr(before, key) * factor for key in ("stream", "cross", "prompt")}
            setattr(constants, name, dataclasses.replace(before, **changes))
        elif field == "working":
            setattr(constants, name, dataclasses.replace(before, working=before.working * factor))
        else:
            constants.EIGHT_BIT_WORKING[compiled] = eight * factor
        if sum(peak.error**2 for peak in peaks) >= loss:
            setattr(constants, name, before)
            constants.EIGHT_BIT_WORKING[compiled] = eight
    logger.info("%s = %s", name, getattr(constants, name))


if __name__ == "__main__":
    main()
