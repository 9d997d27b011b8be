import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from datamodules.doctor.doctor_report import DoctorReport
from datamodules.doctor.visit import examine_dataset
from datamodules.doctor.wanted import wanted_by
from tests.datamodules.doctor.drawn_sets import BUCKETS, TRIGGER, write_clean, write_faulty, write_faulty_pairs


@pytest.fixture(scope="session")
def examine() -> Callable[..., DoctorReport]:
    """The report on a dataset."""

    def report(
        dataset: Path, recipe: str | None = "character", trigger: str = TRIGGER, buckets=BUCKETS
    ) -> DoctorReport:
        return examine_dataset(dataset, wanted_by(recipe, trigger=trigger, buckets=buckets))[1]

    return report


@pytest.fixture(scope="session")
def clean(tmp_path_factory) -> Path:
    """A folder of 20 clips and a still without a fault."""
    return write_clean(tmp_path_factory.mktemp("clean") / "set")


@pytest.fixture
def few(clean, tmp_path) -> Callable[[int], Path]:
    """A new folder `set` with the first clips of the clean one."""

    def copy(clips: int) -> Path:
        (tmp_path / "set").mkdir()
        for index in range(clips):
            for suffix in (".mp4", ".txt"):
                shutil.copy(clean / f"clean {index:02d}{suffix}", tmp_path / "set")
        return tmp_path / "set"

    return copy


@pytest.fixture(scope="session")
def faulty(tmp_path_factory, clean) -> Path:
    """A folder in which every file of `PLANTED` has its fault."""
    return write_faulty(tmp_path_factory.mktemp("faulty") / "set", clean)


@pytest.fixture(scope="session")
def faulty_pairs(tmp_path_factory) -> Path:
    """A folder in which every pair of `PLANTED_PAIRS` has its fault."""
    return write_faulty_pairs(tmp_path_factory.mktemp("pairs") / "set")
