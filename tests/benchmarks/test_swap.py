import json

import pytest

from benchmarks import swap


@pytest.mark.slow
def test_each_number_of_swapped_blocks_gets_a_line(tmp_path):
    out = tmp_path / "swap.jsonl"
    swap.main(["--tiny", "--eager", "--blocks", "4", "--steps", "1", "--out", str(out)])
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["swap_blocks"] for line in lines] == [0, 2, 4]
    assert lines[2]["copied_gib"] == lines[2]["host_gib"] == 2 * lines[1]["host_gib"] > 0
