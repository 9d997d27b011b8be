"""Many jobs: what is read, what is kept."""

import os
from pathlib import Path

import pytest

from tests.ui.jobs.waiting import runner_of
from ui.jobs.job import Job
from ui.jobs.store import KEPT_JOBS, JobStore, write_exit


def fill(store: JobStore, count: int, *, ended: bool = True) -> list[str]:
    ids = []
    for number in range(count):
        job_id, directory = store.new_directory()
        store.add(Job(id=job_id, kind="check", title=str(number), words=("-c", "pass"), subject=f"set-{number % 2}"))
        if ended:
            store.claim(job_id)
            write_exit(directory, 0)
        ids.append(job_id)
    return ids


@pytest.fixture
def reads(monkeypatch):
    """Paths of the files that were read."""
    seen: list[Path] = []
    original = Path.read_text

    def counted(path, *args, **kwargs):
        seen.append(path)
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", counted)
    return seen


def test_of_200_jobs_only_those_shown_are_read_and_ended_ones_once(tmp_path, reads):
    fill(JobStore(tmp_path / ".studio/jobs"), 200)
    reads.clear()
    runner = runner_of(tmp_path)
    assert [view.job.title for view in runner.views(limit=20)] == [str(number) for number in range(199, 179, -1)]
    shown = {path.parent.name for path in reads}
    assert len(shown) == 20
    assert len(reads) <= 20 * 5
    reads.clear()
    assert len(runner.views(limit=20)) == 20
    assert reads == []


def test_a_tick_of_the_queue_reads_nothing_of_jobs_that_have_ended(tmp_path, reads):
    fill(JobStore(tmp_path / ".studio/jobs"), 200)
    runner = runner_of(tmp_path)
    runner.advance()
    reads.clear()
    runner.advance()
    assert reads == []


def test_views_can_be_narrowed(tmp_path):
    fill(JobStore(tmp_path / ".studio/jobs"), 6)
    runner = runner_of(tmp_path)
    assert [view.job.title for view in runner.views(subject="set-1", limit=2)] == ["5", "3"]
    assert runner.views(kinds=["fit"]) == []


def test_the_oldest_ended_jobs_are_deleted_beyond_those_kept(tmp_path):
    store = JobStore(tmp_path)
    ids = fill(store, KEPT_JOBS + 3)
    (waiting,) = fill(store, 1, ended=False)
    store.prune(sorted(ids, reverse=True))
    assert store.ids() == sorted([*ids[3:], waiting], reverse=True)


def test_directories_that_were_never_used_are_deleted_after_a_day(tmp_path):
    store = JobStore(tmp_path)
    fresh, old = store.new_directory()[0], store.new_directory()[0]
    os.utime(store.directory(old), (1.0, 1.0))
    store.prune([])
    assert store.ids() == [fresh]


def test_ids_sort_by_the_time_of_submission(tmp_path):
    store = JobStore(tmp_path)
    ids = [store.new_directory()[0] for _ in range(50)]
    assert ids == sorted(ids)


def test_a_job_is_the_same_after_it_was_written_and_read(tmp_path):
    store = JobStore(tmp_path)
    job = Job(
        id=store.new_directory()[0],
        kind="fit",
        title='A "title" <b>&',
        words=("-m", "ltx_module", "fit", "--config", "recipes/ä b.yaml"),
        subject="datasets/mia",
        run="mia-1",
        devices=2,
        created=12.5,
        env={"A": "1"},
        unique="fit:mia-1",
    )
    store.add(job)
    assert JobStore(tmp_path).job(job.id) == job


def test_a_claim_is_given_once(tmp_path):
    store = JobStore(tmp_path)
    (job_id,) = fill(store, 1, ended=False)
    assert store.claim(job_id, (1, 2))
    assert not store.claim(job_id, withdrawn=True)
    assert store.claim_of(job_id).gpus == (1, 2)
