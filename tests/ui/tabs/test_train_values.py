"""What the train page shows, as plain values."""

import json

import pytest

from tests.ui.tabs.train_runs import write_run
from ui.jobs.gpus import Gpu, Machine
from ui.jobs.job import Job, JobView
from ui.runs.curves import Curve
from ui.runs.failures import Failure
from ui.runs.summary import RunSummary
from ui.tabs.train_values import (
    chart_value,
    duration,
    jobs_value,
    machine_value,
    ordinal,
    run_value,
    runs_value,
    samples_value,
)


def view(name: str, state: str, **values) -> JobView:
    job = Job(id=name, kind="fit", title=f"Train {name}", words=(), run=name)
    return JobView(job=job, state=state, **values)


def gpu(**values) -> Gpu:
    told = {"used_gib": 60.0, "total_gib": 80.0, "utilisation": 93.0, "temperature": 61.0, "power": 600.0} | values
    return Gpu(index=0, uuid="GPU-a", name="NVIDIA H200", **told)


def test_a_gpu_shows_its_load_and_who_holds_it():
    machine = Machine(gpus=(gpu(),), cores=8, load=50.0, used_gib=4.0, total_gib=32.0)
    first, cpu = machine_value(machine, [view("mia-1", "running", gpus=(0,))])["devices"]
    assert first == {
        "name": "GPU 0 NVIDIA H200",
        "job": "Train mia-1",
        "bars": [
            {"name": "busy", "share": 0.93, "text": "93 %"},
            {"name": "memory", "share": 0.75, "text": "60 of 80 GiB"},
        ],
        "more": "61 °C, 600 W",
    }
    assert (cpu["name"], cpu["job"], cpu["more"]) == ("CPU, 8 cores", "", "")


def test_what_a_gpu_does_not_tell_is_said_so():
    machine = Machine(gpus=(gpu(utilisation=None, power=None),), cores=8, load=1.0, used_gib=4.0, total_gib=32.0)
    first = machine_value(machine, [])["devices"][0]
    assert (first["job"], first["bars"][0]["text"], first["more"]) == ("free", "not told", "61 °C")


def test_a_machine_without_gpu_shows_its_cpu_and_says_so():
    (cpu,) = machine_value(Machine(gpus=(), cores=2, load=1.0, used_gib=4.0, total_gib=32.0), [])["devices"]
    assert "no NVIDIA GPU" in cpu["more"]


def test_a_training_that_a_terminal_began_holds_the_cpu_too():
    (cpu,) = machine_value(Machine(gpus=(), cores=2, load=1.0, used_gib=4.0, total_gib=32.0), [], "mia-1")["devices"]
    assert cpu["job"] == "mia-1, from a terminal"


def test_the_queue_lists_running_jobs_then_waiting_ones_in_their_order_then_the_last_that_ended():
    views = [view("c", "queued", position=2), view("b", "queued", position=1), view("a", "running", started=0.0)]
    views += [view(f"old-{number}", "finished", ended=0.0) for number in range(9)]
    jobs = jobs_value(views, 120.0, has_gpu=False)["jobs"]
    assert [job["id"] for job in jobs] == ["a", "b", "c", "old-0", "old-1", "old-2", "old-3"]
    assert [job["stop"] for job in jobs] == ["Stop", "Remove", "Remove", "", "", "", ""]
    assert [job["state"] for job in jobs[:4]] == ["running", "1st in the queue", "2nd in the queue", "finished"]
    assert [job["detail"] for job in jobs[:4]] == ["for 2 min", "", "", "2 min ago"]


def test_gpus_of_a_job_are_named_where_there_are_gpus():
    running = view("a", "running", started=0.0, gpus=(0, 1))
    assert jobs_value([running], 0.0, has_gpu=True)["jobs"][0]["detail"] == "for a few seconds, GPUs 0, 1"
    assert jobs_value([running], 0.0, has_gpu=False)["jobs"][0]["detail"] == "for a few seconds"


def test_a_job_that_was_asked_to_stop_is_not_asked_again():
    (job,) = jobs_value([view("a", "running", started=0.0, stopping=True)], 0.0, has_gpu=False)["jobs"]
    assert (job["state"], job["stop"]) == ("ending", "")


