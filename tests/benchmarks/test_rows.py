"""The lines of measured steps, and the tables made from them."""

import json
from dataclasses import asdict, replace

import pytest

from benchmarks.rows import ROWS, StepRecord, newest, read_records
from benchmarks.table import main

RECORD = StepRecord(
    row="24gb",
    date="2026-11-22",
    gpu="NVIDIA H200",
    torch="2.11.0",
    cuda="13.0",
    commit="abc1234",
    bucket="960x544x49",
    rank=16,
    blocks=48,
    steps=10,
    execution={"dtype": "fp8", "checkpointed_blocks": 48, "swap_blocks": 0, "compile": True},
    optimizer="torch AdamW",
    limit_gib=23.5,
    fits=True,
    step_ms=500.0,
    mean_ms=510.0,
    first_step_s=40.0,
    load_s=9.0,
    load_peak_gib=19.0,
    peak_gib=20.04,
    planned_gib=19.5,
    reserved_gib=21.5,
    outside_gib=0.6,
    loss=1.5,
    tflop=230.0,
    floor_ms=200.0,
    ceilings_tflops={"bf16": 700.0, "fp8": 1200.0},
    peer_ms=1000.0,
    peer_gib=42.0,
    peer_adapters="float32",
)


@pytest.fixture
def documents(tmp_path):
    for name in ("benchmarks/RESULTS.md", "docs/hardware.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("before\n\n<!-- steps -->\nold\n<!-- /steps -->\n\nafter\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("no table here\n", encoding="utf-8")
    return tmp_path


def assemble(documents, *records):
    steps = documents / "benchmarks" / "results" / "steps.jsonl"
    steps.unlink(missing_ok=True)
    for record in records:
        record.append_to(steps)
    main(["--root", str(documents)])
    return (documents / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")


def test_a_record_comes_back_as_it_was_written(tmp_path):
    RECORD.append_to(tmp_path / "results" / "steps.jsonl")
    assert read_records(tmp_path / "results" / "steps.jsonl") == [RECORD]


def test_a_line_of_another_shape_is_named(tmp_path):
    values = asdict(RECORD)
    del values["peak_gib"]
    (tmp_path / "steps.jsonl").write_text(json.dumps(values) + "\n")
    with pytest.raises(ValueError, match=r"steps\.jsonl:1 .*peak_gib"):
        read_records(tmp_path / "steps.jsonl")


def test_the_newest_line_of_each_row_counts_in_the_order_of_the_table():
    larger = replace(RECORD, row="80gb")
    faster, tried = replace(RECORD, step_ms=400.0), replace(RECORD, step_ms=1.0, settings=["--model.compile", "false"])
    shallow = replace(RECORD, step_ms=1.0, blocks=2)
    assert list(newest([RECORD, larger, faster, tried, shallow]).items()) == [("80gb", larger), ("24gb", faster)]


def test_the_table_stands_between_its_marks_and_nothing_else_changes(documents):
    text = assemble(documents, RECORD)
    assert text.startswith("before\n\n<!-- steps -->\n| overlay |")
    assert text.endswith("<!-- /steps -->\n\nafter\n")
    assert "old" not in text
    assert (documents / "README.md").read_text() == "no table here\n"


def test_a_row_tells_its_share_of_the_peer_and_of_the_floor(documents):
    (line,) = [line for line in assemble(documents, RECORD).splitlines() if line.startswith("| `gpu_24gb` |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:4] == ["`gpu_24gb`", "fp8, recomputed: every block, compiled", "16", "500 ms"]
    assert "0.50 (goal 0.48)" in cells  # 500 of 1000 ms
    assert "40 %" in cells  # 200 of 500 ms


def test_a_second_time_changes_nothing(documents):
    assert assemble(documents, RECORD) == assemble(documents, RECORD)


def test_a_table_of_which_nothing_is_measured_stays_as_it_is(documents):
    assert assemble(documents) == "before\n\n<!-- steps -->\nold\n<!-- /steps -->\n\nafter\n"


def test_growth_start_and_scaling_have_their_own_tables(documents):
    results = documents / "benchmarks" / "results"
    results.mkdir()
    about = {"row": "24gb", "gpu": "a card", "torch": "2", "date": "today", "substituted": [], "settings": []}
    phases = dict.fromkeys(("imports", "instantiate", "data", "load", "first step", "to first step"), 1.0)
    phases |= {"host_peak_gib": 0.5, "load_peak_gib": 19.0}
    point = {"video_tokens": 512, "rank": 8, "step_ms": 99.6, "peak_gib": 5.0}
    (results / "growth.json").write_text(json.dumps({**about, "blocks": 8, "tokens": [point], "ranks": []}))
    (results / "startup.jsonl").write_text(json.dumps({**about, "cold": phases | {"load": 9.0}, "warm": phases}))
    rates = {"samples_per_second": {"1": 2.0, "2": 3.8}, "peak_gib": {"1": 5.0, "2": 5.0}, "factor": 1.9}
    (results / "scaling.jsonl").write_text(json.dumps({**about, **rates, "settings": ["--a.b", "c"]}))
    marks = "".join(f"<!-- {name} -->\n<!-- /{name} -->\n" for name in ("growth", "startup", "scaling"))
    (documents / "benchmarks" / "RESULTS.md").write_text(marks)
    text = assemble(documents)
    assert "`gpu_24gb`, 8 blocks; a card, torch 2, today." in text
    assert "| 512 | 8 | 100 ms | 5.0 GiB |" in text
    assert "| load | 9.0 s | 1.0 s |" in text
    assert "| 2 | 3.80 | 5.0 GiB |" in text
    assert "Not as the overlay has it: `--a.b c`." in text


def test_what_does_not_fit_is_said_beside_the_table(documents):
    assert "does not fit" in assemble(documents, replace(RECORD, fits=False, limit_gib=None))


def test_every_row_of_the_issue_has_its_card_and_goal():
    assert [(row.name, row.rank, row.goal_gib) for row in ROWS.values()] == [
        ("141gb", 32, 120.0),
        ("80gb", 32, 74.0),
        ("48gb", 32, 44.0),
        ("32gb", 32, 29.0),
        ("24gb", 16, 21.5),
        ("16gb", 16, 14.5),
    ]
    assert all(row.goal_gib < row.usable_gib for row in ROWS.values())
