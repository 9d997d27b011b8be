"""What the benchmarks of a step need of a CUDA device."""

import pytest
import torch

from benchmarks.ceiling import ceilings
from benchmarks.memory import GIB, limited_to, release
from benchmarks.rows import read_records
from benchmarks.step import main

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def test_eight_bits_are_multiplied_faster_where_the_card_has_them():
    rates = ceilings(torch.device("cuda"), (8192,))
    assert rates["bf16"] > 1
    if torch.cuda.get_device_capability() >= (8, 9):
        assert rates["fp8"] > 1.2 * rates["bf16"]


def test_a_smaller_card_has_less_room():
    with limited_to(1.0), pytest.raises(torch.OutOfMemoryError):
        torch.empty(2 * GIB, dtype=torch.uint8, device="cuda")
    torch.empty(2 * GIB, dtype=torch.uint8, device="cuda")
    assert release() < 0.1


def test_rows_beside_the_peer_at_reduced_depth(tmp_path):
    out = tmp_path / "steps.jsonl"
    main(["--row", "80gb", "--row", "24gb", "--blocks", "2", "--steps", "3", "--peer-steps", "2", "--out", str(out)])
    first, second = read_records(out)
    assert (first.rank, second.rank) == (32, 16)
    assert first.execution["dtype"] == second.execution["dtype"] == "fp8"
    for record in (first, second):
        assert record.fits
        assert record.peer_ms > record.step_ms > record.floor_ms
        assert 0 < record.peak_gib <= record.reserved_gib < record.limit_gib
