"""What one browser tab keeps of the recipe page beside the text: what the recipe began with, as a line of JSON."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from ui.recipes.base import MODELS, PROFILES, Start
from ui.recipes.document import RecipeDocument

_LONGEST = 600_000


@dataclass(frozen=True, kw_only=True)
class Session:
    """What the recipe page works on."""

    start: Start = field(default_factory=lambda: Start(text="", name=""))
    card: str = ""
    """Card that was chosen; empty for a run's recipe."""
    source: str = ""
    """Where the text came from, in words."""
    loaded: str = ""
    """Fingerprint of one's own recipe when it was loaded or saved."""
    pending: str = ""
    """Fingerprint of the text whose training begins when its check passes; empty for none."""
    pending_run: str = ""
    """Name of the run that begins then."""

    @property
    def is_empty(self) -> bool:
        """Whether no recipe is chosen."""
        return not self.start.text

    def dumped(self) -> str:
        """The session as the browser keeps it."""
        return json.dumps(dataclasses.asdict(self))

    def starting(self, **choices: Any) -> "Session":
        """The session with other choices."""
        return dataclasses.replace(self, start=dataclasses.replace(self.start, **choices))

    @classmethod
    def read(cls, text: str) -> "Session":
        """The session that a browser kept; an empty one where it is none.

        Args:
            text: As `dumped` gave it, or whatever a browser sends.
        """
        try:
            values = json.loads(text) if len(text) < _LONGEST else {}
            start = Start(**values.pop("start"))
            session = cls(start=start, **values)
            RecipeDocument(start.text).root  # noqa: B018 - refuses what is no recipe
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()
        texts = (start.text, start.name, start.dataset, start.trigger, *(session.card, session.source, session.loaded))
        known = (start.model is None or start.model in MODELS) and start.profile in PROFILES
        return session if known and all(isinstance(one, str) for one in texts) else cls()
