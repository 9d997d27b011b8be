"""The run over all clips: asks, writes each answer at once, and stops cleanly when it is cancelled.

Clips are looked at and asked about in threads when the model takes several questions at once; everything is written
by the main thread, one file after the other, so a stop leaves whole files and no more.
"""

import logging
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field

from tqdm.contrib.logging import logging_redirect_tqdm  # type: ignore[import-untyped]

from datamodules.captioning.cancelling import Cancelling
from datamodules.captioning.describe import Described, Naming, describe
from datamodules.captioning.memory import Memory
from datamodules.captioning.plan import Wanted
from datamodules.captioning.question import Asking, Captioner, CaptionerDownError
from datamodules.captioning.store import CaptionStore
from datamodules.progress import progress

logger = logging.getLogger(__name__)

_SHOWN_CHARACTERS = 160
_WAKE_SECONDS = 0.2  # a signal that another thread was handed is seen when the main thread wakes


@dataclass(kw_only=True)
class Outcome:
    """What came of a run."""

    written: int = 0
    """Captions."""
    failures: list[str] = field(default_factory=list)
    """Clips that got not all of their captions, with the reason."""
    is_cancelled: bool = False


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a run works with."""

    store: CaptionStore
    memory: Memory
    captioner: Captioner
    asking: Asking
    naming: Naming
    settings: str

    def run(self, wanted: Sequence[Wanted]) -> Outcome:
        """Caption the clips.

        Returns:
            What was written and what failed; an interrupt and a model that answers no more end it early.

        Raises:
            CaptionerDownError: If the model answers nothing before the first caption was written.
            OSError: If a caption cannot be written.
        """
        outcome, cancelling = Outcome(), Cancelling(self.captioner.close)
        try:
            with (
                cancelling,
                logging_redirect_tqdm([logging.getLogger("datamodules")]),
                progress("captioning", len(wanted), "clip", shown=True) as bar,
                closing(self._described(wanted)) as results,
            ):
                for entry, described in results:
                    self._write(entry, described, outcome)
                    bar.update()
                    if cancelling.is_cancelled:
                        break
        except CaptionerDownError as error:
            if not cancelling.is_cancelled:
                if not outcome.written:
                    raise
                outcome.failures.append(f"stopped: {error}")
        outcome.is_cancelled = cancelling.is_cancelled
        return outcome

    def _described(self, wanted: Sequence[Wanted]) -> Generator[tuple[Wanted, Described], None, None]:
        """Clips with their captions, in the order in which they are ready."""
        if self.captioner.concurrency == 1:
            for entry in wanted:
                yield entry, self._describe(entry)
            return
        pool = ThreadPoolExecutor(self.captioner.concurrency, thread_name_prefix="caption")
        try:
            futures: dict[Future[Described], Wanted] = {pool.submit(self._describe, entry): entry for entry in wanted}
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=_WAKE_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    yield futures[future], future.result()
        except BaseException:
            self.captioner.close()  # or the threads would wait for answers that nobody wants
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _describe(self, entry: Wanted) -> Described:
        try:
            return describe(
                self.captioner, self.asking, self.naming, entry.source, numbers=entry.numbers, known=entry.known
            )
        except CaptionerDownError:
            raise
        except (ValueError, OSError) as error:
            return Described(failure=str(error))

    def _write(self, entry: Wanted, described: Described, outcome: Outcome) -> None:
        source = entry.source
        for number, standing in zip(entry.numbers, entry.standing, strict=True):
            caption = described.captions.get(number)
            if caption is None:
                continue
            place = self.store.place(source, number)
            if self.store.content(source, number) != standing:
                outcome.failures.append(f"{place}: was edited meanwhile and is kept as it is")
                continue
            content = self.store.write(source, number, caption)
            self.memory.remember(self.store.key(source, number), content, self.settings)
            outcome.written += 1
            logger.info("%s: %s", place, _shortened(caption))
        if described.failure:
            name = source.name
            reason = described.failure.removeprefix(f"{source.media}: ")
            outcome.failures.append(f"{name}: {reason}")
            logger.warning("%s: %s", name, reason)


def _shortened(caption: str) -> str:
    return caption if len(caption) <= _SHOWN_CHARACTERS else caption[: _SHOWN_CHARACTERS - 3] + "..."
