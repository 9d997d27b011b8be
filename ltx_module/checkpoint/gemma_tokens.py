"""Captions to Gemma's tokens: stripped, one BOS in front, no EOS, padded on the left to the text window."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ltx_module.checkpoint.errors import CheckpointError
from ltx_module.checkpoint.text import check_text_window

logger = logging.getLogger(__name__)
_SHOWN = 60


class GemmaTokenizer:
    """Tokenizes captions for the text encoder.

    Args:
        directory: A Gemma 3 directory.
        text_window: Tokens per caption, a multiple of 128; longer captions are cut at the end.

    Raises:
        CheckpointError: If the tokenizer cannot be read or lacks BOS or padding tokens.
        ValueError: If `text_window` is not a multiple of 128.
    """

    def __init__(self, directory: str | Path, text_window: int) -> None:
        from transformers import AutoTokenizer

        check_text_window(text_window)
        self.text_window = text_window
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(str(directory), local_files_only=True)
        except (OSError, ValueError, ImportError) as error:
            raise CheckpointError(
                f"The tokenizer in {directory} cannot be read: {error}. Download the Gemma directory again."
            ) from error
        self._bos, self._pad = self._tokenizer.bos_token_id, self._tokenizer.pad_token_id
        if self._bos is None or self._pad is None:
            raise CheckpointError(
                f"The tokenizer in {directory} has no BOS or no padding token, so it is not Gemma's: "
                "download the Gemma directory again."
            )

    def count(self, captions: Sequence[str]) -> list[int]:
        """Tokens of each caption before it is cut, BOS included."""
        return [len(ids) for ids in self._ids(captions)]

    def __call__(self, captions: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokenizes captions and logs a warning for each that is cut.

        Returns:
            Token ids and mask (1 for tokens), both int64 `(B, S)` with the padding on the left.
        """
        window = self.text_window
        ids = torch.full((len(captions), window), self._pad, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, (caption, tokens) in enumerate(zip(captions, self._ids(captions), strict=True)):
            if len(tokens) > window:
                logger.warning(
                    'The caption "%s..." has %d tokens: the last %d do not fit the text window of %d and are cut; '
                    "shorten it or raise `data.text_window`.",
                    caption.strip()[:_SHOWN],
                    len(tokens),
                    len(tokens) - window,
                    window,
                )
            kept = torch.tensor(tokens[:window], dtype=torch.int64)
            ids[row, window - len(kept) :] = kept
            mask[row, window - len(kept) :] = 1
        return ids, mask

    def _ids(self, captions: Sequence[str]) -> list[list[int]]:
        if not captions:
            return []
        # special tokens are added here: whether the tokenizer adds BOS depends on its config file
        plain = self._tokenizer([caption.strip() for caption in captions], add_special_tokens=False)["input_ids"]
        return [ids if ids and ids[0] == self._bos else [self._bos, *ids] for ids in plain]
