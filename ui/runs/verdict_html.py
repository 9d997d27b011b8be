"""An evaluation in words and figures, as HTML in which every text of a file is escaped."""

import html
import re
from collections.abc import Iterator

from ui.runs.evaluations import Evaluation, Finding, Metric

_CODE = re.compile(r"`([^`]+)`")
_PLAIN = 1e-9


def verdict_html(found: Evaluation | None) -> str:
    """What the page shows of an evaluation.

    Args:
        found: The evaluation, or None where the run was not evaluated.
    """
    if found is None:
        return (
            '<div class="empty"><strong>Not evaluated yet</strong>'
            "An evaluation samples the base model and the checkpoints with the same prompts and seeds, says what is"
            " wrong with each, and which one is best at which strength.</div>"
        )
    if found.problem:
        return f'<div class="verdict"><div class="verdict-summary warning"><p>{_words(found.problem)}</p></div></div>'
    return f'<div class="verdict">{"".join(_parts(found))}</div>'


def _parts(found: Evaluation) -> Iterator[str]:
    reason = f"<p>Why: {_words(found.reason)}</p>" if found.reason else ""
    yield f'<div class="verdict-summary {_state(found)}"><p>{_words(found.summary)}</p>{reason}</div>'
    if found.findings:
        yield f"<ul>{''.join(map(_finding, found.findings))}</ul>"
    else:
        yield "<p>No fault was found.</p>"
    if found.checkpoints:
        yield f"<details><summary>Figures of all checkpoints</summary>{_table(found)}</details>"
    notes = [f"Evaluated {html.escape(found.created[:16].replace('T', ' '))} UTC." if found.created else ""]
    if found.newer:
        rest = ", ..." if len(found.newer) > 3 else ""
        notes.append(f"Saved since then and not evaluated: {html.escape(', '.join(found.newer[-3:]) + rest)}.")
    if found.page_url:
        url = html.escape(found.page_url, quote=True)
        notes.append(f'<a href="{url}" target="_blank" rel="noopener">Open the full evaluation</a>')
    yield f'<p class="verdict-foot">{" ".join(filter(None, notes))}</p>'


def _state(found: Evaluation) -> str:
    """What is wrong with another checkpoint does not colour the recommended one."""
    own = [one for one in found.findings if not found.best or one.checkpoint in ("", found.best)]
    if any(one.severity == "error" for one in own):
        return "error"
    return "warning" if own or not found.best else "good"


def _finding(finding: Finding) -> str:
    where = f" ({html.escape(finding.checkpoint)})" if finding.checkpoint else ""
    figures = ", ".join(f"{html.escape(label)} {value:.3g}" for label, value in finding.evidence)
    remedy = f"<p>What to change: {_words(finding.remedy)}</p>" if finding.remedy else ""
    shown = f'<p class="verdict-figures">{figures}</p>' if figures else ""
    return (
        f'<li class="{finding.severity}"><h4>{finding.severity.capitalize()}: {html.escape(finding.title)}{where}</h4>'
        f"<p>{_words(finding.text)}</p>{remedy}{shown}</li>"
    )


def _table(found: Evaluation) -> str:
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in (*found.checkpoints, "base"))
    rows = "".join(map(_row, found.metrics))
    table = f"<table><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="verdict-scroll">{table}</div>'


def _row(metric: Metric) -> str:
    unit = f" ({html.escape(metric.unit)})" if metric.unit else ""
    best = _best(metric)
    cells = "".join(
        f'<td class="top">{value:.2f}</td>'
        if number == best
        else f"<td>{'-' if value is None else f'{value:.2f}'}</td>"
        for number, value in enumerate(metric.values)
    )
    title = html.escape(metric.help, quote=True)
    return f'<tr><th scope="row" title="{title}">{html.escape(metric.label)}{unit}</th>{cells}</tr>'


def _best(metric: Metric) -> int | None:
    """Place of the checkpoint that is best in this row; None where they do not differ or none can be better."""
    values = [(number, value) for number, value in enumerate(metric.values[:-1]) if value is not None]
    key = {"higher": lambda value: -value, "lower": lambda value: value, "near_zero": abs}.get(metric.better)
    if key is None or len(values) < 2 or max(v for _, v in values) - min(v for _, v in values) < _PLAIN:
        return None
    return min(values, key=lambda one: key(one[1]))[0]


def _words(text: str) -> str:
    """Escaped, with what stands between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", html.escape(text))
