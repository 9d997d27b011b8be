"""One reference: the clip's pictures through a signal into a file of its own, whole or not at all."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from PIL import Image

from datamodules.atomic import replacing
from datamodules.manifest.clip import MediaError, media_kind
from datamodules.media.stills import still_array
from datamodules.media.video_writer import PictureFormat, VideoWriter, writing_video
from datamodules.references.signal import Picture, Signal
from datamodules.references.stamp import Recipe, stamp_for, write_still
from datamodules.references.timed_pictures import clock_of, scaled_down, timed_pictures


def recipe_of(name: str, signal: Signal, *, crf: int, short_side: int | None) -> Recipe:
    """All that decides what a reference looks like, in JSON's own types."""
    settings = {**signal.settings, "crf": crf, "short_side": short_side}
    return Recipe(signal=name, settings=json.loads(json.dumps(settings)))


def make_reference(source: Path, target: Path, signal: Signal, recipe: Recipe) -> None:
    """Makes the reference of a clip; a video's has its size, timestamps and length, and no sound.

    Args:
        source: The video or still.
        target: `.mp4` for a video, `.png` for a still.
        signal: What makes the pictures.
        recipe: Of `recipe_of`; its `crf` and `short_side` are used.

    Raises:
        MediaError: If the clip cannot be decoded, or changes its size on the way.
        OSError: If the file cannot be written.
    """
    comment = stamp_for(source, recipe).text()
    short_side = recipe.settings["short_side"]
    assert short_side is None or isinstance(short_side, int)
    if media_kind(source) == "image":
        (picture,) = signal.draw(iter([scaled_down(still_array(source), short_side)]))
        with replacing(target) as temporary:
            write_still(Image.fromarray(picture), temporary, comment)
        return
    crf = recipe.settings["crf"]
    assert isinstance(crf, int)
    _make_video(source, target, signal, crf=crf, short_side=short_side, comment=comment)


def _make_video(source: Path, target: Path, signal: Signal, *, crf: int, short_side: int | None, comment: str) -> None:
    clock = clock_of(source)
    times: deque[tuple[int, int]] = deque()  # of pictures that the signal has taken and not given back

    def pictures() -> Iterator[Picture]:
        for timed in timed_pictures(source, short_side):
            times.append((timed.pts, timed.duration))
            yield timed.picture

    writer: VideoWriter | None = None
    with ExitStack() as stack:
        for picture in signal.draw(pictures()):
            height, width = picture.shape[:2]
            if writer is None:
                pixels = "yuv444p" if width % 2 or height % 2 else signal.pixels
                stored = PictureFormat(width=width, height=height, pixels=pixels, crf=crf)
                writing = writing_video(target, stored, rate=clock.rate, time_base=clock.time_base, comment=comment)
                writer = stack.enter_context(writing)
            if (height, width) != (writer.picture.height, writer.picture.width):
                size = f"{writer.picture.width}x{writer.picture.height}"
                raise MediaError(source, f"changes its size from {size} to {width}x{height}: re-encode it")
            writer.write(picture, *times.popleft())
    if writer is None:
        raise MediaError(source, "has no picture that can be decoded")
