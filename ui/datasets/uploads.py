"""Files and zips from a browser, taken into a dataset."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ui.datasets.dataset import Dataset
from ui.datasets.intake import Received, intake
from ui.datasets.unpack import gather_zip
from ui.datasets.upload_rules import Limits, RefusedError, checked_name, is_noise

_TOLD = 20


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that has arrived on the machine."""

    path: Path
    """Where it lies for now."""
    name: str
    """Its name, with folders if a folder was sent."""


def receive(dataset: Dataset, uploads: Sequence[Upload], limits: Limits | None = None) -> list[Received]:
    """Take files into a dataset; zips are unpacked. A zip comes in as a whole or not at all.

    Args:
        dataset: A folder.
        uploads: What came; files that are taken over are gone from where they lay.
        limits: How much is taken.

    Returns:
        What became of each file.

    Raises:
        ValueError: If the dataset is a manifest, or there are too many files.
        OSError: If the dataset cannot be written.
    """
    limits = limits or Limits()
    if len(uploads) > limits.files:
        raise ValueError(f"There are {len(uploads)} files, but at most {limits.files} are taken at once.")
    zips = [upload for upload in uploads if upload.name.lower().endswith(".zip")]
    single = [upload for upload in uploads if upload not in zips and not is_noise(upload.name)]
    received: list[Received] = []
    if single:
        with intake(dataset, limits) as incoming:
            for upload in single:
                try:
                    incoming.adopt(checked_name(upload.name), upload.path)
                except RefusedError as error:
                    incoming.refuse(upload.name, str(error))
            received += incoming.place()
    for upload in zips:
        try:
            with intake(dataset, limits) as incoming:
                gather_zip(incoming, upload.path)
                received += incoming.place()
        except ValueError as error:
            received.append(Received(name=upload.name, fate="refused", reason=str(error)))
    return received


def told(received: Sequence[Received]) -> str:
    """What became of the files, in a few lines."""
    fates = Counter(one.fate for one in received)
    head = ", ".join(f"{number} {fate}" for fate, number in fates.items()) or "nothing came"
    refused = [f"{one.name}: {one.reason}" for one in received if one.fate == "refused"]
    rest = [f"and {len(refused) - _TOLD} more"] if len(refused) > _TOLD else []
    return "\n".join([f"Files: {head}.", *refused[:_TOLD], *rest])
