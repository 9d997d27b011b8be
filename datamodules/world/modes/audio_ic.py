"""`audio_ic`: the reference is a tune, the result the same tune an octave up; captions tell nothing. Sound alone."""

from datamodules.world.modes.closeness import same_tune
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores, show_reference
from datamodules.world.modes.tunes import five_notes, play_tune
from datamodules.world.scene import Scene


def compose_octave(scene: Scene, canvas: Canvas) -> Example:
    """A tune and the same an octave below."""
    notes = five_notes(scene)
    above, below = (
        play_tune([factor * hertz for hertz in notes], frames=canvas.frames, fps=canvas.fps) for factor in (2, 1)
    )
    return Example(
        scene=scene,
        caption="a sound",
        clip=Footage(waveform=above),
        references={"": Footage(waveform=below)},
    )


def measure_octave(example: Example, result: Footage, kept: Footage) -> Scores:  # noqa: ARG001
    """Share of the time that is an octave above the reference."""
    return {"tune": same_tune(result.sound, example.clip.sound)}


AUDIO_IC = Mode(
    compose=compose_octave,
    measure=measure_octave,
    gives=("reference_audio",),
    show=show_reference,
    leave_out=("subject", "motion", "background", "sound"),
    goals={"tune": 0.8},
    with_picture=False,
    with_sound=True,
)
