"""Reading a clip of the world back: what a person would say is drawn, how it moves and what is heard.

Background and colour are the nearest named ones. The form is the shape whose outline, at any angle that turns evenly
with time, covers the silhouette best; the same fit tells how far it turned. Motion is the largest of what the middle
moved, the size grew and the shape turned, each against what the world draws. The tone is the strongest pitch over time.

A circle that spins looks like one that stays still: it is read as `still`, and `agreement` accepts that.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from datamodules.world.scene import BACKGROUNDS, COLOURS, RGB, SHAPES, Background, Colour, Motion, Scene, Shape, Tone
from datamodules.world.silhouette import NUM_ANGLES, Silhouette, cut_out, overlaps
from datamodules.world.tone import HERTZ, SAMPLE_RATE

_TRAVEL = 0.5  # of the frame's side, over a clip
_GROWTH = math.log(1.3 / 0.5)  # of the radius, over a clip
_TURN = 180.0  # degrees, over a clip
_LEAST_MOTION = 0.4  # of the world's own
_TURNS = torch.arange(-360, 361, 15)  # degrees over a clip that are tried
_LEAST_OVERLAP = 0.5
_QUIETEST = 0.02  # root mean square of the loudest pitch; the world's tones have 0.2
_LEAST_RISE = 0.8  # octaves over a clip; the world's rising tone has 2
_WINDOW = 4800  # samples, a tenth of a second
_PITCHES = (100.0, 2000.0)  # Hz


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a clip shows and sounds like; None for what it does not show."""

    shape: Shape | None
    """None if there is no shape, or one like none of the world's."""
    colour: Colour | None
    """None if there is no shape."""
    background: Background
    """Nearest to the border's colour."""
    motion: Motion | None
    """None if there is no shape, a single frame, or a motion that the world has not, such as shrinking."""
    tone: Tone | None
    """None without a waveform."""
    rgb: tuple[float, ...]
    """Colour of the shape, 0 to 255."""
    background_rgb: tuple[float, ...]
    """Colour of the background, 0 to 255."""
    path: tuple[tuple[float, float], ...]
    """Middle of the shape in each frame, as fractions of the width and the height."""
    areas: tuple[float, ...]
    """Share of each frame that the shape covers."""
    travel: tuple[float, float]
    """How far the middle moves over the clip to the right and down, as fractions of the width and the height."""
    growth: float
    """Natural logarithm of the radius at the end over that at the beginning."""
    turn: float
    """Degrees that the shape turns clockwise over the clip."""
    overlap: float
    """Intersection over union of the silhouette and the shape read, mean over the frames."""
    hertz: tuple[float, ...]
    """Strongest pitch of each tenth of a second; 0 where it is quiet."""
    rms: float
    """Root mean square of the waveform; 0 without one."""


def read_scene(frames: Tensor, waveform: Tensor | None = None) -> Reading:
    """Read a clip.

    Args:
        frames: `(F, 3, H, W)`, uint8 RGB; one frame is a still.
        waveform: `(2, N)` at 48 kHz in [-1, 1], or None.
    """
    frames = frames.cpu()
    silhouette = cut_out(frames)
    height, width = frames.shape[2:]
    hertz = None if waveform is None else pitches(waveform)
    seen = bool(silhouette.area.max() > 0)
    shape, overlap, turn = _fit(silhouette) if seen else (None, 0.0, 0.0)
    path = silhouette.centre / torch.tensor([width, height])
    travel, growth = _drift(silhouette, path) if seen else ((0.0, 0.0), 0.0)
    return Reading(
        shape=shape,
        colour=_nearest(silhouette.rgb, COLOURS) if seen else None,
        background=_nearest(silhouette.background_rgb, BACKGROUNDS),
        motion=_motion(travel, growth, turn) if seen and len(frames) > 1 else None,
        tone=None if hertz is None else _tone(hertz),
        rgb=tuple(silhouette.rgb.tolist()),
        background_rgb=tuple(silhouette.background_rgb.tolist()),
        path=tuple((x, y) for x, y in path.tolist()),
        areas=tuple((silhouette.area / (height * width)).tolist()),
        travel=travel,
        growth=growth,
        turn=turn,
        overlap=overlap,
        hertz=() if hertz is None else tuple(hertz.tolist()),
        rms=0.0 if waveform is None else float(waveform.square().mean().sqrt()),
    )


