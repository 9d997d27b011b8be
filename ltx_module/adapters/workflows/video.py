"""The video latents: empty, in part given, or given whole."""

from ltx_module.adapters.workflows.clips import add_clip, add_picture, frames_of
from ltx_module.adapters.workflows.graph import Draft, Link
from ltx_module.adapters.workflows.guides import add_guide
from ltx_module.adapters.workflows.loaders import VIDEO_VAE
from ltx_module.adapters.workflows.masks import keep, mask_around, mask_by_frame, mask_of_all, pooled
from ltx_module.diffusion.conditioning import FirstFrame, Keyframes, Mask, Prefix, SpatialCrop, Suffix

_FRAMES_PER_LATENT = 8
_PIXELS_PER_LATENT = 32


def add_video(draft: Draft) -> None:
    """Set `draft.video` to the latents that the conditions make."""
    request = draft.request
    if request.streams == "audio":
        draft.video = draft.add("LTXVAudioOnlyEmptyVideoLatent", at="9")[0]
        draft.model = draft.add("LTXVAudioOnlyModel", model=draft.model)[0]
    elif request.frozen == "video":
        _whole(draft)
    elif crop := draft.request.find(SpatialCrop, "video"):
        _outpainted(draft, crop)
    elif draft.request.find(Mask, "video"):
        _inpainted(draft)
    else:
        _generated(draft)


def _generated(draft: Draft) -> None:
    """Empty latents with pictures and clips in their places."""
    request, bucket = draft.request, draft.request.bucket
    draft.video = draft.add(
        "EmptyLTXVLatentVideo", at="9", width=bucket.width, height=bucket.height, length=bucket.frames, batch_size=1
    )[0]
    first, keyframes = draft.request.find(FirstFrame, "video"), draft.request.find(Keyframes, "video")
    prefix, suffix = draft.request.find(Prefix, "video"), draft.request.find(Suffix, "video")
    held = 0  # latent frames at the beginning
    if prefix is not None:
        held = prefix.length(request.video_shape, request.fps)
        _begin_with_clip(draft, held)
    elif first is not None:
        held = 1
        _begin_with_picture(draft, first.recompress)
    elif keyframes is not None and 0 in keyframes.frames:
        held = 1
        _begin_with_picture(draft, keyframes.recompress)
    if suffix is not None:
        _end_with_clip(draft, suffix.length(request.video_shape, request.fps), held)
    if keyframes is not None:
        for frame in keyframes.frames:
            if frame != 0:
                _keyframe(draft, frame, keyframes)


def _begin_with_picture(draft: Draft, recompress: int | None) -> None:
    image = add_picture(draft, "image", "First frame", recompress)
    _in_place(draft, image, draft.request.image_strength)
    quality = f" It is brought to H.264 quality {recompress}, as in training." if recompress else ""
    draft.notes.append(f"`First frame`: the picture to begin with.{quality}")


def _begin_with_clip(draft: Draft, latents: int) -> None:
    frames = frames_of(latents)
    clip = add_clip(draft, "video", "Clip to continue", frames=frames, first=-frames)
    _in_place(draft, clip.fitted, 1.0)
    draft.tracks["Prefix"] = clip.sound, "Clip to continue"
    draft.notes.append(f"`Clip to continue`: its last {frames} frames are taken over, and what follows is made.")


def _in_place(draft: Draft, image: Link, strength: float) -> None:
    draft.video = draft.add(
        "LTXVImgToVideoInplace", vae=VIDEO_VAE, image=image, latent=draft.video, strength=strength, bypass=False
    )[0]


def _end_with_clip(draft: Draft, latents: int, held: int) -> None:
    """Put a clip's beginning at the end.

    Its first frame goes before it once more, as the one frame that the VAE's first latent stands for, and that latent
    is cut off again.
    """
    total = draft.request.video_shape[0]
    frames = _FRAMES_PER_LATENT * latents
    clip = add_clip(draft, "video", "Clip to lead up to", frames=frames)
    still = draft.add("ImageFromBatch", image=clip.fitted, batch_index=0, length=1)[0]
    pixels = draft.add("ImageBatch", image1=still, image2=clip.fitted)[0]
    encoded = draft.add("VAEEncode", pixels=pixels, vae=VIDEO_VAE)[0]
    end = draft.add("LatentCut", samples=encoded, dim="t", index=1, amount=latents)[0]
    joined = draft.add("ReplaceVideoLatentFrames", destination=draft.video, source=end, index=total - latents)[0]
    beginning = 1 - draft.request.image_strength if draft.request.find(Prefix, "video") is None else 0.0
    mask = mask_by_frame(draft, [(held, beginning), (total - latents - held, 1.0), (latents, 0.0)])
    draft.video = keep(draft, joined, mask)
    draft.tracks["Suffix"] = clip.sound, "Clip to lead up to"
    draft.notes.append(f"`Clip to lead up to`: its first {frames} frames are taken over; what comes before is made.")


