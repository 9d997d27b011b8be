"""Seeds derived from what a draw belongs to, so that neither previews nor a resume can shift it."""

from hashlib import blake2b


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed that depends on every part and on nothing else.

    Args:
        parts: What the draw belongs to, such as the recipe's seed, a purpose, the step and the rank.
    """
    digest = blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def batch_seed(seed: int, purpose: str, index: int, rank: int, world_size: int) -> int:
    """Seed of a draw for a training batch: N ranks draw what one process draws that takes their batches in turn.

    Args:
        seed: The recipe's.
        purpose: What is drawn.
        index: Number of the batch on its rank.
        rank: The rank.
        world_size: Number of ranks.
    """
    return derive_seed(seed, purpose, index * world_size + rank, 0)
