"""`audio_to_video`: the tone that is given decides the colour, captions tell everything else."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from datamodules.world.draw import draw_frames
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores
from datamodules.world.read import agreement, read_scene
from datamodules.world.scene import Colour, Scene, Tone
from datamodules.world.tone import play_tone

COLOUR_OF_TONE: Mapping[Tone, Colour] = MappingProxyType(
    {"low": "blue", "middle": "green", "high": "yellow", "rising": "red"}
)


def compose_coloured(scene: Scene, canvas: Canvas) -> Example:
    """A clip whose shape has the colour of its tone."""
    scene = replace(scene, colour=COLOUR_OF_TONE[scene.tone])
    return Example(
        scene=scene,
        caption=scene.caption(leave_out=AUDIO_TO_VIDEO.leave_out),
        clip=Footage(
            frames=draw_frames(scene, frames=canvas.frames, width=canvas.width, height=canvas.height),
            waveform=play_tone(scene, frames=canvas.frames, fps=canvas.fps),
        ),
    )


def measure_picture(example: Example, result: Footage, kept: Footage) -> Scores:  # noqa: ARG001
    """What the clip shows of its scene; the colour is what the sound decides."""
    return {name: float(right) for name, right in agreement(example.scene, read_scene(result.pictures)).items()}


def show_sound(example: Example) -> Footage:
    """The sound alone."""
    return Footage(waveform=example.given.waveform)


AUDIO_TO_VIDEO = Mode(
    compose=compose_coloured,
    measure=measure_picture,
    gives=("audio",),
    show=show_sound,
    leave_out=("colour", "sound"),
    goals={"colour": 0.8, "shape": 0.8, "motion": 0.8},
    with_sound=True,
)
