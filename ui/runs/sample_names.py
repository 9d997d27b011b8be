"""What the names of sample files and of their folders say, so that a grid can be laid out without opening a file.

samples/step_000250/01-a-red-car-seed42.mp4                      a preview of the run
samples/step_000250@0.8/01-a-red-car-seed42.mp4                  made by `sample`, at a strength
samples/step_000250@0.8/01-a-red-car-seed42-without-lora.mp4     its partner, the base
evaluation/samples/step_000250@1/novel-01-a-red-car-seed42.mp4   made by `evaluate`
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

ColumnKind = Literal["base", "step", "strength", "other"]
"""The base model, a checkpoint as it was trained, a checkpoint at a strength, or anything else."""

GROUPS = ("trigger", "no_trigger", "off_topic", "novel")
"""Groups of an evaluation's prompts, in the order in which they are shown."""

SUFFIXES: dict[str, Literal["video", "sound"]] = {".mp4": "video", ".wav": "sound"}
"""Kinds of samples by the suffix of their files."""

_BASE = "base"
_BARE = "-without-lora"
_STEM = re.compile(
    rf"(?:(?P<group>{'|'.join(GROUPS)})-)?(?P<number>\d{{2,9}})-(?P<words>.+?)(?:-seed(?P<seed>-?\d{{1,20}}))?"
)
_FOLDER = re.compile(r"step_(?P<step>\d{1,12})(?:@(?P<strength>\d+(?:\.\d+)?(?:e-?\d+)?))?")


@dataclass(frozen=True, kw_only=True, order=True)
class Row:
    """A prompt with its seed: what the samples of one row of the grid share."""

    group: str = ""
    """Group of an evaluation's prompt; empty elsewhere."""
    number: int = 0
    """Place of the prompt in its recipe, from 1; 0 if the name does not say."""
    words: str = ""
    """Beginning of the prompt, as file names have it."""
    seed: int | None = None

    @property
    def key(self) -> str:
        """The row's name in the page; the same at every step."""
        return f"{self.group}/{self.number}/{self.words}/{'' if self.seed is None else self.seed}"

    @property
    def order(self) -> tuple[int, int, str, int]:
        """What rows are sorted by: group, place, words, seed."""
        place = GROUPS.index(self.group) if self.group in GROUPS else -1
        return place, self.number, self.words, self.seed or 0


@dataclass(frozen=True, kw_only=True)
class Column:
    """A folder of samples: the base, a checkpoint, or a checkpoint at a strength."""

    folder: str
    """Relative to the run, with slashes."""
    kind: ColumnKind
    step: int | None = None
    strength: float | None = None
    """As the folder's name has it; None where the name does not say."""

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.rpartition("/")[2]

    @property
    def checkpoint(self) -> str | None:
        """Name of the LoRA file without suffix, where the folder names one of the run's."""
        return None if self.step is None or self.kind in ("base", "other") else self.name.partition("@")[0]

    @property
    def order(self) -> tuple[int, float, float, str]:
        """What columns are sorted by: the base, steps by their strengths, anything else by name."""
        rank = {"base": 0, "step": 1, "strength": 1, "other": 2}[self.kind]
        return rank, self.step or 0, -1.0 if self.strength is None else self.strength, self.name


def parse_stem(stem: str) -> tuple[Row, bool]:
    """The row that a sample belongs to, and whether it is the partner without the LoRA."""
    bare = stem.endswith(_BARE)
    stem = stem.removesuffix(_BARE)
    match = _STEM.fullmatch(stem)
    if match is None:
        return Row(words=stem), bare
    seed = match["seed"]
    number = int(match["number"])
    return Row(
        group=match["group"] or "", number=number, words=match["words"], seed=None if seed is None else int(seed)
    ), bare


def parse_folder(folder: str) -> Column:
    """The column that a folder of samples makes.

    Args:
        folder: Relative to the run, with slashes, such as `samples/step_000250@0.8`.
    """
    column = Column(folder=folder, kind="other")
    if column.name == _BASE:
        return replace(column, kind="base")
    match = _FOLDER.fullmatch(column.name)
    if match is None:
        return column
    step = int(match["step"])
    if match["strength"] is not None:
        return replace(column, kind="strength", step=step, strength=float(match["strength"]))
    return replace(column, kind="step" if step else "base", step=step)
