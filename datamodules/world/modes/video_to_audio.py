"""`video_to_audio`: the motion that is given decides the tone; captions are silent about both."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from datamodules.world.draw import draw_frames
from datamodules.world.modes.closeness import same_tune
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores
from datamodules.world.read import agreement, read_scene
from datamodules.world.scene import Motion, Scene, Tone
from datamodules.world.tone import play_tone

TONE_OF_MOTION: Mapping[Motion, Tone] = MappingProxyType(
    {
        "still": "low",
        "left": "middle",
        "right": "middle",
        "grow": "rising",
        "spin": "rising",
        "up": "high",
        "down": "high",
    }
)


def compose_scored(scene: Scene, canvas: Canvas) -> Example:
    """A clip that has the tone of its motion. A turning circle looks still, so a star turns in its place."""
    if (scene.shape, scene.motion) == ("circle", "spin"):
        scene = replace(scene, shape="star")
    scene = replace(scene, tone=TONE_OF_MOTION[scene.motion])
    return Example(
        scene=scene,
        caption=scene.caption(leave_out=VIDEO_TO_AUDIO.leave_out),
        clip=Footage(
            frames=draw_frames(scene, frames=canvas.frames, width=canvas.width, height=canvas.height),
            waveform=play_tone(scene, frames=canvas.frames, fps=canvas.fps),
        ),
    )


def measure_sound(example: Example, result: Footage, kept: Footage) -> Scores:  # noqa: ARG001
    """Whether the tone is that of the motion, and the share of the time that has its pitch."""
    reading = read_scene(example.clip.pictures, result.sound)
    tone = agreement(example.scene, reading)["tone"]
    return {"tone": float(tone), "tune": same_tune(result.sound, example.clip.sound)}


def show_picture(example: Example) -> Footage:
    """The picture alone."""
    return Footage(frames=example.given.frames)


VIDEO_TO_AUDIO = Mode(
    compose=compose_scored,
    measure=measure_sound,
    gives=("video",),
    show=show_picture,
    leave_out=("motion", "sound"),
    goals={"tone": 0.8, "tune": 0.8},
    with_sound=True,
)
