"""One workflow, from its request and a preset."""

from dataclasses import dataclass

from ltx_module.adapters.comfyui_nodes import Workflow, packs_needed
from ltx_module.adapters.workflows.expressible import obstacle
from ltx_module.adapters.workflows.graph import Draft
from ltx_module.adapters.workflows.guidance import add_guidance
from ltx_module.adapters.workflows.guides import add_video_reference
from ltx_module.adapters.workflows.loaders import add_loaders, add_rate
from ltx_module.adapters.workflows.outputs import add_outputs
from ltx_module.adapters.workflows.request import WorkflowRequest
from ltx_module.adapters.workflows.sound import add_sound, add_sound_reference
from ltx_module.adapters.workflows.video import add_video
from ltx_module.diffusion.presets import Preset


@dataclass(frozen=True, kw_only=True)
class BuiltWorkflow:
    """A workflow and what its user has to know."""

    graph: Workflow
    notes: tuple[str, ...]
    """What to pick, one line for each loader."""
    packs: tuple[str, ...]
    """Node packs beside ComfyUI itself that it needs."""


def build_workflow(preset: Preset, request: WorkflowRequest) -> Workflow:
    """The graph of a preset.

    Args:
        preset: Sampler, sigmas and guidance; `rescale` must be 0.
        request: File names, texts, size, seed and conditions.

    Raises:
        ValueError: If nodes cannot express the preset or the conditions.
    """
    return assemble(preset, request).graph


def assemble(preset: Preset, request: WorkflowRequest) -> BuiltWorkflow:
    """The graph of a preset and what belongs to it; arguments and errors as those of `build_workflow`."""
    if reason := obstacle(request):
        raise ValueError(f"There is no workflow for these conditions: {reason}.")
    draft = Draft(request=request, fps=float(request.fps))
    add_loaders(draft, preset)
    add_video(draft)
    if request.has_video_reference:
        add_video_reference(draft)
    add_rate(draft)
    add_sound(draft)
    add_sound_reference(draft)
    add_guidance(draft, preset)
    add_outputs(draft)
    graph = draft.finished()
    return BuiltWorkflow(graph=graph, notes=tuple(draft.notes), packs=packs_needed(graph))
