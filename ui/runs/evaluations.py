"""What `evaluate` found about a run's LoRA files: verdict, faults with what to change, and the figures of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from ltx_module.run_directory import RunDirectory
from ui.runs.bounded_json import read_bounded_json
from ui.runs.places import file_of_run, run_directory
from ui.runs.sample_record import number, text
from ui.workspace import OutsideError, Workspace

SCHEMA = 1
"""The version of evaluation.json that is understood."""

MAX_BYTES = 32_000_000
"""Of evaluation.json, which takes some 700 bytes a sample."""

_MOST = 200
"""Findings, checkpoints and metrics that are shown at most."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A fault of a checkpoint."""

    title: str
    """Name of the fault in words."""
    severity: Literal["error", "warning"]
    checkpoint: str
    text: str
    remedy: str
    """What to change."""
    evidence: tuple[tuple[str, float], ...]
    """Labels of the figures behind it, and their values."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A row of the table."""

    label: str
    unit: str
    help: str
    better: str
    """`higher`, `lower` or `near_zero`; empty if it is no matter of better."""
    values: tuple[float | None, ...]
    """One a checkpoint, then the base's."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of an evaluation, in the page's words."""

    problem: str = ""
    """Why it cannot be shown; empty if it can."""
    summary: str = ""
    best: str = ""
    """Name of the checkpoint that is recommended; empty if none is."""
    best_strength: float | None = None
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    checkpoints: tuple[str, ...] = ()
    """Best first."""
    metrics: tuple[Metric, ...] = ()
    created: str = ""
    page_url: str = ""
    """Address of the full page; empty if it is not there."""
    newer: tuple[str, ...] = ()
    """LoRA files of the run that were saved after the evaluation."""


def evaluation(workspace: Workspace, run: str) -> Evaluation | None:
    """The evaluation of a run, or None where it was not evaluated.

    Args:
        workspace: Whose run.
        run: Its name.

    Raises:
        ValueError: If there is no such run.
    """
    directory = run_directory(workspace, run)
    path = directory.path / "evaluation" / "evaluation.json"
    if not path.is_file():
        return None
    try:
        found = file_of_run(workspace, directory, path)
    except OutsideError as error:
        return Evaluation(problem=str(error))
    facts = found.stat()
    content = _read(found, facts.st_mtime_ns, facts.st_size)
    again = "evaluate the run again."
    if not isinstance(content, dict):
        return Evaluation(problem=f"{workspace.shown(path)} cannot be read: {again}")
    if content.get("schema") != SCHEMA:
        version = str(content.get("schema"))[:20]
        return Evaluation(
            problem=f"{workspace.shown(path)} is of schema {version}, but this page shows {SCHEMA}: {again}"
        )
    return _shown(content, page_url=_page_url(workspace, directory), newer=_newer(directory, found))


@lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int, size: int) -> object:  # noqa: ARG001 - what was read is kept until the file changes
    return read_bounded_json(path, MAX_BYTES)


def _shown(content: Mapping[str, object], *, page_url: str, newer: tuple[str, ...]) -> Evaluation:
    verdict = _mapping(content.get("verdict"))
    best = _mapping(verdict.get("best"))
    checkpoints = [one for one in _mappings(content.get("checkpoints")) if text(one.get("name"))]
    return Evaluation(
        summary=text(verdict.get("summary")),
        best=text(best.get("checkpoint")),
        best_strength=number(best.get("strength")),
        reason=text(best.get("reason")),
        findings=tuple(_findings(verdict.get("findings"), _mapping(content.get("metrics")))),
        checkpoints=tuple(text(one.get("name")) for one in checkpoints),
        metrics=tuple(_metrics(content, checkpoints)),
        created=text(content.get("created"))[:40],
        page_url=page_url,
        newer=newer,
    )


def _findings(value: object, metrics: Mapping[str, object]) -> Iterator[Finding]:
    for finding in _mappings(value):
        evidence = _mapping(finding.get("evidence"))
        figures = ((_label(metrics, name), number(figure)) for name, figure in list(evidence.items())[:_MOST])
        yield Finding(
            title=_words(text(finding.get("fault"))),
            severity="error" if finding.get("severity") == "error" else "warning",
            checkpoint=text(finding.get("checkpoint")),
            text=text(finding.get("text")),
            remedy=text(finding.get("remedy")),
            evidence=tuple((label, figure) for label, figure in figures if figure is not None),
        )


def _metrics(content: Mapping[str, object], checkpoints: list[Mapping[str, object]]) -> Iterator[Metric]:
    """The score, then each metric that a checkpoint has."""
    scores = tuple(number(one.get("score")) for one in checkpoints)
    yield Metric(label="Score", unit="", help="What the ranking goes by.", better="higher", values=(*scores, None))
    columns = [_mapping(one.get("scores")) for one in checkpoints]
    base = _mapping(content.get("base_scores"))
    described = _mapping(content.get("metrics"))
    for name in list(described)[:_MOST]:
        about = _mapping(described[name])
        values = tuple(number(column.get(name)) for column in (*columns, base))
        if any(value is not None for value in values[:-1]):
            yield Metric(
                label=_label(described, name),
                unit=text(about.get("unit")),
                help=text(about.get("help")),
                better=text(about.get("better")),
                values=values,
            )


def _label(metrics: Mapping[str, object], name: str) -> str:
    return text(_mapping(metrics.get(name)).get("label")) or _words(name)


def _words(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [one for one in value[:_MOST] if isinstance(one, dict)] if isinstance(value, list) else []


def _page_url(workspace: Workspace, run: RunDirectory) -> str:
    path = run.path / "evaluation" / "evaluation.html"
    try:
        return workspace.url(file_of_run(workspace, run, path))
    except (OutsideError, OSError):
        return ""


def _newer(run: RunDirectory, result: Path) -> tuple[str, ...]:
    """LoRA files saved after the evaluation: it says nothing of these."""
    written = result.stat().st_mtime
    return tuple(path.stem for path in run.loras() if path.exists() and path.stat().st_mtime > written)
