"""Random pictures far richer than the world, so that an autoencoder learns to show more than it.

Any colour, several shapes with fills and faces, gradients, smooth paths, growth, turns, flashes, and lattices over
everything. A concept that a LoRA is to teach is drawn from the same stock, but none is drawn here as such.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from datamodules.world.draw import face_distance, shape_distance
from datamodules.world.patterns import checks, dots, halves, ramp, stripes
from datamodules.world.scene import SHAPES

_PATTERNS = (stripes, dots, checks, halves, ramp)
_LAYERS = (1.0, 0.4, 0.2)  # how likely a picture has a first, second and third shape


@dataclass(frozen=True, kw_only=True)
class _Dice:
    """Random numbers, one for each of `number` pictures, shaped `(B, 1, 1, 1)` to go with `(B, F, H, W)`."""

    number: int
    generator: torch.Generator
    device: torch.device | str

    def uniform(self, low: float, high: float, *more: int) -> Tensor:
        """Numbers between low and high; `more` sizes come after the batch."""
        shape = (self.number, *(more or (1,)), 1, 1)
        unit = torch.rand(shape, generator=self.generator, device=self.generator.device)
        return low + (high - low) * unit.to(self.device)

    def chance(self, probability: float) -> Tensor:
        return self.uniform(0, 1) < probability

    def angle(self) -> Tensor:
        """Radians; upright for half of the pictures."""
        return self.uniform(-math.pi, math.pi) * self.chance(0.5)

    def colour(self) -> Tensor:
        """RGB `(B, 3, 1, 1, 1)` in [0, 255], as often vivid or near an end of the scale as not."""
        values = self.uniform(-0.15, 1.15, 3, 1).clamp(0, 1)
        gray = values.mean(1, keepdim=True)
        return 255 * torch.lerp(gray, values, (self.uniform(0, 2).clamp(max=1))[:, None])


def draw_variety(
    number: int, *, frames: int, width: int, height: int, generator: torch.Generator, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw random clips.

    Args:
        number: How many.
        frames: Number of frames.
        width: Pixels.
        height: Pixels.
        generator: Random numbers; decides everything, whatever the device.
        device: Where to draw.

    Returns:
        `(B, 3, F, H, W)`, uint8 RGB.
    """
    dice = _Dice(number=number, generator=generator, device=device)
    rows = (torch.arange(height, device=device) + 0.5)[:, None]
    columns = torch.arange(width, device=device) + 0.5
    frame = torch.arange(frames, device=device)[:, None, None]
    picture = _fill(dice, columns - width / 2, rows - height / 2, plain=0.7)
    for probability in _LAYERS:
        picture = _lay_shape(dice, picture, columns / width, rows / height, frame, probability)
    lattice = _pattern(dice, columns, rows, plain=0.0) * dice.chance(0.3) * dice.uniform(0.4, 1)
    picture = torch.lerp(picture, dice.colour(), lattice[:, None])
    return picture.clamp(0, 255).round().to(torch.uint8)


def _lay_shape(
    dice: _Dice, picture: Tensor, columns: Tensor, rows: Tensor, frame: Tensor, probability: float
) -> Tensor:
    """One shape over each picture `(B, 3, F, H, W)`; `columns` and `rows` are fractions of the frame."""
    height, width = rows.shape[0], columns.shape[0]
    progress = frame / max(1, len(frame) - 1) - 0.5  # -1/2 to 1/2
    centre_x, centre_y = _path(dice, progress)
    growth = dice.uniform(-1, 1) * dice.chance(0.4)
    radius = dice.uniform(0.12, 0.35) * (1 + growth * progress) * min(width, height)
    angle = dice.angle() + dice.uniform(-2 * math.pi, 2 * math.pi) * dice.chance(0.3) * progress
    x, y = _turn((columns - centre_x) * width, (rows - centre_y) * height, angle)
    distance = _outline(dice, x / radius, y / radius) * radius
    colour = _fill(dice, x, y, plain=0.5)
    ink = (0.5 - face_distance(x / radius, y / radius) * radius).clamp(0, 1) * dice.chance(0.15)
    colour = torch.lerp(colour, dice.colour(), ink[:, None])
    light, vanishes = _flash(dice, frame), dice.chance(0.5)
    colour = torch.lerp(colour, dice.colour(), ((1 - light) * ~vanishes)[:, None])
    share = (0.5 - distance).clamp(0, 1) * dice.chance(probability) * torch.where(vanishes, light, 1.0)
    return torch.lerp(picture, colour, share[:, None])


def _path(dice: _Dice, progress: Tensor) -> tuple[Tensor, Tensor]:
    """Where the middle of a shape is over time, as fractions: a line, a swing, an ellipse or a bounce, and sums."""
    moves, swings, bounces = dice.chance(0.5), dice.chance(0.5), dice.chance(0.2)
    turns, phase, round_trip = dice.uniform(0.5, 2), dice.uniform(0, 1), dice.chance(0.6)
    centres = []
    for axis in range(2):
        turn = 2 * math.pi * (turns * progress + phase + 0.25 * axis * round_trip)
        wave = torch.where(bounces & torch.tensor(axis == 1, device=dice.device), turn.sin().abs() - 0.5, turn.sin())
        line = dice.uniform(-0.7, 0.7) * moves * progress
        centre = dice.uniform(0.3, 0.7) + line + dice.uniform(0.05, 0.3) * swings * wave
        centres.append(centre.clamp(0.05, 0.95))
    return centres[0], centres[1]


def _outline(dice: _Dice, x: Tensor, y: Tensor) -> Tensor:
    """Signed distance to a random shape of radius 1, now and then to a ring of its form."""
    distance = torch.empty_like(x)
    kind = dice.uniform(0, len(SHAPES)).long().flatten()
    for index, shape in enumerate(SHAPES):
        chosen = kind == index
        distance[chosen] = shape_distance(shape, x[chosen], y[chosen])
    return torch.where(dice.chance(0.1), (distance + 0.2).abs() - 0.2, distance)


def _fill(dice: _Dice, x: Tensor, y: Tensor, *, plain: float) -> Tensor:
    """Two colours in a random pattern, or one with probability `plain`: RGB `(B, 3, F, H, W)`."""
    return torch.lerp(dice.colour(), dice.colour(), _pattern(dice, x, y, plain=plain)[:, None])


def _pattern(dice: _Dice, x: Tensor, y: Tensor, *, plain: float) -> Tensor:
    """A random pattern at places in pixels, `(B, F, H, W)` in [0, 1]; nothing with probability `plain`."""
    x, y = _turn(x, y, dice.angle())
    period = dice.uniform(12, 40)
    share = torch.empty_like(x)
    kind = dice.uniform(0, len(_PATTERNS)).long().flatten()
    for index, pattern in enumerate(_PATTERNS):
        chosen = kind == index
        share[chosen] = pattern(x[chosen], y[chosen], period[chosen])
    return share * ~dice.chance(plain)


def _flash(dice: _Dice, frame: Tensor) -> Tensor:
    """Brightness over time `(B, F, 1, 1)` in [0, 1]: steady for most, else a wave of 8 to 24 frames, soft or hard."""
    wave = torch.cos(2 * math.pi * (frame / dice.uniform(8, 24) + dice.uniform(0, 1)))
    light = (0.5 + 0.5 * dice.uniform(1, 4) * wave).clamp(0, 1)
    return 1 - dice.uniform(0.4, 1) * dice.chance(0.3) * (1 - light)


def _turn(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    return angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x
