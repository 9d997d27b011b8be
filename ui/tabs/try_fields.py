"""The fields of the page Try it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.tries.needs import MEDIA_KEYS
from ui.tries.page import FIELDS, LORA_FIELDS, Properties
from ui.tries.settings import PRESETS


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The components, by the names of `FIELDS`."""

    by_name: Mapping[str, Any]
    buttons: Mapping[str, Any]
    """Upload buttons by the key of the medium."""
    rows: Mapping[str, Any]
    """Rows of the media by their key, hidden until a recipe takes it."""
    more_loras: Any
    """Holds the second and third place for LoRAs."""
    random: Any
    """Button for another seed."""

    def __getitem__(self, name: str) -> Any:
        return self.by_name[name]

    @property
    def all(self) -> list[Any]:
        """The components in the order of `FIELDS`."""
        return [self.by_name[name] for name in FIELDS]

    @property
    def loras(self) -> list[Any]:
        """The places for LoRA files."""
        return [self.by_name[file] for file, _ in LORA_FIELDS]

    @property
    def folds(self) -> list[Any]:
        """What is opened or shown with the fields: the rows of media, and the further LoRAs."""
        return [*self.rows.values(), self.more_loras]


def updates(shown: Mapping[str, Properties]) -> list[Any]:
    """Properties by name as values of `Fields.all`."""
    return [gr.update(**shown[name]) if name in shown else gr.skip() for name in FIELDS]


def build_fields() -> Fields:
    """Build the fields, from what is changed most to what is changed seldom.

    Numbers have no bounds here: `TrySettings` refuses what is beyond them in words, where Gradio would say nothing.
    """
    made: dict[str, Any] = {}
    made["prompt"] = gr.Textbox(label="Prompt", lines=3, max_lines=8, elem_id="try-prompt")
    _build_lora(made, 0)
    with gr.Accordion("More LoRAs", open=False) as more_loras:
        for number in range(1, len(LORA_FIELDS)):
            _build_lora(made, number)
    rows, buttons = _build_media(made)
    with gr.Row():
        made["size"] = _choice("Width x height", scale=2, min_width=140, elem_id="try-size")
        made["seed"] = gr.Number(42, label="Seed", scale=1, min_width=100)
        random = gr.Button("Another seed", size="sm", scale=0, min_width=110, elem_classes=["try-beside"])
    made["frames"] = gr.Slider(1, 257, value=49, step=8, label="Frames")
    made["seconds"] = gr.Number(4.0, label="Seconds", visible=False)
    presets = [(text, name) for name, text in PRESETS.items()]
    made["preset"] = gr.Dropdown(presets, value="quality", label="How")
    made["without_lora"] = gr.Checkbox(True, label="Also without the LoRAs, side by side")
    made["distilled_lora"] = _choice("Distilled LoRA file", info="“Fast” needs it on the dev model.", visible=False)
    with gr.Accordion("More settings", open=False):
        _build_more(made)
    return Fields(by_name=made, buttons=buttons, rows=rows, more_loras=more_loras, random=random)


def _build_lora(made: dict[str, Any], number: int) -> None:
    """A place for a LoRA with its strength."""
    file, strength = LORA_FIELDS[number]
    with gr.Row():
        label = "LoRA" if number == 0 else f"LoRA {number + 1}"
        made[file] = _choice(label, choices=[("none", "")], value="", scale=3)
        made[strength] = gr.Number(1.0, label="Strength", step=0.05, scale=1, min_width=90)


def _build_media(made: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Places for media, hidden until a recipe takes them; the rows, and the upload buttons in them."""
    rows, buttons = {}, {}
    for key, medium in MEDIA_KEYS.items():
        with gr.Row(visible=False) as rows[key]:
            made[key] = _choice(medium.label, scale=3)
            buttons[key] = gr.UploadButton(
                "Upload",
                file_types=list(medium.suffixes),
                size="sm",
                scale=0,
                min_width=80,
                elem_classes=["try-beside"],
            )
    return rows, buttons


def _build_more(made: dict[str, Any]) -> None:
    """What is changed seldom."""
    made["negative_prompt"] = gr.Textbox(label="Negative prompt", lines=2, info="What guidance steers away from.")
    made["steps"] = gr.Number(0, label="Sampling steps", info="0: as the preset has it.")
    made["image_strength"] = _share("Strength of the picture", "How strictly a given first frame is kept.")
    made["attention_strength"] = _share("Strength of the reference", "Lower it when a try clings to its reference.")
    made["show_reference"] = gr.Checkbox(False, label="Show the reference on the left of the video", visible=False)


def _share(label: str, info: str) -> gr.Slider:
    """A number from 0 to 1, hidden until a recipe has a use for it."""
    return gr.Slider(0, 1, value=1, step=0.05, label=label, info=info, visible=False)


def _choice(label: str, **options: Any) -> gr.Dropdown:
    """A list in which something else may be typed."""
    return gr.Dropdown(**{"choices": [], "label": label, "allow_custom_value": True, "min_width": 160, **options})
