"""The model card of an export: Markdown with a front matter as model hubs read it, all of it from the run's files.

The page shows it as text to be edited; it is saved into the package beside copies of the samples that it names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ui.packages.card_facts import CardFacts, Sample
from ui.packages.markdown import escaped, front_matter, one_line, table

LICENCE_NAME = "ltx-2-community-license-agreement"
LICENCE_LINK = "https://github.com/Lightricks/LTX-2/blob/main/LICENSE-2"
BASE_ON_HUB = "Lightricks/LTX-2.3"


@dataclass(frozen=True, kw_only=True)
class Licence:
    """Under which terms a LoRA may be passed on."""

    front: Mapping[str, Any]
    lines: tuple[str, ...]


_LTX = Licence(
    front={"license": "other", "license_name": LICENCE_NAME, "license_link": LICENCE_LINK},
    lines=(
        "This LoRA is a fine-tune of LTX-2.3, so it is a derivative under the"
        f" [LTX-2 Community License Agreement]({LICENCE_LINK}) and is passed on under the same agreement, with its use"
        " restrictions (Attachment A). A complete copy of the agreement belongs beside this file. Entities with annual"
        " revenues of 10 million US dollars or more need a paid licence of Lightricks.",
    ),
)
_PICO = Licence(
    front={"license": "apache-2.0"},
    lines=("Trained on pico, the small embedded model of LTX Recipes, which is under Apache-2.0.",),
)


def model_card(facts: CardFacts) -> str:
    """The card as text.

    Args:
        facts: From the run's files.
    """
    licence = _PICO if facts.is_pico else _LTX
    lines = [
        f"# {escaped(facts.title)}",
        "",
        f"A LoRA of rank {facts.rank} for {escaped(facts.base)}, trained with the recipe {escaped(facts.recipe)}.",
        "Say here what it makes, what it is for, and whose clips it was trained on.",
        "",
        *_use(facts),
        *_samples(facts.samples),
        *_training(facts),
        *_evaluation(facts),
        "## Licence",
        "",
        *licence.lines,
        "",
    ]
    return front_matter(_front(facts, licence)) + "\n" + "\n".join(lines)


def _front(facts: CardFacts, licence: Licence) -> dict[str, Any]:
    base = {} if facts.is_pico else {"base_model": BASE_ON_HUB, "base_model_relation": "adapter"}
    tags = ["lora", "comfyui", "ltx-video" if not facts.is_pico else "pico", *facts.tags]
    trigger = {"instance_prompt": one_line(facts.trigger)} if facts.trigger else {}
    widget = [
        {"text": one_line(sample.prompt), "output": {"url": _media(sample)}}
        for sample in facts.samples
        if sample.is_video
    ]
    return {
        **licence.front,
        **base,
        "pipeline_tag": facts.pipeline,
        "tags": tags,
        **trigger,
        **({"widget": widget} if widget else {}),
    }


def _use(facts: CardFacts) -> list[str]:
    trigger = [f"- Put the trigger **{escaped(facts.trigger)}** into the prompt."] if facts.trigger else []
    strength = facts.strength
    found = f", which was best in the evaluation of the run ({escaped(strength.reason)})" if strength.reason else ""
    return [
        "## Use",
        "",
        *trigger,
        f"- Strength {strength.value:g}{found}.",
        f"- ComfyUI: copy {escaped(facts.file)} to models/loras and drag one of the workflows onto the canvas.",
        f"- Trained at {facts.fps:g} frames a second.",
        "",
    ]


def _samples(samples: tuple[Sample, ...]) -> list[str]:
    if not samples:
        return []
    listed = [f"- {escaped(sample.prompt)} ([{escaped(sample.facts)}]({_media(sample)}))" for sample in samples]
    return ["## Samples", "", "Made by the preview of the training, not chosen among several.", "", *listed, ""]


def _training(facts: CardFacts) -> list[str]:
    return ["## Training", "", *table(list(facts.training)), ""]


def _evaluation(facts: CardFacts) -> list[str]:
    if not facts.verdict:
        return []
    return ["## Evaluation", "", escaped(facts.verdict), ""]


def _media(sample: Sample) -> str:
    return f"media/{quote(Path(sample.path).name)}"
