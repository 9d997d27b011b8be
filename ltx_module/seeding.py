"""Seeds derived from what a draw belongs to, so that neither previews nor a resume can shift it."""

from hashlib import blake2b


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed that depends on every part and on nothing else.

    Args:
        parts: What the draw belongs to, such as the recipe's seed, a purpose, the step and the rank.
    """
    digest = blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
