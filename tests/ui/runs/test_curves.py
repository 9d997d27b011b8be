"""The curves of `metrics.csv`: whole, growing, replaced and broken files; smoothing and thinning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltx_module.metrics_log import MetricsLog
from ui.runs.curves import CurveReader, averaged, groups, label, smooth, thin

finite = st.floats(-1e6, 1e6)


@pytest.fixture
def log(tmp_path):
    return MetricsLog(tmp_path / "metrics.csv")


def points(reader: CurveReader, path, name: str) -> list[tuple[int, float]]:
    curve = reader.curves(path).get(name)
    return [] if curve is None else list(zip(curve.steps, curve.values, strict=True))


def test_what_the_training_logs_is_read_while_it_goes_on(log):
    reader = CurveReader()
    log.log_metrics({"train/loss": 1.0}, 9)
    assert points(reader, log.path, "train/loss") == [(10, 1.0)]
    log.log_metrics({"train/loss": 0.5}, 19)
    log.log_metrics({"train/loss": float("nan")}, 29)
    log.log_metrics({"val/loss": 0.7}, 29)  # a new column: the file is replaced
    log.log_metrics({"train/loss": 0.25}, 29)  # joins the row of its step
    assert points(reader, log.path, "train/loss") == [(10, 1.0), (20, 0.5), (30, 0.25)]
    assert points(reader, log.path, "val/loss") == [(30, 0.7)]


def test_a_late_value_of_the_last_row_is_seen(log):
    reader = CurveReader()
    log.log_metrics({"train/loss": 1.0, "val/loss": 2.0}, 9)
    log.log_metrics({"train/loss": 0.5}, 19)
    assert len(points(reader, log.path, "val/loss")) == 1
    log.log_metrics({"val/loss": 1.5}, 19)
    assert points(reader, log.path, "val/loss") == [(10, 2.0), (20, 1.5)]


def test_a_resumed_run_drops_the_rows_that_it_repeats(log):
    reader = CurveReader()
    for step in range(10, 60, 10):
        log.log_metrics({"train/loss": float(step)}, step - 1)
    assert len(points(reader, log.path, "train/loss")) == 5
    resumed = MetricsLog(log.path, resume_step=20)
    resumed.log_metrics({"train/loss": -1.0}, 29)
    assert points(reader, log.path, "train/loss") == [(10, 10.0), (20, 20.0), (30, -1.0)]


def test_a_file_that_grows_is_read_on_from_where_we_were(log, monkeypatch):
    reader = CurveReader()
    for step in range(200):
        log.log_metrics({"train/loss": 1.0}, step)
    reader.curves(log.path)
    read: list[int] = []
    original = __import__("ui.runs.curves", fromlist=["_add"])._add
    monkeypatch.setattr("ui.runs.curves._add", lambda known, data: (read.append(len(data)), original(known, data)))
    reader.curves(log.path)
    log.log_metrics({"train/loss": 1.0}, 200)
    assert len(points(reader, log.path, "train/loss")) == 201
    assert read == [len("201,1\n")]


def test_a_line_that_is_being_written_waits(tmp_path):
    path, reader = tmp_path / "metrics.csv", CurveReader()
    path.write_text("step,train/loss\n10,1.0\n20,0.")
    assert points(reader, path, "train/loss") == [(10, 1.0)]
    path.write_text("step,train/loss\n10,1.0\n20,0.5\n")
    assert points(reader, path, "train/loss") == [(10, 1.0), (20, 0.5)]


def test_what_cannot_be_drawn_is_left_out(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,a\n1,nan\n2,inf\n3,x\n4,\n5,1\nx,1\n6\n")
    assert points(CurveReader(), path, "a") == [(5, 1.0)]


@pytest.mark.parametrize("text", ["", "\n", "a,b\n1,2\n", "\x00\xff", "step"])
def test_broken_files_have_no_curves(tmp_path, text):
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    assert CurveReader().curves(path) == {}


def test_a_run_without_file_has_no_curves(tmp_path):
    assert CurveReader().curves(tmp_path / "metrics.csv") == {}


def test_columns_are_sorted_into_charts():
    names = ["train/loss", "train/loss_video", "train/loss_video_sigma_0.75-1.00", "train/learning_rate", "val/loss"]
    names += ["val/loss_video_sigma_0.80", "adapter/update_attn1", "adapter/gradient_attn1", "other"]
    assert groups(names) == {
        "Loss": ["train/loss", "train/loss_video"],
        "Held out": ["val/loss"],
        "Held out by noise": ["val/loss_video_sigma_0.80"],
        "Loss by noise": ["train/loss_video_sigma_0.75-1.00"],
        "Learning rate": ["train/learning_rate"],
        "Adapter size": ["adapter/update_attn1"],
        "Adapter gradient": ["adapter/gradient_attn1"],
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train/loss", "loss"),
        ("train/loss_video", "video"),
        ("val/loss", "held out"),
        ("val/loss_audio", "held out, audio"),
        ("val/loss_video_sigma_0.80", "held out, video at noise 0.80"),
        ("adapter/update_audio_attn1", "audio attn1"),
        ("train/learning_rate", "learning rate"),
    ],
)
def test_legends_are_words(name, text):
    assert label(name) == text


@given(st.floats(0, 0.99), st.integers(1, 60), finite)
def test_smoothing_leaves_a_level_curve_level_from_its_first_point(amount, count, value):
    assert smooth([value] * count, amount) == pytest.approx([value] * count, rel=1e-6, abs=1e-6)


@given(st.lists(finite, max_size=50))
def test_no_smoothing_changes_nothing(values):
    assert smooth(values, 0.0) == values


@given(st.lists(finite, min_size=1, max_size=50), st.floats(0.01, 0.99))
def test_a_smoothed_curve_stays_between_the_extremes(values, amount):
    shown = smooth(values, amount)
    slack = 1e-6 * max(1.0, max(map(abs, values)))
    assert min(values) - slack <= min(shown)
    assert max(shown) <= max(values) + slack


@given(st.lists(finite, max_size=400), st.integers(4, 60))
def test_thinning_keeps_order_ends_and_extremes(values, limit):
    steps = list(range(1, len(values) + 1))
    kept, shown = thin(steps, values, limit)
    assert len(kept) <= max(limit, 0)
    assert kept == sorted(set(kept))
    assert all(values[step - 1] == value for step, value in zip(kept, shown, strict=True))
    if values:
        assert (kept[0], kept[-1]) == (1, len(values))
        assert (min(shown), max(shown)) == (min(values), max(values))


def test_a_long_curve_is_drawn_by_the_means_of_its_stretches():
    steps = list(range(1, 20_001))
    kept, shown = averaged(steps, [float(step % 2) for step in steps], 100)
    assert (len(kept), kept[-1]) == (100, 20_000)
    assert shown == [0.5] * 100
    assert averaged([3, 6], [1.0, 2.0], 100) == ([3, 6], [1.0, 2.0])
