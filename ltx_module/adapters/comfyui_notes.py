"""The README of an export: where its files go, what to pick in each workflow, and what there is none for."""

from collections.abc import Mapping, Sequence

from ltx_module.adapters.comfyui_request import ExportRequest
from ltx_module.adapters.lora_file import LoRAFile
from ltx_module.adapters.workflows import BuiltWorkflow, WorkflowPlan

Way = tuple[WorkflowPlan, Mapping[str, BuiltWorkflow]]
"""A way to use a LoRA, and the workflows for it by preset."""

_PRESETS = {
    "fast": "eight steps with the distilled LoRA.",
    "quality": "thirty steps with full guidance, several times slower; needs ComfyUI 0.32 or later.",
    "unguided": "thirty steps without guidance, as the previews of the training.",
}


def export_notes(
    file: LoRAFile,
    request: ExportRequest,
    ways: Sequence[Way],
    left_out: Sequence[str],
) -> str:
    """The text, Markdown.

    Args:
        file: The LoRA.
        request: What it is called and was trained on.
        ways: How it is used, with the workflows for it by preset.
        left_out: Ways without a workflow, with the reason.
    """
    workflow = request.workflow
    trigger = f"Put the trigger `{workflow.trigger}` into every prompt.\n" if workflow.trigger else ""
    workflows = "\n".join(_way(request, plan, built) for plan, built in ways)
    without = "".join(f"- {reason[:1].upper()}{reason[1:]}\n" for reason in left_out)
    return f"""# {request.title or request.name}

A LoRA of rank {file.rank} for LTX {request.base_version} ({workflow.checkpoint}), {request.steps} steps.
{trigger}
## Load it in ComfyUI

1. Copy `{workflow.lora}` to `ComfyUI/models/loras/`.
2. Have `{workflow.checkpoint}` in `models/checkpoints/` and `{workflow.text_encoder}` in `models/text_encoders/`;
   for `fast` on the dev model also `{workflow.distilled_lora}` in `models/loras/`.
3. Drag a workflow onto the canvas{_files(workflow.conditions or workflow.frozen)}.

`LoraLoaderModelOnly` is the loader; alpha is folded into the weights, so strength 1.0 is what was trained.
Previews of the training used the same sampler, sigmas and guidance. Trained at {workflow.fps:g} frames a second:
keep that rate{_rate_of_clips(workflow.streams, workflow.conditions or workflow.frozen)}.{_sound(workflow.streams)}

## Workflows

{_list(request.presets)}

{workflows}{_ic_lora(file)}{
        f'''
## Without a workflow

{without}'''
        if without
        else ""
    }"""


def _list(presets: Sequence[str]) -> str:
    return "\n".join(f"- `{name}`: {_PRESETS[name]}" for name in presets)


def _way(request: ExportRequest, plan: WorkflowPlan, built: Mapping[str, BuiltWorkflow]) -> str:
    first = next(iter(built.values()))
    prefix = f"{plan.name}-" if plan.name else ""
    files = ", ".join(f"`{request.name}-{prefix}{preset}.json`" for preset in built)
    lines = [f"### {plan.title[:1].upper()}{plan.title[1:]}", "", f"{files}. {_packs(first)}", ""]
    lines += [f"- {note}" for note in first.notes]
    return "\n".join([*lines, ""] if first.notes else lines)


def _packs(built: BuiltWorkflow) -> str:
    if not built.packs:
        return "Core nodes are all it needs."
    return f"Needs the node pack {', '.join(built.packs)} (in the ComfyUI Manager)."


def _rate_of_clips(streams: str, gives: object) -> str:
    return ", also of the clips that you give" if gives and streams != "audio" else ""


def _files(gives: object) -> str:
    return ", and in its loaders pick your files from `ComfyUI/input/` or upload them" if gives else ""


def _sound(streams: str) -> str:
    return "\nIt was trained on pictures alone: sound that is made with them is the base model's." * (
        streams == "video"
    )


def _ic_lora(file: LoRAFile) -> str:
    factors = file.reference_factors
    if factors is None:
        return ""
    size = "as large as the video" if factors.spatial == 1 else f"{factors.spatial} times smaller each way"
    return f"""
## Strengths of the IC-LoRA

`strength_model` of the LoRA is 1.0 in training; 0.7 to 1.0 is usual. `strength` of `LTXVAddGuide` is 1.0: less makes
the reference noisy and loosens its hold. References are {size}, which
`GetICLoRAParameters` reads from this file's metadata (`reference_downscale_factor`): connect it to no other LoRA.
"""
