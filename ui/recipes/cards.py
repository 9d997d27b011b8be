"""What the recipe cards say: what you get, what data it takes, how long a run is.

The counts of clips are those of docs/choosing.md, the seconds a step those of docs/hardware.md: one H200, 22B, rank 32.
"""

from dataclasses import dataclass

LOOK, SOUND, STRUCTURE, GIVEN = (
    "Look, person, motion",
    "Picture and sound",
    "Follow a reference",
    "Continue, repaint, add",
)
GROUPS = (LOOK, SOUND, STRUCTURE, GIVEN)


@dataclass(frozen=True, kw_only=True)
class Card:
    """A shipped recipe in words."""

    title: str
    gives: str
    """What you get."""
    data: str
    """Kind and number of clips."""
    group: str
    needs: str = ""
    """What clips must have beside captions; empty for nothing."""
    step_ms: int | None = None
    """Milliseconds of a step without preservation, where a run of this kind was measured."""


_VIDEO_MS, _AV_MS, _HALF_REFERENCE_MS, _WHOLE_REFERENCE_MS = 752, 1645, 1016, 1735
_PAIRS = "30 to 50 pairs or more, as varied as you can"

CARDS: dict[str, Card] = {
    "style": Card(
        title="Style",
        gives="A look, bound to a trigger word.",
        data="15 to 50 clips or stills: many subjects in one look",
        group=LOOK,
        step_ms=_VIDEO_MS,
    ),
    "character": Card(
        title="Character",
        gives="One person, creature or mascot.",
        data="20 to 40 clips and stills of one subject: many places, clothes and angles",
        group=LOOK,
        step_ms=_VIDEO_MS,
    ),
    "motion": Card(
        title="Motion",
        gives="A movement of the subject or the camera.",
        data="10 to 40 clips, no stills: one movement, many subjects",
        group=LOOK,
        step_ms=_VIDEO_MS,
    ),
    "image_to_video": Card(
        title="Image to video",
        gives="How a still comes to life; serves prompts without a still as well.",
        data="10 to 40 clips that begin as your stills will, no stills",
        group=LOOK,
        needs="stills for the samples",
        step_ms=_VIDEO_MS,
    ),
    "demo": Card(
        title="Demo",
        gives="The whole way on the tiny model, in minutes and without a GPU.",
        data="12 drawn clips: draw the example on the Dataset page",
        group=LOOK,
    ),
    "audio_video": Card(
        title="Picture and sound",
        gives="Both together, such as a voice with its face or an engine with its car.",
        data="10 to 40 clips, each with sound",
        group=SOUND,
        step_ms=_AV_MS,
    ),
    "text_to_audio": Card(
        title="Sound",
        gives="A voice, an instrument or a place, without any picture.",
        data="5 minutes of sound or more, mono or stereo",
        group=SOUND,
    ),
    "audio_to_video": Card(
        title="Sound to picture",
        gives="A picture that goes with a given sound.",
        data="30 clips or more, each with sound",
        group=SOUND,
    ),
    "video_to_audio": Card(
        title="Picture to sound",
        gives="The sound to a silent clip: footsteps, engines, rooms.",
        data="30 clips or more, each with sound; captions tell what is heard",
        group=SOUND,
    ),
    "ic_canny": Card(
        title="Edges",
        gives="A video that follows the edges of another one.",
        data=_PAIRS,
        group=STRUCTURE,
        needs="references (the Dataset page makes them)",
        step_ms=_WHOLE_REFERENCE_MS,
    ),
    "ic_depth": Card(
        title="Depth",
        gives="A video that follows the depth of another one.",
        data=_PAIRS,
        group=STRUCTURE,
        needs="references (the Dataset page makes them, with a depth model)",
        step_ms=_HALF_REFERENCE_MS,
    ),
    "ic_pose": Card(
        title="Pose",
        gives="A video that follows the poses of people in another one.",
        data=_PAIRS,
        group=STRUCTURE,
        needs="references (the Dataset page makes them, with a pose model)",
        step_ms=_HALF_REFERENCE_MS,
    ),
    "ic_union": Card(
        title="Edges, depth and pose",
        gives="One LoRA that follows any of the three.",
        data=_PAIRS,
        group=STRUCTURE,
        needs="references of several kinds",
        step_ms=_HALF_REFERENCE_MS,
    ),
    "ic_detailer": Card(
        title="Detailer",
        gives="A soft clip with its detail brought out.",
        data=_PAIRS,
        group=STRUCTURE,
        needs="soft copies of the clips as references",
        step_ms=_HALF_REFERENCE_MS,
    ),
    "audio_video_ic": Card(
        title="Another version of both",
        gives="A clip with sound made into another version of itself.",
        data=_PAIRS,
        group=STRUCTURE,
        needs="references of picture and sound",
    ),
    "audio_ic": Card(
        title="Another version of a sound",
        gives="Clean from noisy, or another voice.",
        data=_PAIRS,
        group=STRUCTURE,
        needs="reference sounds",
    ),
    "video_extend": Card(
        title="Go on with a clip",
        gives="What comes after a clip, in sight and in sound.",
        data="30 clips or more of 4 s and longer; captions tell all of it",
        group=GIVEN,
        needs="clips for the samples",
    ),
    "video_inpaint": Card(
        title="Repaint",
        gives="A clip with its masked part made anew.",
        data="30 varied clips or more with masks; captions tell what is under the mask",
        group=GIVEN,
        needs="masks",
        step_ms=_VIDEO_MS,
    ),
    "video_outpaint": Card(
        title="Widen",
        gives="A wider picture around a clip.",
        data="30 lying clips or more; nothing is cut beforehand",
        group=GIVEN,
        needs="clips for the samples",
        step_ms=_VIDEO_MS,
    ),
    "audio_extend": Card(
        title="Go on with a sound",
        gives="What comes after a sound: speech, music, a place.",
        data="5 minutes of sound or more",
        group=GIVEN,
    ),
    "audio_inpaint": Card(
        title="Mend a sound",
        gives="A sound with its masked part made anew.",
        data="5 minutes of sound or more, with masks",
        group=GIVEN,
        needs="masks",
    ),
}
"""By the name of the recipe."""
