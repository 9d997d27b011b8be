"""Contact sheets: rows of footage side by side, as frames above the spectrogram of their sound."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from datamodules.atomic import replacing
from datamodules.world.modes import Footage
from datamodules.world.modes.mode import BLANK
from datamodules.world.tone import SAMPLE_RATE

_FRAMES, _SIDE, _GAP = 4, 76, 2  # frames of a block, their sides and the pixels between them
_STRIP, _MARGIN, _LINE = 38, 14, 15  # height of a spectrogram, pixels between blocks, height of a line of text
_WINDOW, _HOP = 4096, 480  # samples
_HIGHEST_HERTZ = 1000.0
_RANGE_DB = 40.0
_BLOCK = _FRAMES * (_SIDE + _GAP) - _GAP


@dataclass(frozen=True, kw_only=True)
class Row:
    """One prompt with footage by title."""

    caption: str
    blocks: Mapping[str, Footage]


def contact_sheet(rows: Sequence[Row]) -> Any:
    """A picture of PIL with a line of titles above the rows; a title without any footage is left out.

    Args:
        rows: All with the same titles.
    """
    from PIL import Image, ImageDraw

    blocks = [footage for row in rows for footage in row.blocks.values()]
    with_picture = any(footage.frames is not None for footage in blocks)
    with_sound = any(footage.waveform is not None for footage in blocks)
    height = _LINE + (_SIDE + _GAP) * with_picture + _STRIP * with_sound + _MARGIN
    titles = [title for title in rows[0].blocks if any(_has_anything(row.blocks[title]) for row in rows)]
    sheet = Image.new("RGB", (len(titles) * (_BLOCK + _MARGIN) + _MARGIN, _LINE + 4 + len(rows) * height), "white")
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        pen.text((_MARGIN + column * (_BLOCK + _MARGIN), 3), title, fill=(120, 120, 120))
    for number, row in enumerate(rows):
        top = _LINE + 4 + number * height
        pen.text((_MARGIN, top), row.caption, fill="black")
        for column, title in enumerate(titles):
            footage = row.blocks[title]
            left, below = _MARGIN + column * (_BLOCK + _MARGIN), top + _LINE
            if with_picture:
                sheet.paste(_image(_frames(footage)), (left, below))
                below += _SIDE + _GAP
            if with_sound:
                sheet.paste(_image(spectrogram(footage.waveform)), (left, below))
    return sheet


def save_sheet(sheet: Any, path: Path) -> None:
    """Write a sheet as JPEG, whole or not at all."""
    with replacing(path) as temporary:
        sheet.save(temporary, "JPEG", quality=85, optimize=True)


def spectrogram(waveform: Tensor | None) -> Tensor:
    """Loudness over time and pitch up to 1000 Hz, dark on light, `(3, H, W)`, uint8; blank without a sound.

    Args:
        waveform: `(2, N)` at 48 kHz.
    """
    if waveform is None:
        return torch.full((3, _STRIP, _BLOCK), BLANK, dtype=torch.uint8)
    mono = torch.nn.functional.pad(waveform.detach().cpu().float().mean(0), (_WINDOW // 2, _WINDOW // 2))
    windows = mono.unfold(0, _WINDOW, _HOP) * torch.hann_window(_WINDOW)
    bins = math.ceil(_HIGHEST_HERTZ * _WINDOW / SAMPLE_RATE)
    levels = torch.fft.rfft(windows).abs()[:, 1 : bins + 1] * 4 / _WINDOW  # a sine's own amplitude
    decibels = 20 * levels.clamp(min=1e-6).log10()
    light = (-decibels / _RANGE_DB).clamp(0, 1).T.flip(0)  # (pitch, time), high pitches on top
    picture = torch.nn.functional.interpolate(light[None, None], size=(_STRIP, _BLOCK), mode="area")[0]
    return (picture * 245 + 5).round().to(torch.uint8).expand(3, -1, -1)


def _has_anything(footage: Footage) -> bool:
    return footage.frames is not None or footage.waveform is not None


def _frames(footage: Footage) -> Tensor:
    """Some frames side by side, `(3, side, W)`, uint8."""
    if footage.frames is None:
        return torch.full((3, _SIDE, _BLOCK), BLANK, dtype=torch.uint8)
    chosen = footage.frames[torch.linspace(0, len(footage.frames) - 1, _FRAMES).round().long()]
    small = torch.nn.functional.interpolate(
        chosen.float(), size=(_SIDE, _SIDE), mode="bicubic", antialias=True, align_corners=False
    )
    padded = torch.nn.functional.pad(small, (0, _GAP), value=255)
    return padded.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0, 3).flatten(2)[..., :-_GAP]


def _image(pixels: Tensor) -> Any:
    from PIL import Image

    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
