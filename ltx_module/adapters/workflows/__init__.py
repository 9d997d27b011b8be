"""The ComfyUI workflows of an export: API graphs whose numbers come from the sampling preset of the same name.

    loaders -> (distilled LoRA) -> LoRA -> guider
    text -> LTXVConditioning -> (guides) -> guider       video + audio latents, in part given -> sampler -> decode

What the recipe's conditions give comes from files that the user picks: it is encoded, put in its place in the latents
or beside them, and kept clean by a noise mask, as in training.
"""

from ltx_module.adapters.workflows.build import BuiltWorkflow, assemble, build_workflow
from ltx_module.adapters.workflows.modes import WorkflowPlan, plan_workflows
from ltx_module.adapters.workflows.request import DISTILLED_LORA, TEXT_ENCODER, WorkflowRequest

__all__ = [
    "DISTILLED_LORA",
    "TEXT_ENCODER",
    "BuiltWorkflow",
    "WorkflowPlan",
    "WorkflowRequest",
    "assemble",
    "build_workflow",
    "plan_workflows",
]
