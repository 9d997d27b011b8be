"""What a dataset is examined for: the kind of recipe, its trigger and shapes, and what it takes beside clips."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from datamodules.doctor.kinds import KINDS, Kind
from datamodules.geometry import Bucket
from datamodules.needs import Needs, Streams

DEFAULT_TEXT_WINDOW = 1024
"""Tokens of a caption that the published model reads."""

_STREAMS: Mapping[Kind, Streams] = {"audio_video": "av"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the dataset is for."""

    kind: Kind | None = None
    """Kind of recipe; None where only what is true of any recipe is looked at."""
    trigger: str = ""
    """The word for what is learnt."""
    buckets: tuple[Bucket, ...] = ()
    """Training shapes; empty where they are not known."""
    fps: float = 24.0
    """Frames per second of training."""
    takes_head: bool = True
    """Whether only the beginning of a long clip is trained."""
    needs: Needs = field(default_factory=lambda: Needs(streams="video"))
    """What the recipe takes beside clips and captions."""
    streams_known: bool = False
    """Whether the recipe says if it trains sound; else the dataset's majority decides."""
    signals: frozenset[str] | None = None
    """Kinds of references that are trained; None for all there are."""
    white_is_given: bool = False
    """Whether white in a mask is what is kept, by `data.mask_white: keep`."""
    text_window: int = DEFAULT_TEXT_WINDOW
    """Tokens of a caption, the trigger included."""
    text_encoder: Path | None = None
    """Directory of the text encoder, whose tokenizer counts; None for an estimate."""

    @property
    def trains_sound(self) -> bool:
        """Whether sound is trained or given."""
        return self.streams_known and self.needs.streams != "video"

    def trained(self, signals: Iterable[str]) -> set[str]:
        """Those of a clip's signals that are trained."""
        return {signal for signal in signals if self.signals is None or signal in self.signals}


def wanted_by(
    recipe: str | None,
    dataset: Path | None = None,
    *,
    trigger: str | None = None,
    buckets: list[str] | None = None,
    fps: float | None = None,
) -> Wanted:
    """What a recipe wants.

    Args:
        recipe: A kind, a recipe's file or its name in recipes/, or None.
        dataset: The dataset, which may be one of several sets of the recipe and have a trigger of its own.
        trigger: In place of the recipe's.
        buckets: In place of the recipe's, as WIDTHxHEIGHTxFRAMES.
        fps: In place of the recipe's.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If it is neither, or the file is no recipe.
    """
    if recipe is not None and recipe not in KINDS and (own := Path("recipes", f"{recipe}.yaml")).is_file():
        recipe = str(own)
    if recipe is not None and recipe not in KINDS and Path(recipe).suffix not in (".yaml", ".yml"):
        raise ValueError(
            f"`--recipe` is {recipe!r}, but it is one of {', '.join(KINDS)}, the name of a recipe of recipes/,"
            " or a recipe's .yaml file."
        )
    content = _read_recipe(Path(recipe)) if recipe is not None and recipe not in KINDS else {}
    model, data = _section(content, "model"), _section(content, "data")
    kind = recipe if recipe in KINDS else kind_of(Path(recipe or "").stem, refers=_refers(model))
    shapes = buckets if buckets is not None else _texts(data.get("buckets"))
    rate = fps if fps is not None else data.get("fps", 24)
    if not isinstance(rate, int | float) or rate <= 0:
        raise ValueError(f"`data.fps` is {rate!r}, but it is frames per second: give a number above 0, such as 24.")
    encoder = model.get("text_encoder")
    return Wanted(
        kind=kind,
        trigger=trigger if trigger is not None else _trigger(data, dataset),
        buckets=tuple(Bucket.parse(text, f"data.buckets[{number}]") for number, text in enumerate(shapes)),
        fps=float(rate),
        takes_head=data.get("windows", "head") == "head",
        needs=_needs(kind, model),
        signals=None if data.get("signals") is None else frozenset(_texts(data.get("signals"))),
        white_is_given=data.get("mask_white") == "keep",
        streams_known=bool(model) or kind in _STREAMS,
        text_window=int(str(data.get("text_window", DEFAULT_TEXT_WINDOW))),
        text_encoder=Path(str(encoder)).expanduser() if encoder else None,
    )


def kind_of(recipe: str, *, refers: bool) -> Kind | None:
    """The kind of a recipe.

    Args:
        recipe: Its name: that of the kind, or one that begins with it, such as `style-short`.
        refers: Whether it takes references.
    """
    if refers:
        return "ic"
    return next((kind for kind in KINDS if recipe == kind or recipe.startswith(f"{kind}-")), None)


def _read_recipe(path: Path) -> Mapping[str, object]:
    if not path.is_file():
        raise FileNotFoundError(f"`--recipe` is {str(path)!r}, but there is no such file: give a recipe or a kind.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
        raise ValueError(f"{path} has no section `data`, so it is no recipe: give one of recipes/.")
    return content


def _section(content: Mapping[str, object], name: str) -> Mapping[str, object]:
    section = content.get(name)
    return section if isinstance(section, dict) else {}


def _texts(value: object) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list) else []


def _trigger(data: Mapping[str, object], dataset: Path | None) -> str:
    """The recipe's trigger, or that of the set."""
    sets = data.get("sets")
    for entry in sets if isinstance(sets, list) and dataset is not None else ():
        if isinstance(entry, dict) and entry.get("trigger") and dataset is not None:
            path = Path(str(entry.get("path"))).expanduser()
            if path.resolve() == dataset.expanduser().resolve():
                return str(entry["trigger"])
    return str(data.get("trigger") or "")


def _refers(model: Mapping[str, object]) -> bool:
    return any(name == "Reference" for name, _ in _conditions(model))


def _needs(kind: Kind | None, model: Mapping[str, object]) -> Needs:
    """The same needs as the recipe's conditions state, read without building a model."""
    modalities = {(name, options.get("modality", "video")) for name, options in _conditions(model)}
    streams = model.get("streams", "av") if model else _STREAMS.get(kind, "video") if kind else "video"
    return Needs(
        streams=streams if streams in ("av", "video", "audio") else "av",
        requires_sound=model.get("frozen") is not None or streams == "audio",
        video_reference=("Reference", "video") in modalities or (kind == "ic" and not model),
        audio_reference=("Reference", "audio") in modalities,
        video_mask=("Mask", "video") in modalities,
        audio_mask=("Mask", "audio") in modalities,
    )


def _conditions(model: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The conditions of a recipe: the class's name, and its options."""
    conditions = model.get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        if isinstance(condition, dict):
            options = condition.get("init_args")
            yield str(condition.get("class_path", "")).rpartition(".")[2], options if isinstance(options, dict) else {}
