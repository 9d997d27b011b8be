"""The few settings that most people change, as a form beside the text.

A field reads its value from the recipe and writes it back; what it does not know stays in the text alone. None stands
for a value that the form cannot show, such as several datasets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ui.recipes.document import RecipeDocument
from ui.recipes.prompts import lines_of, prompts_of, written_like

Kind = Literal["text", "whole", "number", "choices", "lines"]
_PERIODIC = ("callbacks.SampleVideos", "callbacks.SaveLoRA", "callbacks.SaveResumeState")


@dataclass(frozen=True, kw_only=True)
class Field:
    """A setting of the form."""

    name: str
    label: str
    help: str
    """One or two sentences for a beginner."""
    kind: Kind
    key: str
    """Where it stands in the recipe, for people who look for it there."""
    read: Callable[[RecipeDocument], Any]
    write: Callable[[RecipeDocument, Any], RecipeDocument]
    minimum: float | None = None
    maximum: float | None = None


def _at(key: str) -> tuple[Callable[[RecipeDocument], Any], Callable[[RecipeDocument, Any], RecipeDocument]]:
    """Reads and writes a single key."""
    return (lambda document: document.get(key)), (lambda document, value: document.set(key, value))


def _text_at(key: str) -> tuple[Callable[[RecipeDocument], Any], Callable[[RecipeDocument, Any], RecipeDocument]]:
    """Reads and writes a text; a missing one is empty, and stays missing while it is."""

    def write(document: RecipeDocument, value: Any) -> RecipeDocument:
        text = str(value or "").strip()
        return document if not text and not document.get(key) else document.set(key, text)

    return (lambda document: document.get(key) or ""), write


def _read_dataset(document: RecipeDocument) -> Any:
    return None if document.get("data.sets") else document.get("data.path") or ""


def _write_rank(document: RecipeDocument, value: Any) -> RecipeDocument:
    """A rank, and alpha in the proportion that the recipe has."""
    rank, alpha = document.get("model.lora.rank", 32), document.get("model.lora.alpha", 32.0)
    for name, number in (("rank", rank), ("alpha", alpha)):
        if not isinstance(number, int | float) or number <= 0:
            raise ValueError(f"`model.lora.{name}` is {number!r}, but it is a number above 0: 32, or the recipe's own.")
    document = document.set("model.lora.rank", int(value))
    new = float(alpha) * int(value) / float(rank)
    whole = round(new)
    exact = abs(new - whole) < 1e-9
    return document.set("model.lora.alpha", (float(whole) if isinstance(alpha, float) else whole) if exact else new)


def _read_dropout(document: RecipeDocument) -> Any:
    place = document.with_class("trainer.callbacks", "callbacks.DropCaptions")
    return None if place is None else document.get((*place, "init_args", "probability"), 0.05)


def _write_dropout(document: RecipeDocument, value: Any) -> RecipeDocument:
    place = document.with_class("trainer.callbacks", "callbacks.DropCaptions")
    return document if place is None else document.set((*place, "init_args", "probability"), float(value))


def _every(document: RecipeDocument, class_path: str) -> Any:
    """The period of a callback, None where there is no such callback."""
    place = document.with_class("trainer.callbacks", class_path)
    return None if place is None else document.get((*place, "init_args", "every_n_steps"), 250)


def _read_interval(document: RecipeDocument) -> Any:
    return _every(document, _PERIODIC[0])


def _write_interval(document: RecipeDocument, value: Any) -> RecipeDocument:
    """The period of the samples, and of what is saved as often, so that each sample has its LoRA file."""
    before = _every(document, _PERIODIC[0])
    for class_path in _PERIODIC:
        place = document.with_class("trainer.callbacks", class_path)
        if place is not None and _every(document, class_path) == before:
            document = document.set((*place, "init_args", "every_n_steps"), int(value))
    return document


def _read_buckets(document: RecipeDocument) -> Any:
    buckets = document.get("data.buckets")
    return [str(one) for one in buckets] if isinstance(buckets, list) else None


def _write_buckets(document: RecipeDocument, value: Any) -> RecipeDocument:
    return document.set("data.buckets", [str(one).strip() for one in value or [] if str(one).strip()])


def _write_prompts(document: RecipeDocument, value: Any) -> RecipeDocument:
    return document.set("sample.prompts", written_like(prompts_of(str(value or "")), document.get("sample.prompts")))


def _read_devices(document: RecipeDocument) -> Any:
    devices = document.get("trainer.devices")
    return devices if type(devices) is int and devices > 0 else 1


def _write_devices(document: RecipeDocument, value: Any) -> RecipeDocument:
    """A number of GPUs; what stands for one, such as `auto`, stays."""
    return document if value == _read_devices(document) else document.set("trainer.devices", int(value))


def _field(name: str, label: str, key: str, kind: Kind, text: str, **options: Any) -> Field:
    read, write = (_text_at if kind == "text" else _at)(key)
    settings = {"read": read, "write": write, **options}
    return Field(name=name, label=label, key=key, kind=kind, help=text, **settings)


FIELDS: tuple[Field, ...] = (
    _field(
        "dataset",
        "Dataset",
        "data.path",
        "text",
        "The folder or table of clips to learn from. The Dataset page makes and fills one.",
        read=_read_dataset,
    ),
    _field(
        "trigger",
        "Trigger word",
        "data.trigger",
        "text",
        "An invented word that calls up what was learnt, such as mia1. It is put in front of every caption that lacks"
        " it; leave it empty for a LoRA that does a task.",
    ),
    _field(
        "steps",
        "Steps",
        "trainer.max_steps",
        "whole",
        "How long it learns. More steps learn more until the LoRA only repeats its clips; samples on the way show when"
        " to stop.",
        minimum=1,
        maximum=100_000,
    ),
    _field(
        "rate",
        "Learning rate",
        "model.optimizer.init_args.lr",
        "number",
        "How big each step is. The recipe's rate is a good start; halve it if samples get garish or broken.",
        minimum=1e-8,
        maximum=0.1,
    ),
    _field(
        "rank",
        "Rank",
        "model.lora.rank",
        "whole",
        "How much the LoRA can hold; file and memory grow with it. 8 to 16 for a motion, 32 to 64 for a look or a"
        " person. Alpha keeps its proportion.",
        minimum=1,
        maximum=256,
        write=_write_rank,
    ),
    _field(
        "buckets",
        "Buckets",
        "data.buckets",
        "choices",
        "Shapes to train in: width x height x frames, or seconds of sound. Each clip goes to the nearest shape that it"
        " is long enough for; larger and longer ones take more memory and time.",
        read=_read_buckets,
        write=_write_buckets,
    ),
    _field(
        "prompts",
        "Sample prompts",
        "sample.prompts",
        "lines",
        "One a line. The same prompts are sampled as training goes on, so that you can watch it learn.",
        read=lambda document: lines_of(document.get("sample.prompts")),
        write=_write_prompts,
    ),
    _field(
        "interval",
        "Sample and save every",
        "callbacks.SampleVideos every_n_steps",
        "whole",
        "Steps between saved LoRAs, so that you can keep the best one. Samples are made at as many of them as fit into"
        " 5 % of the run's time (`sample.max_share`); the log says at which.",
        minimum=1,
        maximum=100_000,
        read=_read_interval,
        write=_write_interval,
    ),
    _field(
        "dropout",
        "Caption dropout",
        "callbacks.DropCaptions probability",
        "number",
        "Share of steps that see no caption, which guidance needs. 0.05 to 0.1 is usual.",
        minimum=0.0,
        maximum=1.0,
        read=_read_dropout,
        write=_write_dropout,
    ),
    _field(
        "validation",
        "Held out",
        "data.validation_fraction",
        "number",
        "Share of the clips kept out of training, to tell learning from memorising: 0.1 is a tenth. With few clips, 0"
        " uses all of them.",
        minimum=0.0,
        maximum=0.9,
        read=lambda document: document.get("data.validation_fraction", 0.0),
    ),
    _field(
        "seed",
        "Seed",
        "seed_everything",
        "whole",
        "Where all chance begins: the same seed repeats the same training.",
        minimum=0,
        maximum=4_294_967_295,
    ),
    _field(
        "devices",
        "GPUs",
        "trainer.devices",
        "whole",
        "How many GPUs share the work. The run waits in the queue until so many are free.",
        minimum=1,
        maximum=64,
        read=_read_devices,
        write=_write_devices,
    ),
)
BY_NAME = {field.name: field for field in FIELDS}


def form_values(document: RecipeDocument) -> dict[str, Any]:
    """The form's values of a recipe; None for what the form cannot show."""
    return {field.name: field.read(document) for field in FIELDS}


def with_field(document: RecipeDocument, name: str, value: Any) -> RecipeDocument:
    """The recipe with a setting of the form changed.

    Args:
        document: The recipe.
        name: Of the field.
        value: As the form gives it.

    Raises:
        ValueError: If it is no value for this field.
    """
    field = BY_NAME[name]
    if field.read(document) is None and field.kind in ("text", "lines", "choices"):
        return document
    return field.write(document, _checked(field, value))


def _checked(field: Field, value: Any) -> Any:
    """A value of the right type within the field's range.

    Raises:
        ValueError: If it is none.
    """
    if field.kind not in ("whole", "number"):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{field.label} is {value!r}, but it is a number: type one.") from None
    low, high = field.minimum, field.maximum
    if number != number or (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"{field.label} is {number:g}, but it lies between {low:g} and {high:g}.")
    if field.kind == "whole":
        if number != int(number):
            raise ValueError(f"{field.label} is {number:g}, but it is a whole number.")
        return int(number)
    return number
