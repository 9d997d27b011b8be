"""Draws posters in a process of its own: a file that is broken or made to harm ends that process, not the server.

It reads a line of JSON for each picture, `{"media": PATH, "target": PATH, "middle": BOOL}`, and answers with a line,
`1` when the target has been drawn and `0` when there is nothing to see. It ends with its input.
"""

import json
import logging
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from datamodules.atomic import replacing

_WIDTH = 320
_QUALITY = 80
_LARGEST_PIXELS = 8192 * 8192
_LARGEST_MEMORY = 4 * 2**30
"""Bytes of address space."""
_STILLS = frozenset({".png", ".jpg", ".jpeg", ".webp"})
_MOST_FRAMES = 160
_LONGEST_SECONDS = 0.6
"""Spent on the way to the middle of a clip; then the frame that was reached is taken."""


def main() -> None:
    """Draw until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_LARGEST_MEMORY, _LARGEST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    for line in sys.stdin:
        asked = json.loads(line)
        drawn = draw(Path(asked["media"]), Path(asked["target"]), middle=asked["middle"])
        sys.stdout.write(f"{int(drawn)}\n")
        sys.stdout.flush()


def draw(media: Path, target: Path, *, middle: bool) -> bool:
    """Draw a small JPEG of a video or still; False where there is nothing to see.

    Args:
        media: The file.
        target: The picture.
        middle: Whether to take a frame from the middle of a video, as far as that is quick, and not its first.
    """
    from PIL import Image

    try:
        picture = _still(media) if media.suffix.lower() in _STILLS else _frame(media, middle=middle)
        if picture is None:
            return False
        picture.thumbnail((_WIDTH, _WIDTH), Image.Resampling.BILINEAR)
        with replacing(target) as temporary:
            _opaque(picture).save(temporary, "JPEG", quality=_QUALITY)
    except (
        OSError,
        ValueError,
        SyntaxError,
        MemoryError,
    ):  # what decoders raise on broken files; others end the process
        return False
    return True


def _still(media: Path) -> Any:
    from PIL import Image, ImageOps

    with Image.open(media, formats=("PNG", "JPEG", "WEBP")) as picture:
        if picture.width * picture.height > _LARGEST_PIXELS:
            return None
        picture.draft("RGB", (2 * _WIDTH, 2 * _WIDTH))
        picture.load()
        return ImageOps.exif_transpose(picture)


def _frame(media: Path, *, middle: bool) -> Any:
    import av

    # named, since what is guessed may be a playlist that leads to other files
    with av.open(str(media), format=_container(media), options={"protocol_whitelist": "file"}) as container:
        stream = next(iter(container.streams.video), None)
        if stream is None or stream.codec_context.width * stream.codec_context.height > _LARGEST_PIXELS:
            return None
        stream.codec_context.thread_count = 1
        wanted = (stream.duration or 0) // 2 if middle else 0
        best, started = None, time.monotonic()
        if wanted:
            container.seek((stream.start_time or 0) + wanted, stream=stream)
        for count, frame in enumerate(container.decode(stream)):
            best = frame
            reached = wanted == 0 or (frame.pts or 0) - (stream.start_time or 0) >= wanted
            if reached or count >= _MOST_FRAMES or time.monotonic() - started > _LONGEST_SECONDS:
                break
        if best is None or best.width * best.height > _LARGEST_PIXELS:
            return None
        return best.to_image(width=_WIDTH, height=max(2, round(best.height * _WIDTH / best.width)))


def _container(media: Path) -> str:
    with media.open("rb") as file:
        return "matroska" if file.read(4) == b"\x1aE\xdf\xa3" else "mov"


def _opaque(picture: Any) -> Any:
    """The picture on white where one sees through it."""
    from PIL import Image

    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")


if __name__ == "__main__":
    main()
