"""pico's tokenizer: Gemma's kind of vocabulary, built from a word list, and its two files.

The vocabulary has Gemma's special tokens, the 256 byte tokens that unknown characters fall back to, printable ASCII,
and the prefixes of each listed word. Merges only ever lengthen a prefix, so a listed word is one token and any other
text splits into its longest known beginnings and letters.
"""

from typing import Any

_SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")
_IMAGE = ("<start_of_image>", "<end_of_image>", "<image_soft_token>")
_SPACE = "\u2581"  # how SentencePiece writes a space
_WORDS = """
navy teal stays middle face faces eye eyes smile smiling watercolour
a an and the of in on at to from with without over under behind beside between across into out around up down left
right is are it its two three four one many some each other then while as by for no not red orange yellow green blue
cyan purple violet magenta pink white black grey gray brown gold silver dark light bright pale warm cold colour
color colours colors plain soft deep circle square triangle star ring cross heart diamond hexagon ball box cube disc
line bar wave dot dots shape shapes small large big tiny huge thin thick round sharp moves moving move slides
sliding rotates rotating spins spinning bounces bouncing grows growing shrinks shrinking rises rising falls falling
drifts drifting swings swinging turns turning pulses pulsing jumps jumping still stands slowly quickly fast slow
steady steadily smoothly back forth upward downward leftward rightward clockwise background foreground scene frame
picture image video clip camera view close wide shot static pan pans panning zoom zooms zooming tilt tilts tracking
tone tones sound sounds noise beep beeps hum hums low high pitch quiet loud silence silent music note notes chord
click clicks rhythm voice style drawn painted sketch watercolor photo cartoon flat grain texture shadow glow outline
gradient striped dotted man woman person dog cat bird tree house car water sky sun moon fire day night street forest
sea mountain
"""


def build_vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Tokens with their ids, and merges in order of rank."""
    characters = [chr(code) for code in range(33, 127)]
    words = list(dict.fromkeys(_WORDS.split()))
    starts = [_SPACE + word for word in words] + [word.capitalize() for word in words]
    merges: list[tuple[str, str]] = []
    known: dict[str, None] = {}
    for text in starts:
        for length in range(2, len(text) + 1):
            if text[:length] not in known:
                known[text[:length]] = None
                merges.append((text[: length - 1], text[length - 1]))
    tokens = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), _SPACE, *characters, *known, *_IMAGE]
    return {token: number for number, token in enumerate(tokens)}, merges


def tokenizer_file(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> dict[str, Any]:
    """The content of `tokenizer.json`."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(token, vocabulary[token]) for token in (*_SPECIAL, *_IMAGE)],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "MergedWithPrevious",
            "invert": False,
        },
        "post_processor": _bos_in_front(vocabulary["<bos>"]),
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": [list(pair) for pair in merges],
        },
    }


def _bos_in_front(number: int) -> dict[str, Any]:
    def part(kind: str, name: str, sequence: int) -> dict[str, Any]:
        return {kind: {"id": name, "type_id": sequence}}

    first = [part("SpecialToken", "<bos>", 0), part("Sequence", "A", 0)]
    return {
        "type": "TemplateProcessing",
        "single": first,
        "pair": [*first, part("SpecialToken", "<bos>", 1), part("Sequence", "B", 1)],
        "special_tokens": {"<bos>": {"id": "<bos>", "ids": [number], "tokens": ["<bos>"]}},
    }


def _added(token: str, number: int) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": token, **flags}


def tokenizer_config_file(vocabulary: dict[str, int]) -> dict[str, Any]:
    """The content of `tokenizer_config.json`."""
    return {
        "tokenizer_class": "GemmaTokenizer",
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 10**30,
        "added_tokens_decoder": {
            str(vocabulary[token]): {key: value for key, value in _added(token, 0).items() if key != "id"}
            for token in (*_SPECIAL, *_IMAGE)
        },
    }
