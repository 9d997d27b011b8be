"""Line plots as SVG text: small, legible, and readable as a difference between commits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT, _HEAD = 360, 240, 30
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 28, 34, 40
_STYLE = """<style>
svg { background: #fff } text { font: 12px system-ui, sans-serif; fill: #222 } .title { font-weight: 600 }
line { stroke: #ccc } polyline { fill: none; stroke: #2266bb; stroke-width: 2 } circle { fill: #2266bb }
</style>"""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One plot: points joined by lines, x in powers of two."""

    title: str
    x_label: str
    points: Sequence[tuple[float, float]]
    by_doublings: bool = False
    """Whether y goes in powers of two as well, so that steady growth is a straight line; else it starts at zero."""


def plot(title: str, panels: Sequence[Panel], columns: int = 2) -> str:
    """The panels side by side below a title, in rows of so many, as an SVG document."""
    rows = math.ceil(len(panels) / columns)
    width, height = columns * _WIDTH, rows * _HEIGHT + _HEAD
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">', _STYLE]
    parts.append(_text(_LEFT, 20, title, "start"))
    for number, panel in enumerate(panels):
        x, y = number % columns * _WIDTH, number // columns * _HEIGHT + _HEAD
        parts += [f'<g transform="translate({x} {y})">', *_draw(panel), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _draw(panel: Panel) -> list[str]:
    """Title, axes with marks, line, points."""
    left, right = (math.log2(choose(x for x, _ in panel.points)) for choose in (min, max))
    marks = _marks([y for _, y in panel.points], by_doublings=panel.by_doublings)
    bottom, top = _scaled(marks[0], panel), _scaled(marks[-1], panel)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log2(x) - left) / max(right - left, 1e-9)
        up = (_scaled(y, panel) - bottom) / (top - bottom)
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_text(_LEFT, 18, panel.title, "start", ' class="title"')]
    for mark in marks:
        _, down = place(panel.points[0][0], mark)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>')
        parts.append(_text(_LEFT - 6, down + 4, f"{mark:g}", "end"))
    placed = [place(*point) for point in panel.points]
    for (x, _), (across, _) in zip(panel.points, placed, strict=True):
        parts.append(_text(across, _HEIGHT - _BOTTOM + 16, f"{x:g}", "middle"))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, panel.x_label, "middle"))
    parts.append(f'<polyline points="{" ".join(f"{across:.1f},{down:.1f}" for across, down in placed)}"/>')
    return parts + [f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3"/>' for across, down in placed]


def _scaled(y: float, panel: Panel) -> float:
    return math.log2(y) if panel.by_doublings else y


def _marks(ys: Sequence[float], *, by_doublings: bool) -> list[float]:
    """Round values that enclose all: powers of two, or some four to seven steps from zero."""
    if by_doublings:
        low, high = math.floor(math.log2(min(ys))), math.ceil(math.log2(max(ys)))
        return [2.0**power for power in range(low, max(high, low + 1) + 1)]
    largest = max(*ys, 1e-9)
    power: float = 10.0 ** math.floor(math.log10(largest / 4))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= largest / 5)
    return [number * step for number in range(math.ceil(largest / step) + 1)]


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'
