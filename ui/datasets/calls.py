"""What the parts of the dataset page ask the server for: a page of clips, a caption kept, an upload taken, jobs.

Requests are JSON objects as a browser sends them, so that every value is looked at here. Errors go back as `error`, a
sentence for the place where the request came from.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ui.datasets.captions import save_caption
from ui.datasets.choices import read_recipe, read_trigger
from ui.datasets.clips import PER_PAGE, Judgement, Query, Show, clip_page
from ui.datasets.dataset import Dataset, open_dataset
from ui.datasets.health import read_health
from ui.datasets.health_card import health_card
from ui.datasets.job_cards import KINDS, job_cards
from ui.datasets.listing import list_clips
from ui.datasets.purpose import Purpose, purpose_of
from ui.datasets.seen import Seen
from ui.datasets.uploads import Upload, receive
from ui.jobs.runner import Runner
from ui.workspace import Workspace

Request = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Answers the page's parts."""

    workspace: Workspace
    runner: Runner
    seen: Seen

    def clips(self, request: Request) -> Answer:
        """A page of clips."""
        dataset = self._dataset(request)
        shows: tuple[Show, ...] = get_args(Show)
        show: Show = next((one for one in shows if one == request.get("show")), "all")
        query = Query(
            page=_number(request, "page", 1),
            per_page=_number(request, "per_page", PER_PAGE),
            search=_text(request, "search"),
            show=show,
        )
        judgement = Judgement(
            purpose=self._purpose(dataset), trigger=read_trigger(dataset), health=read_health(dataset)
        )
        return clip_page(list_clips(dataset), self.seen, query, judgement)

    def save_caption(self, request: Request) -> Answer:
        """Keep a caption, or say what stands there instead."""
        saved = save_caption(
            self._dataset(request),
            _text(request, "key"),
            _text(request, "text"),
            shown=_text(request, "shown"),
            number=_number(request, "number", 1),
        )
        return {"saved": saved.is_saved, "standing": saved.standing}

    def take_upload(self, request: Request) -> Answer:
        """Take one uploaded file into the dataset; the upload itself is gone then."""
        path = self._uploaded(_text(request, "path"))
        try:
            received = receive(self._dataset(request), [Upload(path=path, name=_text(request, "name"))])
        finally:
            path.unlink(missing_ok=True)
            if path.parent != self._uploads:
                with contextlib.suppress(OSError):  # another upload of the same content lies there too
                    path.parent.rmdir()
        return {"received": [{"name": one.name, "fate": one.fate, "reason": one.reason} for one in received]}

    def health(self, request: Request) -> Answer:
        """What is known of the dataset as a whole."""
        return health_card(self._dataset(request))

    def jobs(self, request: Request) -> Answer:
        """The last jobs of a dataset."""
        return {"jobs": job_cards(self.runner, _text(request, "dataset"))}

    def stop_job(self, request: Request) -> Answer:
        """Stop one of them."""
        job_id = _text(request, "id")
        if self.runner.view(job_id).job.kind not in KINDS:
            raise ValueError("This job is none of a dataset: stop it on the Train page.")
        self.runner.stop(job_id)
        return {}

    @property
    def _uploads(self) -> Path:
        return (self.workspace.state / "uploads").resolve()

    def _uploaded(self, text: str) -> Path:
        """A file that was uploaded.

        Raises:
            ValueError: If it lies elsewhere or is gone.
        """
        path = Path(text)
        if "\0" in text or not path.is_absolute() or path.is_symlink() or path.resolve() != path:
            raise ValueError("This names no upload.")
        if not path.is_relative_to(self._uploads) or not path.is_file():
            raise ValueError("The upload is not there any more: send the file again.")
        return path

    def _dataset(self, request: Request) -> Dataset:
        return open_dataset(self.workspace, _text(request, "dataset"))

    def _purpose(self, dataset: Dataset) -> Purpose:
        """The recipe that was chosen, or the usual one if it is gone."""
        try:
            return purpose_of(self.workspace, read_recipe(dataset))
        except (ValueError, OSError):
            return purpose_of(self.workspace, "")


def server_function(name: str, method: Callable[[Request], Answer]) -> Callable[[Any], Answer]:
    """A function for the JavaScript of a part, under a name of its own; its errors are answers."""

    def answer(data: Any) -> Answer:
        try:
            if not isinstance(data, dict):
                raise ValueError("The request is no object: reload the page.")
            return method(data)
        except (ValueError, OSError) as error:
            return {"error": str(error)}

    answer.__name__ = name
    return answer


def _text(request: Request, key: str) -> str:
    value = request.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"`{key}` is no text: reload the page.")
    return value


def _number(request: Request, key: str, default: int) -> int:
    value = request.get(key, default)
    return value if isinstance(value, int) and abs(value) < 10**9 else default
