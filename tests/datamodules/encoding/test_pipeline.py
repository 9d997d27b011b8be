"""Decoding ahead, batches that shrink, writing behind: order, bounds, errors and what stopping early leaves."""

import logging
import threading
from concurrent.futures import Future
from contextlib import closing

import pytest
import torch

from datamodules.encoding import pipeline
from datamodules.encoding.pipeline import Batches, Writing, decoding_threads, from_device, read_ahead, to_device


class Entry:
    """Media that note when they are read."""

    decoded_bytes = 10

    def __init__(self, number, begun, after=None, error=None):
        self.number, self.begun, self.after, self.error = number, begun, after, error

    def read(self):
        self.begun.append(self.number)
        if self.after is not None:
            assert self.after.wait(10)
        if self.error is not None:
            raise self.error
        return torch.tensor(self.number)


class ImmediatePool:
    """Works at once, so that what is begun is exactly what was handed over."""

    def __init__(self, *_, **__):
        pass

    def submit(self, work, *arguments):
        future = Future()
        future.set_result(work(*arguments))
        return future

    def shutdown(self, **_):
        pass


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_media_come_in_the_order_of_the_entries(threads):
    later, begun = threading.Event(), []
    entries = [Entry(number, begun) for number in range(9)]
    if threads == 4:  # the first is ready last
        entries[0].after = later
        entries[3].read = lambda: later.set() or torch.tensor(3)
    found = [(entry.number, media().item()) for entry, media in read_ahead(entries, threads)]
    assert found == [(number, number) for number in range(9)]


@pytest.mark.parametrize(("allowed", "most"), [(30, 3), (5, 1), (10_000, 8)])
def test_no_more_media_lie_in_memory_than_allowed(monkeypatch, allowed, most):
    monkeypatch.setattr(pipeline, "ThreadPoolExecutor", ImmediatePool)
    begun = []
    entries = [Entry(number, begun) for number in range(20)]
    ahead = [len(begun) - done for done, _ in enumerate(read_ahead(entries, 4, max_bytes=allowed))]
    assert max(ahead) == most  # twice the threads where bytes do not limit it
    assert len(begun) == 20


@pytest.mark.parametrize("threads", [0, 2])
def test_an_error_comes_in_its_turn_and_ends_nothing(threads):
    entries = [Entry(number, [], error=ValueError("torn") if number == 1 else None) for number in range(4)]
    found = []
    for entry, media in read_ahead(entries, threads):
        try:
            found.append(media().item())
        except ValueError as error:
            found.append(f"{entry.number} {error}")
    assert found == [0, "1 torn", 2, 3]


def test_what_is_not_begun_when_work_stops_is_never_decoded():
    begun, second, released = [], threading.Event(), threading.Event()
    entries = [Entry(number, begun) for number in range(9)]
    entries[1].after, entries[1].begun = released, Noticed(begun, second)
    with closing(read_ahead(entries, 1)) as ahead:
        next(ahead)
        assert second.wait(10)
        threading.Timer(0.05, released.set).start()
    assert begun == [0, 1]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


class Noticed:
    """A list that says when something is added."""

    def __init__(self, target, event):
        self.target, self.event = target, event

    def append(self, value):
        self.target.append(value)
        self.event.set()


def test_decoding_threads_leave_torch_its_own(monkeypatch):
    before = torch.get_num_threads()
    assert [media().item() for _, media in read_ahead([Seen(torch.get_num_threads)], 2)] == [1]
    assert torch.get_num_threads() == before


class Seen:
    """What a function says in the thread that decodes."""

    decoded_bytes = 1

    def __init__(self, function):
        self.read = lambda: torch.tensor(function())


