import re
from pathlib import Path

from datamodules.captioning.template import KINDS

_DOCS = Path(__file__).parents[3] / "docs" / "captions.md"


def test_every_kind_and_every_option_of_the_page_exists():
    import inspect

    from datamodules.captioning.command import caption

    text = _DOCS.read_text()
    options = {f"--{name.replace('_', '-')}" for name in inspect.signature(caption).parameters}
    foreign = {"--max-model-len"}  # of vLLM
    assert set(re.findall(r"--[a-z][a-z-]+", text)) - foreign <= options
    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []
