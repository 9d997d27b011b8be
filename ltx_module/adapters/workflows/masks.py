"""Masks: of noise, 1 where latents are generated and 0 where they are given; and of attention, its weight.

Each noise mask is made at the size of the latents, or without an extent where it does not vary, since the sampler
stretches masks of any other size linearly, which would leave tokens half given.
"""

from collections.abc import Sequence

from ltx_module.adapters.workflows.graph import Draft, Link


def mask_by_frame(draft: Draft, parts: Sequence[tuple[int, float]]) -> Link:
    """A mask that varies from frame to frame, without an extent.

    Args:
        draft: Where it is added.
        parts: Frames (latent ones of noise, pixel frames of attention), and what they hold, in order; parts of no
            frames are passed over.
    """
    joined: Link | None = None
    for frames, value in parts:
        if frames:
            dot = draft.add("MaskToImage", mask=_solid(draft, value, 1, 1))
            part = draft.add("RepeatImageBatch", image=dot[0], amount=frames)[0]
            joined = part if joined is None else draft.add("ImageBatch", image1=joined, image2=part)[0]
    assert joined is not None
    return draft.add("ImageToMask", image=joined, channel="red")[0]


def mask_by_step(draft: Draft, length: int, mel_bins: int, parts: Sequence[tuple[int, int]], *, given: bool) -> Link:
    """A mask that varies from audio latent to audio latent.

    Args:
        draft: Where it is added.
        length: Audio latents.
        mel_bins: Its width.
        parts: First latent and number of latents of each stretch that differs from the rest.
        given: Whether those stretches are given, and the rest generated, or the other way round.
    """
    mask = _solid(draft, 1.0 if given else 0.0, mel_bins, length)
    for start, steps in parts:
        mask = draft.add(
            "MaskComposite",
            title="Given stretch" if given else "Stretch to make anew",
            destination=mask,
            source=_solid(draft, 0.0 if given else 1.0, mel_bins, steps, None if given else "Length of the stretch"),
            x=0,
            y=start,
            operation="multiply" if given else "add",
        )[0]
    return mask


def mask_around(draft: Draft, size: tuple[int, int], region: tuple[int, int, int, int]) -> Link:
    """A mask of everything around a rectangle.

    Args:
        draft: Where it is added.
        size: Height and width in latents.
        region: Top, left, bottom and right of what is given, in latents.
    """
    (height, width), (top, left, bottom, right) = size, region
    return draft.add(
        "MaskComposite",
        destination=_solid(draft, 1.0, width, height),
        source=_solid(draft, 0.0, right - left, bottom - top),
        x=left,
        y=top,
        operation="multiply",
    )[0]


def mask_of_all(draft: Draft) -> Link:
    """A mask under which everything is given."""
    return _solid(draft, 0.0, 1, 1)


def pooled(draft: Draft, mask: Link, size: tuple[int, int]) -> Link:
    """A mask of pixels as one of latents: a latent is generated if any of its pixels is.

    Args:
        draft: Where it is added.
        mask: Masks of whole pixels, 0 or 1.
        size: Height and width in latents.
    """
    height, width = size
    picture = draft.add("MaskToImage", mask=mask)[0]
    mean = draft.add(  # above 0 where any pixel is
        "ImageScale", image=picture, upscale_method="area", width=width, height=height, crop="disabled"
    )[0]
    again = draft.add("ImageToMask", image=mean, channel="red")[0]
    return draft.add("ThresholdMask", mask=again, value=0.0)[0]


def keep(draft: Draft, latents: Link, mask: Link) -> Link:
    """Latents with their noise mask."""
    return draft.add("SetLatentNoiseMask", samples=latents, mask=mask)[0]


def _solid(draft: Draft, value: float, width: int, height: int, title: str | None = None) -> Link:
    return draft.add("SolidMask", title=title, value=value, width=width, height=height)[0]
