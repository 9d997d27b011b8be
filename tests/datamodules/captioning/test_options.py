import pytest

from datamodules.__main__ import _spelt
from datamodules.captioning.command import caption


@pytest.mark.parametrize(
    ("words", "spelt"),
    [
        (["--dry-run", "clips"], ["--dry_run", "true", "clips"]),
        (["clips", "--sound"], ["clips", "--sound", "true"]),
        (["--sound", "false", "clips"], ["--sound", "false", "clips"]),
        (["--sound=false"], ["--sound=false"]),
        (["--max-side=40", "--max-new-tokens", "9"], ["--max_side=40", "--max_new_tokens", "9"]),
        (["my-clips", "--only", "a-b*"], ["my-clips", "--only", "a-b*"]),
    ],
)
def test_options_may_be_spelt_as_in_other_commands(words, spelt):
    assert _spelt(caption, words) == spelt
