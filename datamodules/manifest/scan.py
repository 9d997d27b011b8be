"""What a dataset holds: clips with their captions, found in a folder or listed in a manifest, and what was left out.

Nothing is opened here; `datamodules.media.probe` looks inside the files. Whatever does not become a clip gives a
`Finding`, so that the report accounts for every file. Contradictions, which only the user can settle, are errors.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from datamodules.manifest.clip import (
    MANIFEST_SUFFIXES,
    STILL_SUFFIXES,
    VIDEO_SUFFIXES,
    Clip,
    Finding,
    Manifest,
    final_caption,
)
from datamodules.manifest.folder import scan_folder
from datamodules.manifest.table import scan_table

__all__ = [
    "Clip",
    "Finding",
    "Manifest",
    "file_hash",
    "final_caption",
    "keep_once",
    "nothing_left",
    "scan_dataset",
]

logger = logging.getLogger(__name__)


def scan_dataset(path: Path, key: str = "data.path") -> Manifest:
    """Find the clips of a folder (with its sub-folders) or of a CSV, JSON or JSONL manifest.

    Args:
        path: The folder, or the manifest file, whose paths are relative to its own folder.
        key: The recipe's key that names it.

    Returns:
        At least one clip, and the findings.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If the path is another kind of file, a manifest is malformed, two files of one stem contradict
            each other, or nothing is left to train on.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"`{key}` is {str(path)!r}, but there is nothing: give a folder of clips with .txt captions beside "
            "them, or a .csv, .json or .jsonl manifest."
        )
    if path.is_dir():
        manifest = scan_folder(path)
    elif path.suffix.lower() in MANIFEST_SUFFIXES:
        manifest = scan_table(path)
    else:
        raise ValueError(
            f"`{key}` is {str(path)!r}, but a dataset is a folder or a manifest ({', '.join(MANIFEST_SUFFIXES)}): "
            "give the folder that holds the file."
        )
    if not manifest.clips:
        raise nothing_left(path, manifest.findings, key)
    logger.debug("%s: %d clips, %d findings", path, len(manifest.clips), len(manifest.findings))
    return manifest


def nothing_left(path: Path | str, findings: Iterable[Finding], key: str = "data.path") -> ValueError:
    """The error for a dataset of which no clip can be trained, with every reason."""
    reasons = [f"  {finding}" for finding in findings if finding.action == "dropped"]
    suffixes = ", ".join(VIDEO_SUFFIXES + STILL_SUFFIXES)
    if not reasons:
        reasons = [f"  it holds no video or still ({suffixes})"]
    return ValueError("\n".join([f"`{key}` {str(path)!r} yields nothing to train on:", *reasons]))


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal, read as a stream."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep_once(named_hashes: Sequence[tuple[str, str]]) -> tuple[tuple[int, ...], tuple[Finding, ...]]:
    """Keep the first of several clips with equal bytes.

    Args:
        named_hashes: Clip name and content hash. A replaced sound track makes another clip: hash both together.

    Returns:
        The positions of the clips to keep, in order, and a warning for each further copy.
    """
    first: dict[str, int] = {}
    findings = []
    for position, (name, digest) in enumerate(named_hashes):
        original = first.setdefault(digest, position)
        if original != position:
            kept = named_hashes[original][0]
            reason = f"has the same bytes as {kept}, which is kept; this copy and its caption are not used"
            findings.append(Finding(name=name, action="warned", reason=reason, fix="delete one of them"))
    return tuple(first.values()), tuple(findings)
