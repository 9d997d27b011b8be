"""Stills, read with Pillow: turned as their EXIF data says, alpha laid over black, 16 bits brought to 8."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datamodules.manifest.clip import MediaError

_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)


def still_array(path: Path) -> NDArray[np.uint8]:
    """Decode a still.

    Returns:
        `(height, width, 3)`, uint8 RGB.

    Raises:
        MediaError: If it cannot be decoded, or is animated.
    """
    with _opened(path) as image:
        turned = ImageOps.exif_transpose(image)
        rgb = _over_black(turned) if has_alpha(turned) else _eight_bits(turned).convert("RGB")
        return np.array(rgb)


def still_facts(path: Path) -> tuple[int, int, bool]:
    """Width and height as displayed, and whether there is an alpha channel.

    Raises:
        MediaError: If it cannot be decoded, or is animated.
    """
    with _opened(path) as image:
        image.load()
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _TURNED:
            width, height = height, width
        return width, height, has_alpha(image)


def has_alpha(image: Image.Image) -> bool:
    """Whether a picture has an alpha channel or a transparent colour."""
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as image:
            # Phones add a preview or a depth map to a JPEG, which makes it an MPO: the first picture is the photo.
            if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                raise MediaError(path, f"is animated ({getattr(image, 'n_frames', 1)} pictures): convert it to mp4")
            yield image
    except Image.DecompressionBombError as error:
        raise MediaError(path, f"is too large a picture ({error}): scale it down") from error
    except MediaError:
        raise
    except Exception as error:  # a broken file makes Pillow raise SyntaxError, ValueError, struct.error and others
        raise MediaError(path, f"cannot be decoded ({error})") from error


def _over_black(image: Image.Image) -> Image.Image:
    picture = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture).convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Pillow clips 16-bit grey at 255 instead of scaling it."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image, dtype=np.float64) / 257).round().clip(0, 255).astype(np.uint8))
