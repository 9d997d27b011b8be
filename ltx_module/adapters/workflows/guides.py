"""Pictures and videos beside what is generated: latents behind those of the video, with times and places of their own.

They are added before video and audio latents are joined, and cropped off when these are separated again.
"""

from ltx_module.adapters.workflows.clips import add_clip
from ltx_module.adapters.workflows.graph import Draft, Link
from ltx_module.adapters.workflows.loaders import LORA, VIDEO_VAE
from ltx_module.adapters.workflows.masks import mask_by_frame


def add_guide(draft: Draft, image: Link, frame: int, *, frames: int = 1, parameters: Link | None = None) -> None:
    """Show pictures beside the video.

    Args:
        draft: Where they are added.
        image: One picture, or a video.
        frame: Pixel frame that it begins at; -1 is the last.
        frames: How many pictures there are.
        parameters: Of an IC-LoRA.
    """
    weight = draft.request.attention_strength
    guide = draft.add(
        "LTXVAddGuide",
        positive=draft.positive,
        negative=draft.negative,
        vae=VIDEO_VAE,
        latent=draft.video,
        image=image,
        frame_idx=frame,
        strength=1.0,
        attention_mask=None if weight == 1 else mask_by_frame(draft, [(frames, weight)]),
        iclora_parameters=parameters,
    )
    draft.positive, draft.negative, draft.video = guide[0], guide[1], guide[2]
    draft.has_guides = True


def add_video_reference(draft: Draft) -> None:
    """Show the reference of an IC-LoRA, as much smaller as its file says."""
    request, factor = draft.request, draft.request.reference_downscale_factor
    width, height, frames = request.bucket.width // factor, request.bucket.height // factor, request.bucket.frames
    clip = add_clip(draft, "reference_video", "Reference video", frames=frames, size=(width, height))
    draft.tracks["Reference"] = clip.sound, "Reference video"
    parameters = draft.add("GetICLoRAParameters", iclora_model=LORA)[0]
    add_guide(draft, clip.fitted, 0, frames=frames, parameters=parameters)
    smaller = f", {factor} times smaller than the video" if factor > 1 else ""
    draft.notes.append(
        f"`Reference video`: at least {frames} frames. It is cut to {width}x{height}{smaller}: to change the size, "
        f"keep width and height in multiples of {32 * factor}, and change node 9 and the `ImageScale` together."
    )