def _keyframe(draft: Draft, frame: int, keyframes: Keyframes) -> None:
    key, title = ("last_image", "Last frame") if frame == -1 else (f"keyframe_{frame}", f"Frame {frame}")
    add_guide(draft, add_picture(draft, key, title, keyframes.recompress), frame)
    draft.notes.append(
        f"`{title}`: the picture to pass through at frame {frame}{' (the last)' if frame == -1 else ''}."
    )


def _whole(draft: Draft) -> None:
    frames = draft.request.bucket.frames
    clip = add_clip(draft, "video", "Video to set to sound", frames=frames)
    encoded = draft.add("VAEEncode", pixels=clip.fitted, vae=VIDEO_VAE)[0]
    draft.video, draft.pictures = keep(draft, encoded, mask_of_all(draft)), clip.original
    draft.notes.append(f"`Video to set to sound`: its first {frames} frames get a new sound.")


def _outpainted(draft: Draft, crop: SpatialCrop) -> None:
    """A smaller video on a grey canvas, of which only the video is kept."""
    request, bucket = draft.request, draft.request.bucket
    _, rows, columns = request.video_shape
    top, left, bottom, right = _rectangle(crop, request.video_shape, request.fps)
    size = (_PIXELS_PER_LATENT * (right - left), _PIXELS_PER_LATENT * (bottom - top))
    clip = add_clip(draft, "video", "Video to widen", frames=bucket.frames, size=size)
    canvas = draft.add(
        "ImagePadForOutpaint",
        image=clip.fitted,
        left=_PIXELS_PER_LATENT * left,
        top=_PIXELS_PER_LATENT * top,
        right=_PIXELS_PER_LATENT * (columns - right),
        bottom=_PIXELS_PER_LATENT * (rows - bottom),
        feathering=0,
    )
    encoded = draft.add("VAEEncode", pixels=canvas[0], vae=VIDEO_VAE)[0]
    draft.video = keep(draft, encoded, mask_around(draft, (rows, columns), (top, left, bottom, right)))
    _keep_own_sound(draft, clip.sound)
    draft.notes.append(
        f"`Video to widen`: it is cut to {size[0]}x{size[1]} and put {_PIXELS_PER_LATENT * left} pixels from the left "
        f"and {_PIXELS_PER_LATENT * top} from the top of {bucket.width}x{bucket.height}; the rest is made."
    )


def _inpainted(draft: Draft) -> None:
    request, bucket = draft.request, draft.request.bucket
    clip = add_clip(draft, "video", "Video to repaint", frames=bucket.frames)
    draft.tracks["Mask"] = clip.sound, "Video to repaint"
    draft.notes.append("`Video to repaint`: what is black in the mask stays.")
    encoded = draft.add("VAEEncode", pixels=clip.fitted, vae=VIDEO_VAE)[0]
    mask = _moving_mask(draft) if request.moving_mask else _still_mask(draft)
    draft.video = keep(draft, encoded, pooled(draft, mask, request.video_shape[1:]))
    _keep_own_sound(draft, clip.sound)


def _still_mask(draft: Draft) -> Link:
    image = add_picture(draft, "video_mask", "Mask, white is made anew", None)
    draft.notes.append("`Mask, white is made anew`: a black and white picture, for all frames.")
    return _black_or_white(draft, image)


def _moving_mask(draft: Draft) -> Link:
    """One mask for each latent frame: the first for the first frame, each further one for the next eight."""
    clip = add_clip(draft, "video_mask", "Mask, white is made anew", frames=draft.request.bucket.frames)
    draft.notes.append("`Mask, white is made anew`: a black and white video, frame for frame beside the other.")
    return draft.add(
        "LTXVPreprocessMasks",
        masks=_black_or_white(draft, clip.fitted),
        vae=VIDEO_VAE,
        invert_input_masks=False,
        ignore_first_mask=False,
        pooling_method="max",
        grow_mask=0,
        tapered_corners=True,
        clamp_min=0.0,
        clamp_max=1.0,
    )[0]


def _black_or_white(draft: Draft, image: Link) -> Link:
    grey = draft.add("ImageToMask", image=image, channel="red")[0]
    return draft.add("ThresholdMask", mask=grey, value=0.5)[0]


def _keep_own_sound(draft: Draft, sound: Link) -> None:
    if draft.request.streams == "video":  # which no sound was trained for
        draft.sound = sound


def _rectangle(crop: SpatialCrop, shape: tuple[int, int, int], fps: float) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of what is given, in latents."""
    rows, columns = crop.clean_tokens(shape, fps).reshape(shape)[0].nonzero(as_tuple=True)
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1
