"""The end of a log as a terminal would show it."""

import os
import re
from pathlib import Path

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UP = re.compile(r"\x1b\[\d*A")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def read_tail(path: Path, max_bytes: int) -> str:
    """At most the last bytes of a file, from a whole line on, shown as a terminal does; empty without a file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - max_bytes))
            raw = file.read(max_bytes)
    except OSError:
        return ""
    if size > max_bytes:
        cut = raw.find(b"\n")
        raw = raw[cut + 1 :] if 0 <= cut < len(raw) - 1 else raw
    return terminal_text(raw.decode("utf-8", errors="replace"))


def terminal_text(text: str) -> str:
    """Text without colours, where each line shows the last state of what was drawn over it."""
    text = _UP.sub("\r", text)
    lines = _ESCAPE.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(_CONTROL.sub("", _last_state(line)) for line in lines)


def _last_state(line: str) -> str:
    """What stays visible of a line that a carriage return begins anew."""
    shown = ""
    for state in line.split("\r"):
        shown = state + shown[len(state) :] if state else shown
    return shown.rstrip()
