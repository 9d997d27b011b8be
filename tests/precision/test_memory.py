"""The memory estimate: beside measured peaks, beside what layers really hold, and in what it says of settings."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmarks.memory_fit import Peak, measured_peaks
from ltx_module.model import LTXConfig, LTXTransformer
from ltx_module.precision.execution import Execution
from ltx_module.precision.frozen_linear import FrozenLinear, quantise_linears
from ltx_module.precision.memory import MemoryEstimate, inference
from ltx_module.precision.memory_job import FrozenSizes, MemoryJob, OptimizerBytes, SampleJob
from ltx_module.precision.optimizer_memory import optimizer_bytes

GIB = 2**30
PEAKS = measured_peaks()
SMALL = LTXConfig(
    num_layers=3,
    num_attention_heads=4,
    attention_head_dim=64,
    cross_attention_dim=256,
    audio_num_attention_heads=4,
    audio_attention_head_dim=64,
    audio_cross_attention_dim=256,
)


def frozen_sizes() -> FrozenSizes:
    with torch.device("meta"):
        return FrozenSizes.of(LTXTransformer(LTXConfig(), "av"))


JOB = MemoryJob(
    sizes=frozen_sizes(),
    both_streams=True,
    video_width=4096,
    audio_width=2048,
    video_tokens=3570,
    audio_tokens=51,
    prompt_tokens=1024,
    trainable=214_000_000,
    optimizer=OptimizerBytes(state=8),
    sample=SampleJob(widths=3621 * 4096, pixels=960 * 544 * 49, decoder=GIB),
)


def estimate(job: MemoryJob = JOB, **execution) -> MemoryEstimate:
    return MemoryEstimate.of(job, Execution(**{"dtype": "fp8", "checkpointed_blocks": 48, **execution}))


def test_there_are_measured_peaks_to_compare_with():
    assert {peak.execution.checkpointed_blocks for peak in PEAKS} >= {0, 48}
    assert {peak.job.both_streams for peak in PEAKS} == {True, False}


@pytest.mark.parametrize("peak", PEAKS, ids=lambda peak: peak.name)
def test_the_estimate_is_within_ten_percent_of_the_measured_peak(peak: Peak):
    assert abs(peak.error) < 0.1


@pytest.mark.parametrize("peak", PEAKS, ids=lambda peak: peak.name)
def test_it_is_near_for_what_stands_beside_the_weights_too(peak: Peak):
    weights = MemoryEstimate.of(peak.job, peak.execution).parts.weights / GIB
    assert peak.estimate - weights == pytest.approx(peak.gib - weights, rel=0.3)  # a few GiB, of tenths of one


@pytest.mark.parametrize("dtype", ["fp8", "int8"])
def test_weights_take_what_the_loaded_layers_hold(dtype):
    with torch.device("meta"):
        transformer = LTXTransformer(SMALL, "av")
    sizes = FrozenSizes.of(transformer)
    quantise_linears(transformer, dtype)
    for module in transformer.modules():
        if isinstance(module, FrozenLinear):
            module.store(torch.randn(module.out_features, module.in_features))
    layers = [module for module in transformer.modules() if isinstance(module, FrozenLinear)]
    rest = sum(parameter.numel() for parameter in transformer.parameters() if parameter.is_meta)  # read in bf16
    held = sum(layer.weight.nbytes + layer.scale.nbytes for layer in layers) + 2 * rest
    assert sizes.num_blocks * sizes.block_bytes(dtype) + sizes.rest_bytes(dtype) == held


def test_four_bits_take_little_more_than_half_a_byte():
    assert JOB.sizes.block_bytes("nf4") / JOB.sizes.block == pytest.approx(0.516, abs=0.001)


@pytest.mark.parametrize("graphs", [1, 2])
def test_each_block_that_is_recomputed_or_swapped_takes_less(graphs):
    job = replace(JOB, graphs=graphs)
    recomputed = [estimate(job, checkpointed_blocks=number).step for number in range(48)]
    swapped = [estimate(job, swap_blocks=number).step for number in range(2, 49)]
    assert recomputed == sorted(set(recomputed), reverse=True)
    assert swapped == sorted(set(swapped), reverse=True)
    assert estimate(job).step < recomputed[-2]  # the last one is recomputed while nothing else but inputs waits
    assert estimate(job, swap_blocks=2).step == estimate(job).step  # two blocks' room stays on the card
    assert estimate(job, swap_blocks=20).host == pytest.approx(20 * job.sizes.block_bytes("fp8"))


def test_a_second_graph_doubles_what_waits_and_not_the_block_at_work():
    one, two = estimate().parts, estimate(replace(JOB, graphs=2)).parts
    assert (two.kept, two.working) == (2 * one.kept, one.working)


def test_the_parts_add_up_and_the_formats_are_in_order():
    parts = estimate().parts
    assert parts.total == sum(vars(parts).values())
    assert estimate(dtype="nf4").step < estimate().step < estimate(dtype="bf16").step < estimate(dtype="fp32").step


def test_ranks_that_share_the_blocks_hold_a_part_each():
    alone, of_four = estimate().parts.weights, estimate(replace(JOB, shards=4)).parts.weights
    blocks = 48 * JOB.sizes.block_bytes("fp8")
    assert of_four == pytest.approx(alone - blocks * 3 / 4 + 2 * blocks / 48)  # two are gathered at a time


def test_a_sample_takes_tiles_rather_than_more_than_the_step():
    cramped, roomy = estimate(), estimate(checkpointed_blocks=0)
    assert cramped.sample == cramped.needed == cramped.step
    assert roomy.sample < roomy.step
    distilled = replace(JOB, sample=replace(JOB.sample, distilled=7 * GIB))
    assert estimate(distilled).sample > estimate(distilled).step  # no tile makes it smaller
    assert inference(JOB, Execution(dtype="fp8", checkpointed_blocks=0)) < roomy.sample


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (torch.optim.AdamW, 8.0),
        (lambda parameters: torch.optim.SGD(parameters, lr=0.1), 0.0),
        (lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9), 4.0),
        (torch.optim.Adafactor, 4 / 16 + 4 / 1024),  # a row and a column of each matrix
    ],
)
def test_an_optimizer_holds_what_it_is_seen_to_hold(build, expected):
    assert optimizer_bytes(build).state == pytest.approx(expected, rel=0.05, abs=0.01)


@pytest.mark.parametrize(
    ("name", "expected"), [("AdamW8bit", 2.03), ("Lion8bit", 1.02), ("AdamW", 8.0), ("PagedAdamW8bit", 0.0)]
)
def test_an_optimizer_of_bitsandbytes_holds_what_its_name_says(name, expected):
    kind = type(name, (), {"__module__": "bitsandbytes.optim.adamw", "__init__": lambda self, parameters: None})
    assert optimizer_bytes(kind).state == pytest.approx(expected, abs=0.01)


def test_the_optimizer_is_asked_with_parameters_of_an_adapter():
    asked: list[nn.Parameter] = []
    optimizer_bytes(lambda parameters: asked.extend(parameters) or torch.optim.AdamW(parameters))
    assert {parameter.dim() for parameter in asked} == {2}