def test_the_head_of_a_run_shows_its_figures_and_what_went_wrong():
    run = RunSummary(
        name="mia-1",
        state="failed",
        step=1500,
        max_steps=2000,
        loss=0.51239,
        seconds_per_step=0.466,
        peak_gib=39.96,
        base_model="models/ltx-2.3-22b-dev.safetensors",
        data="datasets/mia",
        error=Failure(text="no space", fix="make some"),
    )
    value = run_value(run, 0.0)
    assert (value["share"], value["tone"], value["working"]) == (0.75, "bad", False)
    assert value["failure"] == {"text": "no space", "fix": "make some"}
    assert {figure["name"]: figure["value"] for figure in value["figures"]} == {
        "step": "1,500 of 2,000",
        "loss": "0.5124",
        "a step": "0.47 s",
        "peak memory": "40.0 GiB",
        "dataset": "datasets/mia",
        "model": "ltx-2.3-22b-dev",
    }


def test_a_long_silence_is_said_but_not_called_a_failure():
    run = RunSummary(name="mia-1", state="sampling", heartbeat=0.0)
    assert run_value(run, 600.0)["note"].startswith("No news for 10 min")
    assert run_value(run, 10.0)["note"] == ""


def test_the_pages_of_runs_are_counted():
    rows = [RunSummary(name=f"run-{number}", state="finished") for number in range(8)]
    value = runs_value(rows, 17, 1, "run-3")
    assert (value["page"], value["pages"], value["total"]) == (1, 3, 17)
    assert [row["name"] for row in value["rows"] if row["chosen"]] == ["run-3"]


def test_a_chart_has_raw_and_smoothed_lines_of_at_most_500_points():
    steps = tuple(range(1, 20_001))
    curves = {"train/loss": Curve(name="train/loss", steps=steps, values=tuple(float(step % 7) for step in steps))}
    (line,) = chart_value(curves, "Loss", 0.9, True)["lines"]
    assert line["name"] == "loss"
    assert len(line["raw"]) <= 500
    assert len(line["points"]) <= 500
    assert line["points"][-1][0] == 20_000
    (plain,) = chart_value(curves, "Loss", 0.0, False)["lines"]
    assert plain["raw"] == []
    assert len(json.dumps(chart_value(curves, "Loss", 0.9, True))) < 60_000


def test_a_chart_without_values_says_which_there_are():
    curves = {"train/loss": Curve(name="train/loss", steps=(1,), values=(1.0,))}
    assert chart_value(curves, "Held out", 0.5, False)["empty"].endswith("It has: Loss.")
    assert chart_value({}, "Held out", 0.5, False)["empty"] == ""


def test_the_newest_samples_are_shown_by_address(workspace, tmp_path):
    run = write_run(tmp_path, "mia-1", "training")
    for step in ("step_000000", "step_000030", "step_000060"):
        (run / "samples" / step).mkdir(parents=True)
    for name in ("01-a-red-car-seed42.mp4", "01-a-red-car-seed42.json", "02-<b>-seed42.png", ".hidden.mp4"):
        (run / "samples/step_000030" / name).write_bytes(b"x")
    value = samples_value(workspace, "mia-1")
    assert value["step"] == "30"
    assert [(item["kind"], item["name"]) for item in value["items"]] == [("video", "a red car"), ("still", "<b>")]
    assert value["items"][0]["url"].startswith("media/runs/mia-1/samples/step_000030/01-a-red-car-seed42.mp4?v=")


def test_samples_that_lead_out_of_the_run_are_left_out(workspace, tmp_path):
    run = write_run(tmp_path, "mia-1", "training")
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"x")
    (run / "samples/step_000030").mkdir(parents=True)
    (run / "samples/step_000030/01-x-seed1.mp4").symlink_to(secret)
    assert samples_value(workspace, "mia-1")["items"] == []


@pytest.mark.parametrize("name", ["", "../x", "nothing"])
def test_no_run_has_no_samples(workspace, name):
    assert samples_value(workspace, name) == {"step": "", "items": []}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "a few seconds"),
        (42, "40 s"),
        (90, "2 min"),
        (3599, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_durations_are_words_that_change_seldom(seconds, text):
    assert duration(seconds) == text


def test_places_in_the_queue_are_ordinals():
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 21, 112)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th")
    ]
