"""The preview of an edit of many captions, as HTML with every text escaped."""

import html

from ui.datasets.caption_edits import Preview


def preview_markup(found: Preview) -> str:
    """A line on how many captions change, and the first of them before and after."""
    number = len(found.changes)
    if not number:
        return '<p class="ce-none">No caption would change.</p>'
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(one.name)}</th><td>{html.escape(one.before)}</td>"
        f"<td>{html.escape(one.after)}</td></tr>"
        for one in found.examples
    )
    more = f"<p>and {number - len(found.examples)} more</p>" if number > len(found.examples) else ""
    count = f"{number} caption{'s' * (number != 1)} would change"
    return (
        f'<div class="ce"><p><strong>{count}</strong></p><table><thead><tr><th>Clip</th><th>Now</th><th>Then</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>{more}</div>"
    )
