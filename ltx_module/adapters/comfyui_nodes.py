"""The ComfyUI core nodes that exported workflows use, and a check of a workflow against them.

Names and types are those of ComfyUI's own node list; LTXVDualCFGGuider and LTXVModalityGuidance came with v0.32.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Workflow = dict[str, dict[str, Any]]
"""API format: node id -> `class_type` and `inputs`; an input is a value or a link `[node id, output]`."""

_VALUES: dict[str, tuple[type, ...]] = {"STRING": (str,), "INT": (int,), "FLOAT": (float, int), "BOOLEAN": (bool,)}


@dataclass(frozen=True)
class NodeType:
    """Inputs and outputs of a node class."""

    inputs: Mapping[str, str]
    """Type of each input that must be given."""
    outputs: tuple[str, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    """Type of each input that may be left out."""


_GUIDED = {"model": "MODEL", "positive": "CONDITIONING", "negative": "CONDITIONING"}
_RANGE = {"start_percent": "FLOAT", "end_percent": "FLOAT"}

NODES: dict[str, NodeType] = {
    "CheckpointLoaderSimple": NodeType({"ckpt_name": "STRING"}, ("MODEL", "CLIP", "VAE")),
    "LTXAVTextEncoderLoader": NodeType(
        {"text_encoder": "STRING", "ckpt_name": "STRING", "device": "STRING"}, ("CLIP",)
    ),
    "LTXVAudioVAELoader": NodeType({"ckpt_name": "STRING"}, ("VAE",)),
    "LoraLoaderModelOnly": NodeType({"model": "MODEL", "lora_name": "STRING", "strength_model": "FLOAT"}, ("MODEL",)),
    "CLIPTextEncode": NodeType({"clip": "CLIP", "text": "STRING"}, ("CONDITIONING",)),
    "LTXVConditioning": NodeType(
        {"positive": "CONDITIONING", "negative": "CONDITIONING", "frame_rate": "FLOAT"},
        ("CONDITIONING", "CONDITIONING"),
    ),
    "EmptyLTXVLatentVideo": NodeType(
        {"width": "INT", "height": "INT", "length": "INT", "batch_size": "INT"}, ("LATENT",)
    ),
    "LTXVEmptyLatentAudio": NodeType(
        {"frames_number": "INT", "frame_rate": "FLOAT", "batch_size": "INT", "audio_vae": "VAE"}, ("LATENT",)
    ),
    "LTXVConcatAVLatent": NodeType({"video_latent": "LATENT", "audio_latent": "LATENT"}, ("LATENT",)),
    "LTXVSpatioTemporalGuidance": NodeType(
        {"model": "MODEL", "scale": "FLOAT", "blocks": "STRING", **_RANGE}, ("MODEL",)
    ),
    "LTXVModalityGuidance": NodeType({"model": "MODEL", "modality_scale": "FLOAT", **_RANGE}, ("MODEL",)),
    "CFGGuider": NodeType({**_GUIDED, "cfg": "FLOAT"}, ("GUIDER",)),
    "LTXVDualCFGGuider": NodeType({**_GUIDED, "video_cfg": "FLOAT", "audio_cfg": "FLOAT"}, ("GUIDER",)),
    "KSamplerSelect": NodeType({"sampler_name": "STRING"}, ("SAMPLER",)),
    "ManualSigmas": NodeType({"sigmas": "STRING"}, ("SIGMAS",)),
    "LTXVScheduler": NodeType(
        {"steps": "INT", "max_shift": "FLOAT", "base_shift": "FLOAT", "stretch": "BOOLEAN", "terminal": "FLOAT"},
        ("SIGMAS",),
        {"latent": "LATENT"},
    ),
    "RandomNoise": NodeType({"noise_seed": "INT"}, ("NOISE",)),
    "SamplerCustomAdvanced": NodeType(
        {"noise": "NOISE", "guider": "GUIDER", "sampler": "SAMPLER", "sigmas": "SIGMAS", "latent_image": "LATENT"},
        ("LATENT", "LATENT"),
    ),
    "LTXVSeparateAVLatent": NodeType({"av_latent": "LATENT"}, ("LATENT", "LATENT")),
    "VAEDecodeTiled": NodeType(
        {"samples": "LATENT", "vae": "VAE"}
        | dict.fromkeys(("tile_size", "overlap", "temporal_size", "temporal_overlap"), "INT"),
        ("IMAGE",),
    ),
    "LTXVAudioVAEDecode": NodeType({"samples": "LATENT", "audio_vae": "VAE"}, ("AUDIO",)),
    "CreateVideo": NodeType({"images": "IMAGE", "fps": "FLOAT"}, ("VIDEO",), {"audio": "AUDIO"}),
    "SaveVideo": NodeType({"video": "VIDEO", "filename_prefix": "STRING", "format": "STRING", "codec": "STRING"}),
}


def validate_workflow(workflow: Workflow) -> None:
    """Check every node, input and link of a workflow against the known nodes.

    Raises:
        ValueError: If a node class is unknown, an input is missing, unknown or of another type, or a link leads to
            no node or to an output of another type; the message lists all of them.
    """
    problems = [problem for number, node in workflow.items() for problem in _node_problems(workflow, number, node)]
    if problems:
        raise ValueError(f"the workflow would not run: {'; '.join(problems)}.")


def _node_problems(workflow: Workflow, number: str, node: Mapping[str, Any]) -> list[str]:
    known = NODES.get(node.get("class_type", ""))
    if known is None:
        return [f"node {number}: {node.get('class_type')!r} is not a known class"]
    label, inputs = f"node {number} ({node['class_type']})", node.get("inputs", {})
    types = {**known.inputs, **known.optional}
    problems = [f"{label} lacks input {name}" for name in known.inputs if name not in inputs]
    problems += [f"{label} has no input {name}" for name in inputs if name not in types]
    for name, value in inputs.items():
        if name in types and (reason := _input_problem(workflow, value, types[name])):
            problems.append(f"{label}.{name} {reason}")
    return problems


def _input_problem(workflow: Workflow, value: object, wanted: str) -> str:
    if not isinstance(value, list):
        kinds = _VALUES.get(wanted)
        if kinds is None:
            return f"needs a link to {wanted}"
        fits = isinstance(value, kinds) and (wanted == "BOOLEAN" or not isinstance(value, bool))
        return "" if fits else f"is {value!r}, which is no {wanted}"
    source, output = value
    if source not in workflow:
        return f"links to node {source}, which does not exist"
    source_type = NODES.get(workflow[source].get("class_type", ""))
    outputs = () if source_type is None else source_type.outputs
    if not 0 <= output < len(outputs):
        return f"links to output {output} of node {source}, which has {len(outputs)}"
    return "" if outputs[output] == wanted else f"needs {wanted}, but node {source} gives {outputs[output]}"