@pytest.mark.parametrize(("cores", "cards", "world", "threads"), [(32, 2, 2, 16), (16, 1, 8, 16), (8, 8, 16, 1)])
def test_processes_on_one_machine_share_its_cores(monkeypatch, cores, cards, world, threads):
    monkeypatch.setattr(pipeline.os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    assert decoding_threads(world) == threads


def test_batches_hold_neighbours_that_are_alike_up_to_the_budget():
    batches = Batches(list, sum, 10, "work")
    assert list(batches.grouped([5, 5, 5, 50, 1, 1])) == [[5, 5], [5], [50], [1, 1]]
    assert list(batches.grouped([2, 2, 3, 3, 2], lambda one, other: one == other)) == [[2, 2], [3, 3], [2]]


def test_a_batch_that_does_not_fit_is_halved_and_later_ones_are_smaller(caplog):
    seen = []

    def work(batch):
        seen.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError
        return [-number for number in batch]

    batches = Batches(work, len, 8, "encoding")
    with caplog.at_level(logging.INFO):
        found = [result for batch in batches.grouped(range(1, 13)) for result in batches.results(batch)]
    assert found == [-number for number in range(1, 13)]
    assert seen == [8, 4, 2, 2, 4, 2, 2, 2, 2]  # 8 in halves of halves, and the last 4 in two batches
    assert [record.getMessage() for record in caplog.records] == [
        "encoding: 8 at a time do not fit into the memory; going on with fewer"
    ]


def test_one_that_does_not_fit_alone_is_an_error():
    def work(batch):
        raise torch.OutOfMemoryError("too large")

    with pytest.raises(torch.OutOfMemoryError, match="too large"):
        Batches(work, len, 4, "encoding").results([1, 2])


def test_leaving_waits_for_everything_that_is_to_be_written():
    written = []
    with Writing(threads=2, most_waiting=50) as writing:
        for number in range(20):
            writing.hand_over(lambda number=number: written.append(number))
    assert sorted(written) == list(range(20))


def test_handing_over_waits_when_too_much_is_unwritten():
    gate, handed_over = threading.Event(), []
    with Writing(threads=1, most_waiting=2) as writing:

        def hand_over():
            for number in range(4):
                writing.hand_over(gate.wait)
                handed_over.append(number)

        thread = threading.Thread(target=hand_over)
        thread.start()
        thread.join(0.2)
        assert handed_over == [0, 1]
        gate.set()
        thread.join()
    assert handed_over == [0, 1, 2, 3]


def _full_disk():
    raise OSError("no space left")


@pytest.mark.parametrize(("most_waiting", "handed_over"), [(0, 1), (9, 3)])
def test_what_writing_raises_ends_the_work(most_waiting, handed_over):
    begun = []

    def work():
        with Writing(threads=1, most_waiting=most_waiting) as writing:
            for number in range(3):
                begun.append(number)
                writing.hand_over(_full_disk)

    with pytest.raises(OSError, match="no space left"):
        work()
    assert len(begun) == handed_over  # at once where nothing may wait, at the end where all of it may


def test_results_that_are_there_when_work_is_stopped_are_written():
    written = []

    def work():
        with Writing(threads=1, most_waiting=9) as writing:
            for number in range(5):
                writing.hand_over(lambda number=number: written.append(number))
            raise SystemExit

    with pytest.raises(SystemExit):
        work()
    assert written == [0, 1, 2, 3, 4]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_copies_beside_the_work_neither_overtake_it_nor_are_overtaken():
    device = torch.device("cuda", 0)
    slow = torch.ones(4096, 4096, device=device)
    expected, fetched = [], []
    for number in range(20):
        batch = to_device([torch.full((512, 512), float(number))] * 3, device)
        for _ in range(10):  # work that whoever fetches has to wait for
            slow = (slow @ slow).clamp(0.5, 1.0)
        fetched.append(from_device([batch * slow[:512, :512], batch]))
        expected.append(batch.sum())
        del batch
    for number, fetch in enumerate(fetched):
        product, batch = fetch()
        assert torch.equal(batch, torch.full((3, 512, 512), float(number)))
        assert torch.equal(product, batch)
        assert expected[number].item() == number * 3 * 512 * 512
