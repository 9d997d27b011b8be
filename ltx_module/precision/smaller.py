"""What to set where a model did not fit as it was held and run."""

from ltx_module.precision.card import Card
from ltx_module.precision.choose import HOST_SHARE, Wanted, host_bytes, needed_bytes, usable
from ltx_module.precision.execution import Execution
from ltx_module.precision.memory_job import MemoryJob

_CLEARLY_LESS = 0.97  # of what did not fit


def smaller(
    wanted: Wanted, present: Execution | None, job: MemoryJob, card: Card | None, *, training: bool = True
) -> str | None:
    """The fastest way that should fit where the present one did not, as settings; None if there is none.

    Args:
        wanted: What the recipe says; whether it compiles stays as it is.
        present: How the model was held and run; None before that was settled.
        job: The largest step and sample.
        card: The card; None to look for what is smaller than the present way alone.
        training: Whether adapters are trained.
    """
    blocks = job.sizes.num_blocks
    present = present or wanted.settled(blocks)
    limit = _CLEARLY_LESS * needed_bytes(job, present, training=training)
    if card is not None:
        limit = min(limit, usable(card))
    anything = Wanted(
        dtype="auto" if present.dtype in ("bf16", "fp32") else present.dtype,
        gradient_checkpointing="auto",
        swap_blocks=0 if job.shards > 1 else "auto",
        compile=wanted.compile,
    )
    for way in anything.ways(blocks, card) if card is not None else [anything.settled(blocks, present.dtype)]:
        fits_host = card is None or host_bytes(job, way) <= HOST_SHARE * card.host_free
        if fits_host and needed_bytes(job, way, training=training) <= limit:
            return _as_settings(present, way, blocks)
    return None


def _as_settings(present: Execution, way: Execution, blocks: int) -> str:
    """What to write on the command line to come from one way to another."""
    words = []
    if way.dtype != present.dtype:
        words.append(f"--model.dtype {way.dtype}")
    if way.checkpointed_blocks != present.checkpointed_blocks:
        all_of_them = way.checkpointed_blocks == blocks
        words.append(f"--model.gradient_checkpointing {'true' if all_of_them else way.checkpointed_blocks}")
    if way.swap_blocks != present.swap_blocks:
        words.append(f"--model.swap_blocks {way.swap_blocks}")
    return " ".join(words)
