"""A workflow while it is put together."""

from dataclasses import dataclass, field
from typing import Any

from ltx_module.adapters.comfyui_nodes import Workflow
from ltx_module.adapters.workflows.request import WorkflowRequest

Link = list[Any]
"""`[node id, output]`."""

_FIRST_FREE = 30  # below, each number means the same in every workflow


@dataclass(frozen=True)
class Node:
    """A node of the graph; `node[0]` links to its first output."""

    number: str

    def __getitem__(self, output: int) -> Link:
        return [self.number, output]


@dataclass
class Draft:
    """The graph so far, and what the nodes to come link to."""

    request: WorkflowRequest
    graph: Workflow = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What the user does, one line for each file to pick."""
    model: Link = field(default_factory=list)
    """Base model with LoRAs and patches."""
    positive: Link = field(default_factory=lambda: ["8", 0])
    negative: Link = field(default_factory=lambda: ["8", 1])
    fps: Any = 24.0
    """Frames per second: a number, or a link to those of a given video."""
    video: Link = field(default_factory=list)
    """Video latents."""
    audio: Link = field(default_factory=list)
    """Audio latents."""
    has_guides: bool = False
    """Whether latents of guides lie behind those of the video."""
    tracks: dict[str, tuple[Link, str]] = field(default_factory=dict)
    """Sound of given videos and the title of their loader, by the name of the condition that takes them."""
    pictures: Link | None = None
    """Frames of a video that is given whole; None if they are decoded."""
    sound: Link | None = None
    """Sound that is given whole; None if it is decoded."""

    def add(self, class_type: str, *, at: str | None = None, title: str | None = None, **inputs: Any) -> Node:
        """Add a node.

        Args:
            class_type: Its class.
            at: Its number where that is fixed; the next free one when None.
            title: What the canvas shows in place of the class's name.
            inputs: Values and links; those that are None are left out.
        """
        number = at or str(max([_FIRST_FREE - 1, *map(int, self.graph)]) + 1)
        node: dict[str, Any] = {
            "class_type": class_type,
            "inputs": {name: value for name, value in inputs.items() if value is not None},
        }
        if title is not None:
            node["_meta"] = {"title": title}
        self.graph[number] = node
        return Node(number)

    def file(self, key: str, default: str) -> str:
        """File name that a loader begins with: that of the recipe's sample, or a name that says what belongs there."""
        return self.request.media.get(key, default)

    def finished(self) -> Workflow:
        """The graph with its nodes in order."""
        return {number: self.graph[number] for number in sorted(self.graph, key=int)}
