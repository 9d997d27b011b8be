import logging

from datamodules import progress as progress_module
from datamodules.progress import progress


def test_a_log_file_gets_a_line_every_ten_seconds(caplog, monkeypatch):
    seconds = iter([0.0, 0.0, 3.0, 11.0, 12.0, 22.0, 23.0])
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(seconds))
    with caplog.at_level(logging.INFO), progress("encoding", 4, "clip", shown=True) as done:
        for _ in range(4):
            done.update()
    assert caplog.messages == ["encoding: 2 of 4 clips", "encoding: 4 of 4 clips", "encoding: 4 clips in 23.0 s"]


def test_a_rank_that_does_not_report_logs_nothing(caplog):
    with caplog.at_level(logging.INFO), progress("encoding", 2, "clip", shown=False) as done:
        done.update(2)
    assert caplog.messages == []
