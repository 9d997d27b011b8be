"""What becomes of every file of a dataset, and what encoding it takes; as text, and as JSON."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from datamodules.geometry import Bucket
from datamodules.manifest.clip import Finding

Status = Literal["train", "validation", "regularisation", "dropped"]
_NAMES_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    """One window of a clip, or a file that yields none."""

    name: str
    """The window, `walk.mp4@1.25s`, or the file."""
    status: Status
    """What it is used for."""
    clip: str = ""
    """The clip it is a window of; empty if it is not known or the same."""
    window: str = ""
    """The window, whatever is given with it; empty if it is not known or the name."""
    bucket: Bucket | None = None
    """Shape it is trained in."""
    has_audio: bool = False
    """Whether it trains both streams."""
    is_cached: bool = False
    """Whether everything of it is in the cache."""
    reason: str = ""
    """Why it was dropped."""
    captions: int = 1
    """Captions that take turns."""
    is_mirrored: bool = False
    """Whether it shows a window of another row mirrored, and is not counted as one more."""


@dataclass(frozen=True, kw_only=True)
class SetState:
    """One of the recipe's sets of clips, as it is trained."""

    key: str
    """The recipe's key of its path."""
    dataset: str
    """Path of the dataset."""
    clips: int
    """Clips to train on."""
    windows: int
    """Windows of these clips, not counting those shown mirrored too."""
    items: int
    """Items of these windows: one for each reference, and for each row of a manifest that names the clip."""
    mirrored: int
    """How many of the windows are also shown mirrored."""
    held_out: int
    """Windows held out."""
    repeats: float
    """Times each window is seen in a pass over the data."""
    share: float
    """Part of all items that comes from it, in [0, 1]."""
    caption_dropout: float | None
    """Share of its items trained without their caption; None is that of `callbacks.DropCaptions`."""

    def __str__(self) -> str:
        size = _amount(self.items, self.windows, self.clips)
        own_dropout = "" if self.caption_dropout is None else f", caption dropout {self.caption_dropout:g}"
        return (
            f"{self.key} {self.dataset}: {size}, each seen {self.repeats:.3g} times in a pass, "
            f"{self.share:.1%} of the items{own_dropout}"
            + (f", {self.mirrored} also mirrored" if self.mirrored else "")
            + (f", {self.held_out} held out" if self.held_out else "")
        )


@dataclass(frozen=True, kw_only=True)
class RegularisationState:
    """The datasets of ordinary clips without the trigger."""

    dataset: str
    """Their paths."""
    every_n_batches: int
    """Which batches are of them: every n-th."""


@dataclass(frozen=True, kw_only=True)
class CacheState:
    """What the cache holds of a recipe, and the room for the rest."""

    directory: str
    """Where the cache is."""
    cached: int
    """Entries present."""
    missing: int
    """Entries to encode."""
    missing_captions: int
    """How many of those are captions and prompts."""
    needed_bytes: int
    """Bytes to write."""
    free_bytes: int
    """Bytes free on that disk."""


