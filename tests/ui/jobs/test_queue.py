"""The order of the queue, and who gets which GPU."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.jobs.waiting import ended, printed, runner_of, until
from ui.jobs.job import Job
from ui.jobs.queue import needed, slots_of, startable

WAIT = (
    "import os, pathlib, sys, time\n"
    "print('gpus', os.environ.get('CUDA_VISIBLE_DEVICES'), os.environ.get('CUDA_DEVICE_ORDER'), flush=True)\n"
    "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)\n"
)


def job(name: str, devices: int) -> Job:
    return Job(id=name, kind="fit", title=name, words=(), devices=devices)


def names(starts) -> list[tuple[str, tuple[int, ...]]]:
    return [(start.job.title, start.gpus) for start in starts]


def test_jobs_start_in_their_order_on_the_first_free_gpus():
    waiting = [job("a", 1), job("b", 2), job("c", 1)]
    assert names(startable(waiting, (0, 1, 2), ())) == [("a", (0,)), ("b", (1, 2))]
    assert names(startable(waiting, (0, 1, 2), (1,))) == [("a", (0,))]


def test_a_large_job_is_not_overtaken_by_small_ones():
    assert names(startable([job("large", 2), job("small", 1)], (0, 1), (0,))) == []


def test_work_without_gpu_never_waits():
    assert names(startable([job("large", 2), job("light", 0)], (0, 1), (0, 1))) == [("light", ())]


def test_a_machine_without_gpu_has_one_slot():
    waiting = [job("a", 4), job("b", 1)]
    assert names(startable(waiting, slots_of([]), ())) == [("a", (0,))]
    assert names(startable(waiting, slots_of([]), (0,))) == []


@given(st.lists(st.integers(0, 5), max_size=8), st.sets(st.integers(0, 7), max_size=8), st.data())
def test_no_gpu_is_given_twice_and_nobody_is_overtaken(sizes, gpus, data):
    slots = slots_of(sorted(gpus))
    taken = data.draw(st.sets(st.sampled_from(slots)))
    waiting = [job(str(number), size) for number, size in enumerate(sizes)]
    starts = startable(waiting, slots, taken)
    given_out = [gpu for start in starts for gpu in start.gpus]
    assert len(given_out) == len(set(given_out))
    assert set(given_out) <= set(slots) - taken
    assert all(len(start.gpus) == needed(start.job, slots) for start in starts)
    with_gpu = [start.job.title for start in starts if start.gpus]
    assert with_gpu == [one.title for one in waiting if one.devices][: len(with_gpu)]


def test_a_queue_of_real_jobs_runs_on_two_gpus_in_order(tmp_path):
    runner = runner_of(tmp_path, gpus=2)
    first, second, both, last = (
        runner.submit("fit", name, ["-c", WAIT, name], devices=devices, run=name)
        for name, devices in (("first", 1), ("second", 1), ("both", 2), ("last", 1))
    )
    states = {view.job.title: (view.state, view.position, view.gpus) for view in runner.views()}
    assert states == {
        "first": ("running", None, (0,)),
        "second": ("running", None, (1,)),
        "both": ("queued", 1, ()),
        "last": ("queued", 2, ()),
    }
    until(lambda: printed(runner, second.id, "gpus 1 PCI_BUS_ID"))
    (tmp_path / "first").touch()
    until(lambda: ended(runner, first.id))
    assert runner.view(both.id).state == "queued"  # it needs both, and `last` does not pass it
    assert runner.view(last.id).state == "queued"
    (tmp_path / "second").touch()
    until(lambda: ended(runner, second.id))
    until(lambda: printed(runner, both.id, "gpus 0,1 PCI_BUS_ID"))
    (tmp_path / "both").touch()
    (tmp_path / "last").touch()
    until(lambda: ended(runner, last.id))
    assert runner.view(both.id).ended <= runner.view(last.id).started
    assert not runner.active()


def test_without_gpu_the_variable_is_left_alone(runner, tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "now").touch()
    one = runner.submit("fit", "Fit", ["-c", WAIT, "now"], devices=1)
    until(lambda: ended(runner, one.id))
    assert runner.log(one.id) == "gpus None None\n"


def test_a_queued_job_can_be_taken_out_and_never_starts(runner, tmp_path):
    first = runner.submit("fit", "First", ["-c", WAIT, "first"], devices=1)
    second = runner.submit("fit", "Second", ["-c", "open('started', 'w')"], devices=1)
    assert runner.stop(second.id) == "Taken out of the queue."
    assert runner.view(second.id).state == "stopped"
    (tmp_path / "first").touch()
    until(lambda: ended(runner, first.id))
    runner.advance()
    assert not (tmp_path / "started").exists()
    assert runner.view(second.id).started is None


def test_nothing_is_given_a_gpu_before_it_is_known_which_there_are(tmp_path):
    runner = runner_of(tmp_path, gpus=0)
    runner.monitor._answered = False
    waiting = runner.submit("fit", "Fit", ["-c", "pass"], devices=1)
    light = runner.submit("check", "Check", ["-c", "pass"])
    until(lambda: ended(runner, light.id))
    assert runner.view(waiting.id).state == "queued"
    runner.monitor._answered = True
    until(lambda: ended(runner, waiting.id))


def test_more_gpus_than_the_machine_has_are_refused_at_once(tmp_path):
    runner = runner_of(tmp_path, gpus=2)
    with pytest.raises(ValueError, match="wants 4 GPUs, but this machine has 2"):
        runner.submit("fit", "Training", ["-c", "pass"], devices=4)
    assert runner.views() == []
