"""Many ways to say what a scene shows, so that pico understands more than one sentence and ignores unknown words.

One combination in ten is held out: pico never sees a clip of it, and is judged on those.
"""

import random
import string
import zlib

from datamodules.world import Scene
from datamodules.world.scene import Motion

_MOTIONS: dict[Motion, tuple[str, ...]] = {
    "left": ("moves to the left", "moves left", "slides to the left", "drifts to the left"),
    "right": ("moves to the right", "moves right", "slides to the right", "drifts to the right"),
    "up": ("moves up", "rises", "moves upward"),
    "down": ("moves down", "falls", "moves downward"),
    "still": ("stays still", "stands still", "stays"),
    "grow": ("grows", "grows larger"),
    "spin": ("spins", "rotates", "turns"),
}
_PLACES = ("over a {} background", "over a {} background", "on a {} background", "in front of a {} background")
_SOUNDS = (", with a {} tone", ", with a {} tone", " with a {} tone", " to a {} tone")
_SILENCES = ("", "", "", "", " in silence", ", without sound")
_LEADS = (
    "video of",
    "clip of",
    "drawn",
    "cartoon",
    "photo",
    "mascot",
    "person",
    "style",
    "shape",
    "a video of",
    "scene",
)
_PLAIN = 0.4
_UNKNOWN_WORD = 0.4
_LEFT_OUT = 0.06
_SOUND_LEFT_OUT = 0.02
_NO_CAPTION = 0.1


def is_held_out(scene: Scene) -> bool:
    """Whether pico must do without a combination of shape, colour, background, motion and tone."""
    return zlib.crc32(scene.caption().encode()) % 10 == 0


def vary_caption(scene: Scene, draw: random.Random, *, as_still: bool = False) -> str:
    """One way to say it: other words, parts left out, unknown words in front, at times nothing at all.

    Args:
        scene: What is shown.
        draw: Random numbers.
        as_still: Leave out how it moves and sounds.
    """
    if draw.random() < _NO_CAPTION:
        return draw.choice(("", "", _nonsense(draw), " ".join(_nonsense(draw) for _ in range(6))))
    text = scene.caption(as_still=as_still) if draw.random() < _PLAIN else _say(scene, draw, as_still)
    if draw.random() < _UNKNOWN_WORD:
        lead = _nonsense(draw) if draw.random() < 0.7 else draw.choice(_LEADS)
        text = f"{lead}{draw.choice((' ', ' ', ', '))}{text}"
    return text


def _say(scene: Scene, draw: random.Random, as_still: bool) -> str:
    parts = [_subject(scene, draw)]
    if not as_still and draw.random() > _LEFT_OUT:
        parts.append(draw.choice(_MOTIONS[scene.motion]))
    if draw.random() > _LEFT_OUT:
        parts.append(draw.choice(_PLACES).format(scene.background))
    sound = "" if as_still or draw.random() < _SOUND_LEFT_OUT else draw.choice(_SILENCES)
    if scene.tone != "none" and not as_still and draw.random() > _SOUND_LEFT_OUT:
        sound = draw.choice(_SOUNDS).format(scene.tone)
    return " ".join(part for part in parts if part) + sound


def _subject(scene: Scene, draw: random.Random) -> str:
    chance = draw.random()
    if chance < _LEFT_OUT:
        return draw.choice(("", "something", "a shape"))
    if chance < 2 * _LEFT_OUT:
        return f"a {scene.shape}"
    colour = scene.colour
    if chance < 3 * _LEFT_OUT:
        return f"{_article(colour)} {colour} shape"
    return f"{draw.choice((_article(colour), 'the'))} {colour} {scene.shape}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _nonsense(draw: random.Random) -> str:
    return "".join(draw.choices(string.ascii_lowercase, k=draw.randint(3, 9)))
