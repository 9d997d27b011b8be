"""How many tokens a caption has: counted by the text encoder's tokenizer if it is there, else estimated from above."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from datamodules.doctor.wording import words

TOKENS_PER_WORD = 1.5
"""Of an English text, rounded up from the 1.3 that are usual: rather warn too early."""
_LONGEST_PIECE = 3.5  # letters of a token in text of unusual words
_TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class TokenCounter:
    """Counts tokens."""

    count: Callable[[str], int]
    """Tokens of a text, with the one that begins it."""
    is_exact: bool
    """Whether the text encoder's own tokenizer counts."""


def token_counter(text_encoder: Path | None) -> TokenCounter:
    """The best counter there is, without torch.

    Args:
        text_encoder: The text encoder's directory, which may be missing.
    """
    file = text_encoder / _TOKENIZER_FILE if text_encoder is not None else None
    if file is None or not file.is_file():
        return TokenCounter(count=estimated_tokens, is_exact=False)
    try:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(file))
    except Exception:  # the library raises plain Exception for a file it cannot read
        return TokenCounter(count=estimated_tokens, is_exact=False)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return TokenCounter(count=lambda text: len(tokenizer.encode(text).ids), is_exact=True)


def estimated_tokens(text: str) -> int:
    """Tokens of a text, estimated high: by its words, or by its characters where words are long."""
    return 1 + math.ceil(max(TOKENS_PER_WORD * len(words(text)), len(text) / (2 * _LONGEST_PIECE)))
