"""The tools that prepare a dataset, started as jobs: the doctor, references, captions, scenes and the drawn example."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from datamodules.captioning.endpoint_address import parse_address
from datamodules.manifest.clip import VIDEO_SUFFIXES
from ui.datasets.dataset import Dataset
from ui.datasets.health import report_path
from ui.datasets.library import free_name
from ui.datasets.listing import list_clips
from ui.datasets.purpose import purpose_of
from ui.jobs.job import Job
from ui.jobs.runner import Runner
from ui.workspace import Workspace, safe_name

CaptionKind = Literal["general", "style", "character", "motion", "audio_video", "ic"]
Overwrite = Literal["none", "own"]
SignalName = Literal["canny", "blur", "downscale", "depth", "pose"]

_LONGEST_WORD = 200
_FILMS = (*VIDEO_SUFFIXES, ".avi", ".wmv", ".flv", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".3gp")
_EXAMPLE = ("--concept", "style", "--clips", "12", "--stills", "0", "--frames", "25")


@dataclass(frozen=True, kw_only=True)
class Captioning:
    """How captions are to be written."""

    kind: CaptionKind = "general"
    """What the clips teach."""
    model: str = ""
    """Directory of a vision-language model; its name where there is an endpoint."""
    endpoint: str = ""
    """Address of a server that the pictures are sent to."""
    trigger: str = ""
    """Put in front of each caption."""
    subject: str = ""
    """What the trigger is, such as woman."""
    language: str = "English"
    overwrite: Overwrite = "none"
    """Which captions are written anew: none, or those that the tool wrote and nobody edited."""
    with_sound: bool = False
    """Whether the model hears the clips; behind an endpoint only."""


@dataclass(frozen=True, kw_only=True)
class Referencing:
    """How references are to be made."""

    signal: SignalName = "canny"
    short_side: int | None = None
    """Pixels, even; None keeps the clip's."""
    model: str = ""
    """Directory of the model of depth and pose."""
    detector: str = ""
    """Directory of the detector of persons, for pose."""


def examine(runner: Runner, dataset: Dataset, *, recipe: str = "", trigger: str = "", mended: str = "") -> Job:
    """Have the doctor look at a dataset.

    Args:
        runner: Starts it.
        dataset: The dataset.
        recipe: What it is meant for, one of `recipe_names`.
        trigger: The trigger word.
        mended: Name of a new dataset, a copy in which what can be mended safely is mended; empty for none.

    Raises:
        ValueError: If the dataset leads out of its folder, or a name is taken or not safe.
    """
    list_clips(dataset).require_contained()
    dataset.state.mkdir(parents=True, exist_ok=True)
    words = ["-m", "datamodules", "doctor", dataset.shown, "--json", str(report_path(dataset))]
    purpose = purpose_of(dataset.workspace, recipe)
    words += ["--recipe", str(purpose.recipe)]
    if purpose.is_fitted:  # as the grid shows the clips
        words += ["--buckets", ",".join(map(str, purpose.buckets)), "--fps", f"{purpose.fps:g}"]
    words += _option("--trigger", trigger)
    title = f"Check {dataset.shown}"
    if mended:
        words += ["--fix", dataset.workspace.shown(_new(dataset.workspace, mended))]
        title = f"Mend {dataset.shown} as {mended.strip()}"
    return runner.submit("doctor", title, words, subject=dataset.shown, unique=f"doctor:{dataset.shown}")


def write_captions(runner: Runner, dataset: Dataset, how: Captioning) -> Job:
    """Have a model write the captions that are missing.

    Raises:
        ValueError: If neither a model nor an endpoint is given, or one of them is not where it may be.
    """
    list_clips(dataset).require_contained()
    _require(how.kind, get_args(CaptionKind), "kind")
    _require(how.overwrite, get_args(Overwrite), "captions to write anew")
    words = ["-m", "datamodules", "caption", dataset.shown, "--kind", how.kind]
    if how.endpoint.strip():
        words += ["--endpoint", str(parse_address(how.endpoint)), *_option("--model", how.model)]
        words += ["--sound"] if how.with_sound else []
    elif how.model.strip():
        words += ["--model", _model(dataset.workspace, how.model)]
    else:
        raise ValueError(
            "No model is given: choose the folder of a vision-language model below models/, or give the address of a "
            "server such as http://127.0.0.1:8000/v1. Captions can also be typed below each clip."
        )
    words += _option("--trigger", how.trigger) + _option("--subject", how.subject) + _option("--language", how.language)
    words += ["--overwrite", how.overwrite]
    if dataset.is_manifest:
        words += ["--out", dataset.workspace.shown(_beside(dataset, "captioned"))]
    devices = 0 if how.endpoint.strip() else 1
    title = f"Write captions of {dataset.shown}"
    return runner.submit(
        "caption", title, words, subject=dataset.shown, devices=devices, unique=f"caption:{dataset.shown}"
    )


