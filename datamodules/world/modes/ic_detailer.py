"""`ic_detailer`: the reference is the clip at a sixteenth of its size; the result is to be sharp."""

from datamodules.world.draw import draw_frames
from datamodules.world.modes.closeness import psnr
from datamodules.world.modes.edges import relative_edge_agreement
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores, show_reference
from datamodules.world.modes.signals import coarse
from datamodules.world.scene import Scene


def compose_coarse(scene: Scene, canvas: Canvas) -> Example:
    """A clip with itself, coarse."""
    frames = draw_frames(scene, frames=canvas.frames, width=canvas.width, height=canvas.height)
    return Example(
        scene=scene,
        caption=scene.caption(leave_out=IC_DETAILER.leave_out),
        clip=Footage(frames=frames),
        references={"downscale": Footage(frames=coarse(frames))},
    )


def measure_detail(example: Example, result: Footage, kept: Footage) -> Scores:
    """Edge agreement as a share of the kept clip's own, and how many decibels nearer to the clip than the reference."""
    true, frames = example.clip.pictures, result.pictures
    gained = psnr(frames, true) - psnr(example.references["downscale"].pictures, true)
    return {"edges": relative_edge_agreement(frames, kept.pictures, true), "gained_db": gained}


IC_DETAILER = Mode(
    compose=compose_coarse,
    measure=measure_detail,
    gives=("reference_video",),
    show=show_reference,
    leave_out=("motion", "sound"),
    goals={"edges": 0.8, "gained_db": 2.0},
)
