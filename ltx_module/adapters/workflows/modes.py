"""Which workflows a recipe's export has: one for each way it was trained in.

Conditions that always apply are in all of them; each that applies to a part of the clips makes one more. So an
image-to-video recipe that shows the first frame of half of its clips is exported for prompts alone and for pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ltx_module.adapters.workflows.expressible import obstacle
from ltx_module.adapters.workflows.request import WorkflowRequest
from ltx_module.diffusion.conditioning import (
    Conditioning,
    FirstFrame,
    Keyframes,
    Mask,
    Prefix,
    Reference,
    SpatialCrop,
    Suffix,
)

_WORDS: dict[type[Conditioning], str] = {
    FirstFrame: "image",
    Keyframes: "keyframes",
    Prefix: "extend",
    Suffix: "lead-in",
    SpatialCrop: "outpaint",
    Mask: "inpaint",
    Reference: "reference",
}
_PHRASES: dict[type[Conditioning], dict[str, str]] = {
    FirstFrame: {"video": "begins with a picture"},
    Keyframes: {"video": "passes through pictures"},
    Prefix: {"video": "continues a clip", "audio": "continues a sound", "both": "continues a clip and its sound"},
    Suffix: {"video": "leads up to a clip", "audio": "leads up to a sound", "both": "leads up to a clip and its sound"},
    SpatialCrop: {"video": "widens the picture of a video"},
    Mask: {
        "video": "repaints a part of a video",
        "audio": "makes a stretch of a sound anew",
        "both": "makes a part of a video and of its sound anew",
    },
    Reference: {
        "video": "follows a reference video",
        "audio": "follows a reference sound",
        "both": "follows a reference video and its sound",
    },
}
_FROZEN = {"audio": ("from-sound", "sets a sound to pictures"), "video": ("from-video", "sets a video to sound")}


@dataclass(frozen=True, kw_only=True)
class WorkflowPlan:
    """One way to use a LoRA."""

    name: str
    """For file names, such as `image`; empty for a prompt alone."""
    title: str
    """What it does."""
    request: WorkflowRequest
    """With the conditions of this way, all of them certain."""


def plan_workflows(request: WorkflowRequest) -> tuple[list[WorkflowPlan], list[str]]:
    """The ways that a recipe was trained in, and those that ComfyUI has no nodes for, with the reason.

    Args:
        request: With the recipe's conditions and their probabilities.
    """
    plans, left_out = [], []
    for conditions in _ways(request.conditions):
        own = replace(request, conditions=conditions)
        plan = WorkflowPlan(name=_name(own), title=_title(own), request=own)
        if reason := obstacle(own):
            left_out.append(f"{plan.title}: {reason}.")
            continue
        plans.append(plan)
        if any(isinstance(one, Mask) and one.modality == "video" for one in conditions):
            moving = replace(own, moving_mask=True)
            plans.append(
                WorkflowPlan(name=f"{plan.name}-moving", title=f"{plan.title}, with a video as mask", request=moving)
            )
    return plans, left_out


def _ways(conditions: Sequence[Conditioning]) -> list[tuple[Conditioning, ...]]:
    """Those that always apply, alone and with each kind that sometimes does; one kind may act on both modalities."""
    used = [one for one in conditions if one.probability > 0]
    always = tuple(one for one in used if one.probability >= 1)
    sometimes: dict[type[Conditioning], list[Conditioning]] = {}
    for one in used:
        if one.probability < 1:
            sometimes.setdefault(type(one), []).append(one)
    return [always, *((*always, *kind) for kind in sometimes.values())]


def _name(request: WorkflowRequest) -> str:
    words = [] if request.frozen is None else [_FROZEN[request.frozen][0]]
    for kind, modality in _kinds(request).items():
        word = _WORDS[kind]
        if modality == "both":
            word = f"{word}-with-sound"
        elif modality == "audio" and request.streams != "audio":
            word = f"sound-{word}"
        words.append(word)
    return "-".join(words)


def _title(request: WorkflowRequest) -> str:
    phrases = [] if request.frozen is None else [_FROZEN[request.frozen][1]]
    phrases += [_PHRASES[kind][modality] for kind, modality in _kinds(request).items()]
    return ", ".join(phrases) or "from a prompt alone"


def _kinds(request: WorkflowRequest) -> dict[type[Conditioning], str]:
    """Kinds of conditions, and whether each acts on `video`, `audio` or `both`."""
    kinds: dict[type[Conditioning], str] = {}
    for one in request.conditions:
        kinds[type(one)] = "both" if kinds.get(type(one), one.modality) != one.modality else one.modality
    return kinds
