"""What the benchmarks of growth, start-up and scaling make of their figures."""

import json
import re
from xml.etree import ElementTree

import pytest

import benchmarks.scaling
from benchmarks.growth import _BUCKETS, write
from benchmarks.plot import Panel, plot
from benchmarks.runs import run_apart
from benchmarks.startup import phases
from datamodules.geometry import Bucket, LatentSpec

SVG = "{http://www.w3.org/2000/svg}"


def heights(svg):
    """Pixels from the top of each point of the first line."""
    polyline = ElementTree.fromstring(svg).find(f".//{SVG}polyline")
    return [float(point.split(",")[1]) for point in polyline.attrib["points"].split()]


def marks(svg):
    texts = (text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text"))
    return [text for text in texts if re.fullmatch(r"\d+", text)]


def test_buckets_double_their_tokens_from_512_to_16384():
    tokens = [LatentSpec().tokens(Bucket.parse(bucket)) for bucket in _BUCKETS]
    assert tokens == [512, 1024, 2048, 4096, 8192, 16384]


def test_doubled_values_are_equally_far_apart_where_y_goes_by_doublings():
    panel = Panel(title="ms", x_label="tokens", points=[(1, 100), (2, 200), (4, 400)], by_doublings=True)
    first, second, third = heights(plot("growth", [panel]))
    assert first - second == pytest.approx(second - third, abs=0.2)


def test_marks_begin_at_zero_and_end_above_the_largest_value():
    assert marks(plot("", [Panel(title="", x_label="", points=[(8, 20.0), (16, 33.0)])])) == [
        *("0", "10", "20", "30", "40"),
        *("8", "16"),
    ]


def test_nothing_measured_but_zeros_is_drawn_at_the_bottom():
    assert len(set(heights(plot("", [Panel(title="", x_label="", points=[(1, 0.0), (2, 0.0)])])))) == 1


def test_growth_is_written_with_the_depth_it_was_measured_at(tmp_path):
    point = {"video_tokens": 512, "rank": 32, "step_ms": 100.0, "peak_gib": 5.0}
    figures = {"row": "48gb", "blocks": 8, "gpu": "a card", "date": "today", "tokens": [point], "ranks": []}
    write(figures, tmp_path)
    assert json.loads((tmp_path / "benchmarks" / "results" / "growth.json").read_text()) == figures
    assert "gpu_48gb, 8 blocks, a card" in (tmp_path / "docs" / "growth.svg").read_text()


def test_phases_of_a_start_are_the_times_between_its_marks():
    found = phases(
        {
            "began": 100.0,
            "made": 108.0,
            "phases": {"instantiate": 1.0, "data": 1.5, "load": 9.5, "first step": 40.0},
            "stretches": [{"timing": {"median_ms": 500.0}}],
            "host_peak_gib": 0.5,
            "load_peak_gib": 19.0,
        }
    )
    times = {"imports": 8.0, "instantiate": 1.0, "data": 0.5, "load": 8.0, "first step": 30.5}
    assert {name: found[name] for name in times} == times
    assert found["to first step"] == 48.0
    assert found["step after"] == 0.5


def test_the_factor_of_several_cards_counts_the_samples_of_all(tmp_path, monkeypatch):
    def run_apart(words):
        alone = words[-2:] == ["--trainer.devices", "1"]
        return {"stretches": [{"timing": {"mean_ms": 500.0 if alone else 625.0}, "peak_gib": 5.0}]}

    monkeypatch.setattr(benchmarks.scaling, "run_apart", run_apart)
    out = tmp_path / "scaling.jsonl"
    benchmarks.scaling.main(["--tiny", "--devices", "4", "--out", str(out)])
    record = json.loads(out.read_text())
    assert record["samples_per_second"] == {"1": 2.0, "4": 6.4}  # 4 of them each 625 ms
    assert record["factor"] == pytest.approx(3.2)


@pytest.mark.slow
def test_ranks_started_as_a_user_starts_them_are_measured_together():
    words = ("--tiny", "--bucket", "64x64x9", "--steps", "3", "--trainer.devices", "2")
    figures = run_apart(words)
    (stretch,) = figures["stretches"]
    assert stretch["timing"]["mean_ms"] > 0
    assert list(figures["phases"]) == ["instantiate", "data", "load", "first step"]