def make_references(runner: Runner, dataset: Dataset, how: Referencing) -> Job:
    """Have reference videos made for the clips that lack them.

    Raises:
        ValueError: If an option does not fit, or a model is missing or elsewhere.
    """
    list_clips(dataset).require_contained()
    _require(how.signal, get_args(SignalName), "kind of reference")
    words = ["-m", "datamodules", "references", dataset.shown, "--signal", how.signal]
    takes_model = how.signal in ("depth", "pose")
    if takes_model:
        if not how.model.strip():
            raise ValueError(f"References of {how.signal} need a model: choose its folder below models/.")
        words += ["--model", _model(dataset.workspace, how.model)]
    if how.signal == "pose" and how.detector.strip():
        words += ["--detector", _model(dataset.workspace, how.detector)]
    if how.short_side is not None:
        if how.short_side < 32 or how.short_side % 2:
            raise ValueError(f"The shorter side is {how.short_side}, but it is an even number of pixels, 32 or more.")
        words += ["--short_side", str(how.short_side)]
    if dataset.is_manifest:
        words += ["--write_manifest", dataset.workspace.shown(_beside(dataset, how.signal))]
    title = f"Make {how.signal} references of {dataset.shown}"
    return runner.submit(
        "references",
        title,
        words,
        subject=dataset.shown,
        devices=1 if takes_model else 0,
        unique=f"references:{dataset.shown}",
    )


def split_scenes(runner: Runner, dataset: Dataset, source: str, *, shortest: float = 1.0, longest: float = 10.0) -> Job:
    """Have a film, or a folder of films, split at its shot cuts into the clips of a dataset.

    Args:
        runner: Starts it.
        dataset: The folder that gets the clips.
        source: A video or a folder below the dataset folders.
        shortest: Seconds of the shortest scene.
        longest: Seconds of the longest.

    Raises:
        ValueError: If the source is elsewhere or no video, or the lengths contradict each other.
    """
    if dataset.is_manifest:
        raise ValueError(f"{dataset.shown} is a manifest: choose a folder for the scenes.")
    path = dataset.workspace.inside(source, "datasets")
    if not path.exists():
        raise FileNotFoundError(f"There is no {dataset.workspace.shown(path)}: give a video or a folder of videos.")
    if path.is_file() and path.suffix.lower() not in _FILMS:
        raise ValueError(f"{dataset.workspace.shown(path)} is no video: give a film, or a folder of films.")
    if path.is_dir():
        list_clips(Dataset(workspace=dataset.workspace, path=path)).require_contained()
    if not 0 < shortest <= longest / 2:
        raise ValueError(
            f"Scenes are {shortest:g} to {longest:g} s long, but the longest is at least twice the shortest."
        )
    words = ["-m", "datamodules", "scenes", dataset.workspace.shown(path), "--out", dataset.shown]
    words += ["--min", f"{shortest:g}", "--max", f"{longest:g}"]
    title = f"Split {path.name} into scenes"
    return runner.submit("scenes", title, words, subject=dataset.shown, unique=f"scenes:{dataset.shown}")


def draw_example(runner: Runner, workspace: Workspace) -> tuple[Job, str]:
    """Have twelve small clips drawn, for those without clips of their own; the embedded pico model learns from them.

    Returns:
        The job, and the dataset as a recipe writes it.
    """
    folder = workspace.datasets[0] / free_name(workspace, "example")
    folder.mkdir(parents=True)
    shown = workspace.shown(folder)
    words = ["-m", "datamodules.world", shown, *_EXAMPLE]
    return runner.submit("draw", f"Draw {shown}", words, subject=shown, unique=f"draw:{shown}"), shown


def model_folders(workspace: Workspace) -> list[str]:
    """Folders below the model folders that hold a model as transformers saves it."""
    configs = (
        config for folder in workspace.models if folder.is_dir() for config in sorted(folder.glob("*/config.json"))
    )
    return [workspace.shown(config.parent) for config in configs]


def _new(workspace: Workspace, name: str) -> Path:
    """The folder of a dataset that is not there yet."""
    path = workspace.inside(workspace.datasets[0] / safe_name(name, "dataset"), "datasets")
    if path.exists():
        raise ValueError(f"There is a dataset {workspace.shown(path)} already: take another name for the mended copy.")
    return path


def _beside(dataset: Dataset, what: str) -> Path:
    """A manifest beside another one, for what a tool adds to its rows."""
    return dataset.path.with_name(f"{dataset.path.stem}-{what}{dataset.path.suffix}")


def _model(workspace: Workspace, text: str) -> str:
    path = workspace.inside(text.strip(), "models")
    if not path.is_dir():
        raise FileNotFoundError(f"There is no model folder {workspace.shown(path)}: put the model there first.")
    return workspace.shown(path)


def _option(name: str, value: str) -> list[str]:
    """An option with its value in one word, so that a value that begins with a dash is no option itself."""
    value = value.strip()
    if len(value) > _LONGEST_WORD or not (value.isprintable()):
        raise ValueError(f"`{name}` is {value[:60]!r}, but it is one line of at most {_LONGEST_WORD} characters.")
    return [f"{name}={value}"] if value else []


def _require(value: str, choices: Sequence[str], what: str) -> None:
    if value not in choices:
        raise ValueError(f"The {what} is {value!r}, but it is one of {', '.join(choices)}.")
