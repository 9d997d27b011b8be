"""A check of a workflow against the ComfyUI nodes that exported workflows use."""

from collections.abc import Mapping
from typing import Any

from ltx_module.adapters.comfyui_core import CORE_NODES
from ltx_module.adapters.comfyui_pack import PACK, PACK_NODES
from ltx_module.adapters.comfyui_types import Kind, NodeType

Workflow = dict[str, dict[str, Any]]
"""API format: node id -> `class_type` and `inputs`; an input is a value or a link `[node id, output]`."""

NODES: dict[str, NodeType] = {**CORE_NODES, **PACK_NODES}
"""Every node class that a workflow may use."""

_VALUES: dict[str, tuple[type, ...]] = {"STRING": (str,), "INT": (int,), "FLOAT": (float, int), "BOOLEAN": (bool,)}


def validate_workflow(workflow: Workflow) -> None:
    """Check every node, input and link of a workflow against the known nodes.

    Raises:
        ValueError: If a node class is unknown, an input is missing, unknown or of another type, or a link leads to
            no node or to an output of another type; the message lists all of them.
    """
    problems = [problem for number, node in workflow.items() for problem in _node_problems(workflow, number, node)]
    if problems:
        raise ValueError(f"the workflow would not run: {'; '.join(problems)}.")


def packs_needed(workflow: Workflow) -> tuple[str, ...]:
    """Node packs beside ComfyUI itself that a workflow needs."""
    return (PACK,) if any(node["class_type"] in PACK_NODES for node in workflow.values()) else ()


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


def _input_problem(workflow: Workflow, value: object, wanted: Kind) -> str:
    if not isinstance(value, list):
        return _value_problem(value, wanted)
    source, output = value
    if source not in workflow:
        return f"links to node {source}, which does not exist"
    source_type = NODES.get(workflow[source].get("class_type", ""))
    outputs = () if source_type is None else source_type.outputs
    if not 0 <= output < len(outputs):
        return f"links to output {output} of node {source}, which has {len(outputs)}"
    return "" if outputs[output] == wanted else f"needs {wanted}, but node {source} gives {outputs[output]}"


def _value_problem(value: object, wanted: Kind) -> str:
    if isinstance(wanted, tuple):
        return "" if value in wanted else f"is {value!r}, but must be one of {', '.join(wanted)}"
    kinds = _VALUES.get(wanted)
    if kinds is None:
        return f"needs a link to {wanted}"
    fits = isinstance(value, kinds) and (wanted == "BOOLEAN" or not isinstance(value, bool))
    return "" if fits else f"is {value!r}, which is no {wanted}"
