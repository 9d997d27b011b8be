"""What the modes share whose reference carries form and motion: captions name colours, and results must follow both."""

from collections.abc import Callable, Mapping

from torch import Tensor

from datamodules.world.draw import draw_frames
from datamodules.world.modes.edges import relative_edge_agreement
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores, show_reference
from datamodules.world.read import agreement, read_scene
from datamodules.world.scene import Part, Scene

Signal = Callable[..., Tensor]
"""Draws a scene's reference, `(F, 3, H, W)`, from `frames`, `width` and `height`."""


def structure_mode(signals: Mapping[str, Signal], *, leave_out: tuple[Part, ...], goals: Mapping[str, float]) -> Mode:
    """A mode with a reference for each signal.

    Args:
        signals: By the name of the folder in `references/`.
        leave_out: Parts that captions leave to the reference.
        goals: As `Mode.goals`.
    """

    def compose(scene: Scene, canvas: Canvas) -> Example:
        size = {"frames": canvas.frames, "width": canvas.width, "height": canvas.height}
        return Example(
            scene=scene,
            caption=scene.caption(leave_out=leave_out),
            clip=Footage(frames=draw_frames(scene, **size)),
            references={name: Footage(frames=signal(scene, **size)) for name, signal in signals.items()},
        )

    return Mode(
        compose=compose,
        measure=follow_form,
        gives=("reference_video",),
        show=show_reference,
        leave_out=leave_out,
        goals=goals,
    )


def follow_form(example: Example, result: Footage, kept: Footage) -> Scores:
    """Edge agreement as a share of the kept clip's own, and what the clip shows of its scene."""
    frames = result.pictures
    agrees = agreement(example.scene, read_scene(frames))
    edges = relative_edge_agreement(frames, kept.pictures, example.clip.pictures)
    return {"edges": edges} | {name: float(right) for name, right in agrees.items()}
