"""Tools of the Dataset page: edits of many captions, captions by a model, references, scenes of films."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import gradio as gr

from ui.datasets import jobs
from ui.datasets.choices import read_trigger
from ui.datasets.dataset import Dataset, open_dataset
from ui.datasets.jobs import Captioning, Referencing
from ui.datasets.seen import Seen
from ui.jobs.job import Job
from ui.parts import notice as notices
from ui.parts.listen import on
from ui.parts.shared import Shared
from ui.tabs import dataset_edits
from ui.tabs.dataset_edits import Edits

_KINDS = [
    ("Nothing in particular", "general"),
    ("A style", "style"),
    ("A character", "character"),
    ("A motion", "motion"),
    ("Looks and voice", "audio_video"),
    ("Pairs with references", "ic"),
]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A form that starts a job."""

    given: list[Any]
    """Its fields."""
    button: gr.Button


@dataclass(frozen=True, kw_only=True)
class Tools:
    """The components of the tools."""

    edits: Edits
    captions: Tool
    references: Tool
    scenes: Tool
    notice: Any
    """Where it is said what happened."""


def layout(shared: Shared) -> Tools:
    """Lay the tools out, closed at first."""
    models = jobs.model_folders(shared.workspace)
    with gr.Accordion("Tools: captions, references, scenes", open=False):
        notice = notices.build()
        with gr.Tabs():
            with gr.Tab("Edit many captions"):
                edits = dataset_edits.layout()
            with gr.Tab("Have captions written"):
                captions = _lay_captions(models)
            with gr.Tab("Make references"):
                references = _lay_references(models)
            with gr.Tab("Split a film"):
                scenes = _lay_scenes()
    return Tools(edits=edits, captions=captions, references=references, scenes=scenes, notice=notice)


def bind(shared: Shared, tools: Tools, *, seen: Seen, grid: Any, jobs_part: Any) -> None:
    """Wire the tools.

    Args:
        shared: What the pages share.
        tools: The components.
        seen: What was read of files.
        grid: The grid of clips, which is refreshed.
        jobs_part: The list of jobs, which is refreshed.
    """
    workspace, runner = shared.workspace, shared.runner
    dataset_edits.bind(seen, tools.edits, dataset=shared.dataset, grid=grid, notice=tools.notice)

    def captions(dataset: Dataset, *given: Any) -> Job:
        kind, subject, model, endpoint, language, replaces, with_sound = given
        how = Captioning(
            kind=kind, subject=subject, model=model or "", endpoint=endpoint, language=language,
            trigger=read_trigger(dataset), overwrite="own" if replaces else "none", with_sound=with_sound,
        )  # fmt: skip
        return jobs.write_captions(runner, dataset, how)

    def references(dataset: Dataset, signal: Any, side: float | None, *models: str | None) -> Job:
        model, detector = (one or "" for one in models)
        how = Referencing(signal=signal, short_side=int(side) if side else None, model=model, detector=detector)
        return jobs.make_references(runner, dataset, how)

    def scenes(dataset: Dataset, source: str, shortest: float | None, longest: float | None) -> Job:
        return jobs.split_scenes(runner, dataset, source, shortest=shortest or 0.0, longest=longest or 0.0)

    def starting(start: Callable[..., Job]) -> Callable[..., dict[str, Any]]:
        def started(text: str, *given: Any) -> dict[str, Any]:
            dataset = open_dataset(workspace, text)
            return {"dataset": dataset.shown, "stamp": start(dataset, *given).id}

        return started

    for tool, start in ((tools.captions, captions), (tools.references, references), (tools.scenes, scenes)):
        inputs = [shared.dataset, *tool.given]
        on(tool.button.click, starting(start), inputs, [jobs_part], notice=tools.notice, queue=False)


def _lay_captions(models: list[str]) -> Tool:
    with gr.Row():
        given = [
            gr.Dropdown(_KINDS, value="general", label="What the clips teach", info="Captions leave it unnamed."),
            gr.Textbox(label="Subject", info="What the trigger is, such as woman.", max_lines=1),
            _models(models, "Model", "Its folder below models/."),
            gr.Textbox(label="Or a server", info="Such as http://127.0.0.1:8000/v1.", max_lines=1),
        ]
    with gr.Row():
        given += [
            gr.Textbox("English", label="Language", max_lines=1),
            gr.Checkbox(False, label="Also replace what this tool wrote and nobody edited"),
            gr.Checkbox(False, label="The server hears the sound"),
        ]
    return Tool(given=given, button=gr.Button("Write the missing captions", size="md", variant="primary"))


def _lay_references(models: list[str]) -> Tool:
    with gr.Row():
        given = [
            gr.Dropdown(list(get_args(jobs.SignalName)), value="canny", label="Kind", info="What they show."),
            gr.Number(0, label="Shorter side", info="Pixels; 0 keeps the clip's.", precision=0),
            _models(models, "Model", "Depth and pose need one."),
            _models(models, "Detector of persons", "For pose; optional."),
        ]
    return Tool(given=given, button=gr.Button("Make the missing references", size="md", variant="primary"))


def _lay_scenes() -> Tool:
    with gr.Row():
        given = [
            gr.Textbox(label="Film", info="A video, or a folder of videos, below datasets/.", max_lines=1, scale=3),
            gr.Number(1.0, label="Shortest scene", info="Seconds."),
            gr.Number(10.0, label="Longest scene", info="Seconds."),
        ]
    return Tool(given=given, button=gr.Button("Split into clips of this dataset", size="md", variant="primary"))


def _models(models: list[str], label: str, info: str) -> gr.Dropdown:
    return gr.Dropdown(models, value=None, label=label, info=info, allow_custom_value=True)
