"""The evaluation as one page that needs nothing else: verdict, table, curves and a grid of clips that plays.

1. The clips are read from the folder; equal ones count once, and a note takes the place of a missing or damaged one.
2. Their bytes follow the page as base64 data URIs, each in an element of its own, so that a browser reads text, table
   and curves first and decodes a clip when it comes into view. Beyond `MAX_INLINE_BYTES` the page names the files
   beside it instead, and says so.
3. All words travel as JSON in which nothing can end the element that holds it, and a content security policy allows
   only this page's own script and style, by their hashes, and no connection to anywhere.
"""

import base64
import hashlib
import html
import json
import logging
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePath, PurePosixPath
from typing import Any
from urllib.parse import quote

from datamodules.atomic import replacing
from datamodules.media.probe import MediaError, probe

MAX_INLINE_BYTES = 200_000_000
"""Bytes of base64 that a browser still opens in a few seconds."""

SCHEMA = 1
"""The version of evaluation.json that this page shows."""

_SCRIPTS = ("dom", "verdict", "table", "charts", "clock", "player", "grid", "viewer", "main")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _ClipFile:
    """A clip that the page plays."""

    name: str
    """Path below the evaluation's folder, with slashes."""
    path: Path
    """Where it lies."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    frames: int
    """Pixel frames."""
    fps: float
    """Frames per second."""

    @property
    def inline_bytes(self) -> int:
        """What it adds to a page that holds it."""
        return math.ceil(self.path.stat().st_size / 3) * 4


def write_page(evaluation: Mapping[str, Any], directory: Path, *, max_inline_bytes: int = MAX_INLINE_BYTES) -> Path:
    """Write `evaluation.html`, whole or not at all; the same input gives the same bytes.

    Args:
        evaluation: What evaluation.json holds.
        directory: The folder of evaluation.json and of the clips that it names.
        max_inline_bytes: Largest size of all clips in base64; above it they stay beside the page.

    Returns:
        The page's path.

    Raises:
        ValueError: If `evaluation` has another schema, or names a file outside `directory`.
    """
    if evaluation.get("schema") != SCHEMA:
        raise ValueError(
            f"`schema` of the evaluation is {evaluation.get('schema')!r}, but this page shows schema {SCHEMA}: "
            "run `evaluate` again with this version."
        )
    clips, samples = _find_clips(evaluation["samples"], directory)
    size = sum(clip.inline_bytes for clip in clips)
    inline = size <= max_inline_bytes
    notices = _notices(samples, size=size, inline=inline)
    for notice in notices:
        _logger.warning("%s: %s", directory / "evaluation.html", notice)
    content = {
        "evaluation": {**evaluation, "samples": samples},
        "clips": [_clip_facts(index, clip, inline=inline) for index, clip in enumerate(clips)],
        "inline": inline,
        "megabytes": f"{size / 1e6:.1f}",
        "notices": notices,
    }
    path = directory / "evaluation.html"
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_page(content, clips if inline else []))
    return path


def embedded_json(value: object) -> str:
    """JSON that can stand inside a script element: no `<`, `>` or `&`, and null for what is not finite."""
    text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _find_clips(samples: list[Mapping[str, Any]], directory: Path) -> tuple[list[_ClipFile], list[dict[str, Any]]]:
    """The different clips, and each sample with the number of its clip, or the problem with it."""
    clips: list[_ClipFile] = []
    known: dict[bytes, int] = {}
    numbered = []
    for index, sample in enumerate(samples):
        path = _below(directory, sample["file"], index)
        try:
            digest = hashlib.sha256(path.read_bytes()).digest()
            if digest not in known:
                clips.append(_read_clip(sample["file"], path))
                known[digest] = len(clips) - 1
            numbered.append({**sample, "clip": known[digest]})
        except FileNotFoundError:
            numbered.append({**sample, "clip": None, "problem": "the file is missing"})
        except MediaError as error:
            numbered.append({**sample, "clip": None, "problem": error.reason})
    return clips, numbered


def _below(directory: Path, name: str, index: int) -> Path:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name:
        raise ValueError(
            f"`samples[{index}].file` is {name!r}, but the page reads files below {directory} only: "
            "give a path relative to that folder, with slashes."
        )
    return directory / name


def _read_clip(name: str, path: Path) -> _ClipFile:
    facts = probe(path)
    fps = facts.fps or 1.0
    return _ClipFile(name=name, path=path, width=facts.width, height=facts.height, frames=facts.frames, fps=fps)


def _clip_facts(index: int, clip: _ClipFile, *, inline: bool) -> dict[str, Any]:
    """What the page's script knows of a clip."""
    facts = {"width": clip.width, "height": clip.height, "frames": clip.frames, "fps": round(clip.fps, 4)}
    return {"id": _element_id(index), "url": None if inline else quote(clip.name), **facts}


def _element_id(index: int) -> str:
    return f"clip-{index}"


def _notices(samples: list[dict[str, Any]], *, size: int, inline: bool) -> list[str]:
    """What the reader has to know about the clips before looking at them."""
    notices = []
    if not inline:
        notices.append(
            f"The clips take {size / 1e6:.0f} MB, too much to store in this file: it plays those beside it. "
            "Keep or send the whole folder."
        )
    broken = [sample["file"] for sample in samples if sample["clip"] is None]
    names = list(dict.fromkeys(broken))
    if broken:
        rest = ", ..." if len(names) > 3 else ""
        notices.append(f"{len(broken)} of {len(samples)} clips cannot be shown: {', '.join(names[:3])}{rest}.")
    return notices


def _page(content: Mapping[str, Any], clips: list[_ClipFile]) -> Iterator[str]:
    """The page in pieces, clips one at a time."""
    style = _template("page.css")
    script = '(() => {\n"use strict";\n' + "".join(_template(f"{name}.js") for name in _SCRIPTS) + "})();\n"
    pieces = {
        "policy": _policy(style, script, inline=content["inline"]),
        "title": html.escape(f"Evaluation of {PurePath(content['evaluation']['run']).name}"),
        "style": style,
        "script": script,
        "data": embedded_json(content),
    }
    for index, part in enumerate(re.split(r"\{\{(\w+)\}\}", _template("page.html"))):
        if index % 2 == 0:
            yield part
        elif part == "clips":
            yield from (_clip_element(number, clip) for number, clip in enumerate(clips))
        else:
            yield pieces[part]


def _clip_element(index: int, clip: _ClipFile) -> str:
    data = base64.b64encode(clip.path.read_bytes()).decode("ascii")
    return f'<script type="text/plain" id="{_element_id(index)}">data:video/mp4;base64,{data}</script>\n'


def _policy(style: str, script: str, *, inline: bool) -> str:
    """A content security policy under which only this script and style run and nothing is fetched."""
    media = "blob:" if inline else "'self' file:"
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; media-src {media}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _template(name: str) -> str:
    return (files("ltx_module.evaluation.template") / name).read_text(encoding="utf-8")
