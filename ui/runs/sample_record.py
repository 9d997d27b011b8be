"""The json beside a sample: what made it, read with care, since anybody may have edited the file."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

MAX_RECORD_BYTES = 256_000
"""Records take one to three kilobytes; a larger file is no record."""

_LONGEST_TEXT = 4_000
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})x(\d{1,6})")
_SECONDS = re.compile(r"(\d{1,5}(?:\.\d{1,6})?)s")


@dataclass(frozen=True, kw_only=True)
class SampleRecord:
    """What a sample's json says; what it does not say, or says wrongly, is left open."""

    prompt: str = ""
    seed: int | None = None
    size: str = ""
    """Width x height x frames, or seconds such as `4s` of a sound alone."""
    strength: float | None = None
    """0 is the base model."""
    preset: str = ""
    steps: int | None = None
    """Sampling steps."""
    fps: float = 24.0
    """Frames per second."""
    has_sound: bool = False
    adapters: tuple[str, ...] = ()
    """LoRA files that were attached, without suffix."""
    problem: str = ""
    """Why the record could not be read, in words; empty if it could."""

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """Width and height in pixels, where there is a picture."""
        match = _SIZE.fullmatch(self.size)
        return (int(match[1]), int(match[2])) if match else None

    @property
    def frames(self) -> int | None:
        """Pixel frames, or as many as a sound of this length would have."""
        if match := _SIZE.fullmatch(self.size):
            return int(match[3])
        if match := _SECONDS.fullmatch(self.size):
            return max(1, round(float(match[1]) * self.fps))
        return None


def read_record(path: Path) -> SampleRecord:
    """Read a sample's record; one that cannot be read says why in `problem`.

    Args:
        path: The json file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_RECORD_BYTES + 1)
        if len(data) > MAX_RECORD_BYTES:
            return SampleRecord(problem=f"{path.name} is larger than any record: it is not read")
        content = json.loads(data)
    except FileNotFoundError:
        return SampleRecord(problem=f"{path.name} is missing, so prompt and settings are unknown")
    except (OSError, ValueError, RecursionError):
        return SampleRecord(problem=f"{path.name} cannot be read, so prompt and settings are unknown")
    if not isinstance(content, dict):
        return SampleRecord(problem=f"{path.name} holds no record, so prompt and settings are unknown")
    return _checked(content)


def _checked(content: dict[str, object]) -> SampleRecord:
    sigmas, adapters = content.get("sigmas"), content.get("adapters")
    fps = number(content.get("fps"))
    return SampleRecord(
        prompt=text(content.get("prompt")),
        seed=_whole(content.get("seed")),
        size=text(content.get("size"))[:40],
        strength=number(content.get("strength")),
        preset=text(content.get("preset"))[:40],
        steps=max(0, len(sigmas) - 1) if isinstance(sigmas, list) else None,
        fps=fps if fps is not None and 1 <= fps <= 240 else 24.0,
        has_sound=content.get("streams") in ("av", "audio"),
        adapters=tuple(text(one)[:200] for one in adapters[:8]) if isinstance(adapters, list) else (),
    )


def text(value: object) -> str:
    """A text of a record, cut where no honest one is longer; empty if it is no text."""
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """A finite number of a record; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64 else None
