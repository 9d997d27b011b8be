"""Videos and pictures that the user gives, at the size of the workflow."""

from typing import NamedTuple

from ltx_module.adapters.workflows.graph import Draft, Link

_FRAMES_PER_LATENT = 8


class Clip(NamedTuple):
    """Frames of a given video."""

    original: Link
    """As the file has them."""
    fitted: Link
    """Scaled and cropped."""
    sound: Link
    """Of the whole file."""


def frames_of(latents: int) -> int:
    """Pixel frames that latents at the beginning of a video stand for."""
    return _FRAMES_PER_LATENT * (latents - 1) + 1


def add_clip(
    draft: Draft, key: str, title: str, *, frames: int, first: int = 0, size: tuple[int, int] | None = None
) -> Clip:
    """Load a video, take some frames and fit them.

    The first video that is loaded sets the frame rate of the whole workflow, unless a sound is given, whose latents are
    counted at the recipe's rate.

    Args:
        draft: Where it is added.
        key: Its key in `sample.prompts`.
        title: What the user sees on the loader.
        frames: How many to take.
        first: Where they begin; negative ones count from the end.
        size: Width and height in pixels; the workflow's when None.
    """
    request = draft.request
    width, height = size or (request.bucket.width, request.bucket.height)
    video = draft.add("LoadVideo", title=title, file=draft.file(key, f"{key}.mp4"))
    parts = draft.add("GetVideoComponents", video=video[0])
    if not isinstance(draft.fps, list) and not request.gives_sound:
        draft.fps = parts[2]
    taken = draft.add("ImageFromBatch", image=parts[0], batch_index=first, length=frames)[0]
    return Clip(original=taken, fitted=fitted(draft, taken, width, height), sound=parts[1])


def add_picture(draft: Draft, key: str, title: str, recompress: int | None) -> Link:
    """Load a picture, fit it, and bring it to the quality of the training's.

    Args:
        draft: Where it is added.
        key: Its key in `sample.prompts`.
        title: What the user sees on the loader.
        recompress: H.264 CRF; None leaves it as it is.
    """
    bucket = draft.request.bucket
    image = draft.add("LoadImage", title=title, image=draft.file(key, f"{key}.png"))[0]
    image = fitted(draft, image, bucket.width, bucket.height)
    if not recompress:
        return image
    return draft.add("LTXVPreprocess", image=image, img_compression=recompress)[0]


def fitted(draft: Draft, image: Link, width: int, height: int) -> Link:
    """Pictures scaled until they cover a size, and cropped to it from the middle."""
    return draft.add("ImageScale", image=image, upscale_method="lanczos", width=width, height=height, crop="center")[0]
