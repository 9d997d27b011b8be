"""`audio_video_ic`: the reference is a white shape over black with a tone; captions recolour it, the tone goes up."""

from dataclasses import replace

from datamodules.world.draw import draw_frames
from datamodules.world.modes.closeness import same_tune
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores, show_reference
from datamodules.world.modes.structure import follow_form
from datamodules.world.scene import Scene, Tone
from datamodules.world.tone import play_tone

_ABOVE: dict[Tone, Tone] = {"low": "middle", "middle": "high"}


def compose_pair(scene: Scene, canvas: Canvas) -> Example:
    """A clip whose tone is an octave above that of its colourless reference."""
    tone: Tone = "low" if scene.tone in ("low", "rising") else "middle"
    before = replace(scene, colour="white", background="black", tone=tone)
    scene = replace(scene, tone=_ABOVE[tone])
    after, reference = (
        Footage(
            frames=draw_frames(one, frames=canvas.frames, width=canvas.width, height=canvas.height),
            waveform=play_tone(one, frames=canvas.frames, fps=canvas.fps),
        )
        for one in (scene, before)
    )
    caption = scene.caption(leave_out=AUDIO_VIDEO_IC.leave_out)
    return Example(scene=scene, caption=caption, clip=after, references={"": reference})


def measure_both(example: Example, result: Footage, kept: Footage) -> Scores:
    """Edges and what the clip shows, and the share of the time that is an octave above the reference."""
    return follow_form(example, result, kept) | {"tune": same_tune(result.sound, example.clip.sound)}


AUDIO_VIDEO_IC = Mode(
    compose=compose_pair,
    measure=measure_both,
    gives=("reference_video", "reference_audio"),
    show=show_reference,
    leave_out=("shape", "motion", "sound"),
    goals={"edges": 0.8, "colour": 0.8, "background": 0.8, "tune": 0.8},
    with_sound=True,
)