@dataclass(frozen=True, kw_only=True)
class DataReport:
    """All rows of a dataset, what was noticed on the way, the cache, and what forbids training."""

    dataset: str
    """Path of the dataset."""
    rows: tuple[ReportRow, ...]
    """Every window and every dropped file."""
    findings: tuple[Finding, ...]
    """What was noticed, by file."""
    with_audio: bool
    """Whether the recipe trains sound."""
    cache: CacheState
    """What is encoded and what is not."""
    sets: tuple[SetState, ...] = ()
    """The sets of clips, where the recipe has several."""
    regularisation: RegularisationState | None = None
    """The datasets of ordinary clips, if there are any."""
    given: tuple[str, ...] = ()
    """What conditions take beside the clips: `references canny: 12 of 12 clips`."""
    problems: tuple[str, ...] = ()
    """Why nothing can be trained, each with the way out; empty when all is well."""

    @property
    def silent(self) -> tuple[str, ...]:
        """Windows without sound in a recipe that trains sound."""
        return tuple(row.name for row in self._kept if self.with_audio and not row.has_audio and not _is_still(row))

    @property
    def stills(self) -> tuple[str, ...]:
        """Windows of one frame."""
        return tuple(row.name for row in self._kept if _is_still(row))

    def count(self, status: Status) -> int:
        """Number of rows with this status, those shown mirrored left out."""
        return sum(row.status == status and not row.is_mirrored for row in self.rows)

    def buckets(self) -> list[tuple[Bucket, int, int, int]]:
        """Each bucket of the dataset with its training windows with sound and without, and its held-out ones."""
        rows = [row for row in self._kept if row.status != "regularisation"]
        counts = Counter((row.bucket, row.status, row.has_audio) for row in rows)
        used = sorted({row.bucket for row in rows if row.bucket is not None})
        return [
            (
                bucket,
                counts[bucket, "train", True],
                counts[bucket, "train", False],
                counts[bucket, "validation", True] + counts[bucket, "validation", False],
            )
            for bucket in used
        ]

    def raise_if_unusable(self) -> None:
        """Stops before any work is wasted.

        Raises:
            ValueError: If there is a problem; its text names all of them.
        """
        if self.problems:
            raise ValueError("\n".join(self.problems))

    def table(self) -> str:
        """The report as text, without a trailing newline."""
        trained = [row for row in self.rows if row.status == "train" and not row.is_mirrored]
        windows, clips = ({getattr(row, of) or row.name for row in trained} for of in ("window", "clip"))
        training = _amount(len(trained), len(windows), len(clips))
        lines = [
            f"{self.dataset}: {training} to train on, {self.count('validation')} held out, "
            f"{self.count('dropped')} dropped",
            f"{'bucket':<16}{'with sound':>12}{'without':>12}{'held out':>12}",
        ]
        lines += [
            f"{bucket!s:<16}{sound:>12}{without:>12}{held_out:>12}"
            for bucket, sound, without, held_out in self.buckets()
        ]
        lines += [*map(str, self.sets), *self.given, *self._caption_lines(), *self._regularisation_lines()]
        lines += _names("without sound, video stream alone", self.silent)
        lines += _names("stills, video stream alone" if self.with_audio else "stills", self.stills)
        for action in ("dropped", "warned", "noted"):
            lines += [f"{action}  {finding}" for finding in self.findings if finding.action == action]
        cache = self.cache
        lines.append(
            f"cache {cache.directory}: {cache.cached} of {cache.cached + cache.missing} entries present, "
            f"{_size(cache.needed_bytes)} to write, {_size(cache.free_bytes)} free"
        )
        return "\n".join([*lines, *(f"problem  {problem}" for problem in self.problems)])

    def to_dict(self) -> dict[str, object]:
        """The report as plain values for JSON."""
        rows = [dataclasses.asdict(row) | {"bucket": str(row.bucket) if row.bucket else None} for row in self.rows]
        return {
            "dataset": self.dataset,
            "clips": {status: self.count(status) for status in ("train", "validation", "dropped")},
            "buckets": [
                {"bucket": str(bucket), "with_sound": sound, "without_sound": without, "held_out": held_out}
                for bucket, sound, without, held_out in self.buckets()
            ],
            "sets": [dataclasses.asdict(each) for each in self.sets],
            "regularisation": None
            if self.regularisation is None
            else dataclasses.asdict(self.regularisation) | {"clips": self.count("regularisation")},
            "given": list(self.given),
            "silent": list(self.silent),
            "stills": list(self.stills),
            "rows": rows,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "cache": dataclasses.asdict(self.cache),
            "problems": list(self.problems),
        }

    @property
    def used_buckets(self) -> list[Bucket]:
        """Every bucket that something is trained in, that of an ordinary clip included."""
        return sorted({row.bucket for row in self._kept if row.bucket is not None})

    def _caption_lines(self) -> list[str]:
        counts = {row.clip or row.name: row.captions for row in self._kept if row.captions > 1}
        if not counts:
            return []
        least, most = min(counts.values()), max(counts.values())
        number = f"{least}" if least == most else f"{least} to {most}"
        return [f"{len(counts)} clips have {number} captions, which take turns"]

    def _regularisation_lines(self) -> list[str]:
        if self.regularisation is None:
            return []
        rows = [row for row in self._kept if row.status == "regularisation"]
        buckets = ", ".join(str(bucket) for bucket in sorted({row.bucket for row in rows if row.bucket is not None}))
        sound = sum(row.has_audio for row in rows)
        return [
            f"regularisation {self.regularisation.dataset}: {len(rows)} windows in {buckets or 'no bucket'}, "
            f"{sound} with sound; one batch in {self.regularisation.every_n_batches} is of it"
        ]

    @property
    def _kept(self) -> list[ReportRow]:
        return [row for row in self.rows if row.status != "dropped" and not row.is_mirrored]


def _amount(items: int, windows: int, clips: int) -> str:
    """Such as `2 clips`, `4 windows of 2 clips`, or `6 items of 2 clips` where each has three references."""
    text = f"{clips} clips" if windows == clips else f"{windows} windows of {clips} clips"
    return text if items == windows else f"{items} items of {text}"


def _is_still(row: ReportRow) -> bool:
    return row.bucket is not None and row.bucket.is_still


def _names(title: str, names: Iterable[str]) -> list[str]:
    names = list(names)
    if not names:
        return []
    shown = ", ".join(names[:_NAMES_SHOWN])
    rest = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return [f"{title} ({len(names)}): {shown}{rest}"]


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
