"""What nvidia-smi tells, and machines without it."""

import pytest

from ui.jobs.gpus import GpuMonitor, parse, visible

ANSWER = """0, GPU-aa, NVIDIA H200, 1024, 143771, 97, 61, 612.33
1, GPU-bb, NVIDIA H200, 5, 143771, 0, [N/A], [Not Supported]
"""


def test_the_lines_of_nvidia_smi_become_gpus():
    first, second = parse(ANSWER)
    assert (first.index, first.name, first.used_gib, first.utilisation) == (0, "NVIDIA H200", 1.0, 97.0)
    assert (second.temperature, second.power) == (None, None)


def test_lines_that_say_something_else_are_passed_over():
    assert parse("NVIDIA-SMI has failed\n\nNo devices were found\n") == ()


@pytest.mark.parametrize(
    ("setting", "indices"),
    [(None, [0, 1]), ("1", [1]), ("1,0", [1, 0]), ("GPU-bb", [1]), ("", []), ("-1", []), ("0,7,1", [0])],
)
def test_the_servers_own_choice_of_gpus_is_kept(setting, indices):
    assert [gpu.index for gpu in visible(parse(ANSWER), setting)] == indices


def test_a_machine_without_nvidia_smi_shows_its_cpu():
    machine = GpuMonitor(command=("/nowhere/nvidia-smi",)).machine()
    assert machine.gpus == ()
    assert machine.cores >= 1
    assert 0 < machine.used_gib <= machine.total_gib


def test_the_load_of_the_cpu_is_not_measured_over_an_instant(monkeypatch):
    answers = iter([50.0, 0.0])
    monkeypatch.setattr("ui.jobs.gpus.psutil.cpu_percent", lambda interval: next(answers))
    monitor = GpuMonitor(command=("/nowhere/nvidia-smi",))
    assert [monitor.machine().load for _ in range(3)] == [50.0] * 3


def fake(tmp_path, body: str) -> GpuMonitor:
    script = tmp_path / "nvidia-smi"
    script.write_text(f"#!/bin/sh\necho x >> {tmp_path}/calls\n{body}\n")
    script.chmod(0o755)
    return GpuMonitor(command=(str(script),))


def test_nvidia_smi_is_asked_once_for_many_looks(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monitor = fake(tmp_path, f"cat <<END\n{ANSWER}END")
    assert [len(monitor.gpus()) for _ in range(5)] == [2] * 5
    assert (tmp_path / "calls").read_text() == "x\n"


def test_an_nvidia_smi_that_fails_means_no_gpu(tmp_path):
    assert fake(tmp_path, "echo 'no driver'; exit 9").gpus() == ()


def test_a_late_first_answer_is_not_taken_for_a_machine_without_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr("ui.jobs.gpus._TIMEOUT_SECONDS", 0.1)
    late = fake(tmp_path, "sleep 5")
    assert (late.gpus(), late.known) == ((), False)
    none = fake(tmp_path, "exit 9")
    assert (none.gpus(), none.known) == ((), True)


def test_one_late_answer_hides_no_gpu(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monitor = fake(tmp_path, f"cat <<END\n{ANSWER}END")
    assert len(monitor.gpus()) == 2
    fake(tmp_path, "sleep 5")
    monkeypatch.setattr("ui.jobs.gpus._TIMEOUT_SECONDS", 0.1)
    monitor._until = 0.0
    assert len(monitor.gpus()) == 2
    fake(tmp_path, "exit 9")
    monitor._until = 0.0
    assert len(monitor.gpus()) == 2