def agreement(scene: Scene, reading: Reading) -> dict[str, bool]:
    """Which properties of a scene a clip shows; a motion is left out of stills, a tone where there is no waveform."""
    agrees = {
        "shape": reading.shape == scene.shape,
        "colour": reading.colour == scene.colour,
        "background": reading.background == scene.background,
    }
    if len(reading.areas) > 1:
        unseen = scene.shape == "circle" and scene.motion == "spin" and reading.motion == "still"
        agrees["motion"] = reading.motion == scene.motion or unseen
    if reading.tone is not None:
        agrees["tone"] = reading.tone == scene.tone
    return agrees


def pitches(waveform: Tensor) -> Tensor:
    """Strongest pitch between 100 and 2000 Hz of each tenth of a second, 0 where it is quiet: `(windows,)`, Hz.

    Args:
        waveform: `(2, N)` at 48 kHz in [-1, 1].
    """
    windows = waveform.detach().cpu().float().unfold(1, _WINDOW, _WINDOW) * torch.hann_window(_WINDOW)
    length = 4 * _WINDOW  # finer bins: 2.5 Hz
    power = torch.fft.rfft(windows, length).abs().square().sum(0)  # (windows, bins), both ears together
    first, last = (round(hertz * length / SAMPLE_RATE) for hertz in _PITCHES)
    peak = power[:, first : last + 1].argmax(1) + first
    # A tone's energy lies within two bins of a window's own width, 8 of the finer bins, on each side of its peak; the
    # Hann window keeps 3/8 of the energy, and two ears share it.
    near = (torch.arange(power.shape[1]) - peak[:, None]).abs() <= 8
    energy = (power * near).sum(1) * 2 / length / (_WINDOW * 3 / 8) / len(waveform)
    return torch.where(energy.sqrt() >= _QUIETEST, peak * SAMPLE_RATE / length, 0.0)


def _fit(silhouette: Silhouette) -> tuple[Shape | None, float, float]:
    """The shape, its overlap, and its turn in degrees, that together cover the silhouette best."""
    frames = silhouette.whole_frames()
    table = overlaps(silhouette, frames)  # (F, shapes, angles)
    progress = frames / max(1, len(silhouette.area) - 1)
    start = torch.arange(NUM_ANGLES)
    turned = (_TURNS[:, None] * progress * NUM_ANGLES / 360).round().long()  # (turns, F)
    angle = (start[:, None, None] + turned) % NUM_ANGLES  # (starts, turns, F)
    fit = table[torch.arange(len(frames)), :, angle].mean(2)  # (starts, turns, shapes)
    # A shape that a turn leaves unchanged does not turn.
    best = (fit - _TURNS.abs()[:, None] * 1e-5).amax(0)  # (turns, shapes)
    place = int(best.argmax())
    turn, shape = divmod(place, len(SHAPES))
    overlap = float(fit[:, turn, shape].max())
    return SHAPES[shape] if overlap >= _LEAST_OVERLAP else None, overlap, float(_TURNS[turn])


def _drift(silhouette: Silhouette, path: Tensor) -> tuple[tuple[float, float], float]:
    """How far the middle moves and the radius grows over the clip, by straight lines through all frames."""
    seen = silhouette.area > silhouette.area.max() / 20
    progress = torch.linspace(0, 1, len(path))[seen]
    radius = silhouette.area[seen].log() / 2
    values = torch.cat([path[seen], radius[:, None]], dim=1)
    time = progress - progress.mean()
    slope = (time[:, None] * values).sum(0) / time.square().sum().clamp(min=1e-6)
    return (float(slope[0]), float(slope[1])), float(slope[2])


def _motion(travel: tuple[float, float], growth: float, turn: float) -> Motion | None:
    strength: dict[Motion | None, float] = {
        "left": -travel[0] / _TRAVEL,
        "right": travel[0] / _TRAVEL,
        "up": -travel[1] / _TRAVEL,
        "down": travel[1] / _TRAVEL,
        "grow": growth / _GROWTH,
        "spin": abs(turn) / _TURN,
        None: -growth / _GROWTH,
        "still": _LEAST_MOTION,
    }
    return max(strength, key=lambda motion: strength[motion])


def _tone(hertz: Tensor) -> Tone:
    heard = hertz[hertz > 0].log2()
    if len(heard) <= len(hertz) / 3:
        return "none"
    third = max(1, len(heard) // 3)
    rise = heard[-third:].median() - heard[:third].median()
    if rise >= _LEAST_RISE:
        return "rising"
    steady: tuple[Tone, ...] = ("low", "middle", "high")
    pitch = float(heard.median())
    return min(steady, key=lambda tone: abs(math.log2(HERTZ[tone][0]) - pitch))


def _nearest(rgb: Tensor, names: tuple[Any, ...]) -> Any:
    known = torch.tensor([RGB[name] for name in names], dtype=torch.float32)
    return names[int((known - rgb).norm(dim=1).argmin())]
