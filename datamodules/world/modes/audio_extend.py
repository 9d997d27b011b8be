"""`audio_extend`: two notes in turn; the first half second is given, captions tell nothing. Sound alone."""

from datamodules.world.modes.closeness import same_tune
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores
from datamodules.world.modes.tunes import play_tune, two_notes
from datamodules.world.scene import Scene
from datamodules.world.tone import SAMPLE_RATE

GIVEN_SECONDS = 0.5


def compose_tune(scene: Scene, canvas: Canvas) -> Example:
    """Two notes in turn, which the scene's name decides."""
    waveform = play_tune(two_notes(scene), frames=canvas.frames, fps=canvas.fps)
    return Example(scene=scene, caption="a sound", clip=Footage(waveform=waveform))


def measure_rest(example: Example, result: Footage, kept: Footage) -> Scores:  # noqa: ARG001
    """Share of the time that has the right pitch, in the given half second and after it."""
    true, seconds = example.clip.sound, example.clip.sound.shape[1] / SAMPLE_RATE
    return {
        "tune": same_tune(result.sound, true, (GIVEN_SECONDS, seconds - 0.04)),
        "given": same_tune(result.sound, true, (0.0, GIVEN_SECONDS)),
    }


def show_beginning(example: Example) -> Footage:
    """The given half second, and silence."""
    sound = example.given.sound.clone()
    sound[:, round(GIVEN_SECONDS * SAMPLE_RATE) :] = 0
    return Footage(waveform=sound)


AUDIO_EXTEND = Mode(
    compose=compose_tune,
    measure=measure_rest,
    gives=("audio",),
    show=show_beginning,
    leave_out=("subject", "motion", "background", "sound"),
    goals={"tune": 0.8, "given": 0.8},
    with_picture=False,
    with_sound=True,
)
