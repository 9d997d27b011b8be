"""A job: one command that the page starts, and what is known of it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ui.runs.failures import Failure

Verb = Literal["fit", "check", "preprocess", "sample", "evaluate", "export"]
Tool = Literal["doctor", "references", "caption", "scenes", "draw"]
Kind = Verb | Tool
State = Literal["queued", "running", "finished", "failed", "stopped", "lost"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be run; never changes once it is submitted."""

    id: str
    """Name of its directory; sorts by the time of submission."""
    kind: Kind
    title: str
    """One line for people."""
    words: tuple[str, ...]
    """The command after `python`, such as `("-m", "ltx_module", "fit", "--config", "recipes/style.yaml")`."""
    subject: str = ""
    """The dataset or run that it is about, as a recipe writes it."""
    run: str | None = None
    """Name of the run that it writes to."""
    devices: int = 0
    """GPUs that it waits for; 0 starts at once."""
    created: float = 0.0
    """Seconds since the epoch."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables beside those of the server."""
    unique: str = ""
    """Key of which one job at most is queued or running; empty for none."""

    @property
    def command(self) -> str:
        """The command as a person would type it."""
        return shlex.join(("python", *self.words))


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job at a moment."""

    job: Job
    state: State
    position: int | None = None
    """Place in the queue, from 1; None unless it is queued."""
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    """Negative: the signal that ended it."""
    gpus: tuple[int, ...] = ()
    stopping: bool = False
    """Whether somebody has asked it to stop and it has not ended yet."""
    error: Failure | None = None
    """Why it failed, and what to do."""

    @property
    def command(self) -> str:
        """The command as a person would type it."""
        return self.job.command

    @property
    def active(self) -> bool:
        """Whether it is queued or running."""
        return self.state in ("queued", "running")
