"""What ComfyUI has no nodes for."""

from collections.abc import Sequence

from ltx_module.adapters.workflows.request import WorkflowRequest
from ltx_module.diffusion.conditioning import Conditioning, Keyframes, Mask, Prefix, Reference, SpatialCrop, Suffix


def obstacle(request: WorkflowRequest) -> str:
    """Why there is no workflow for a request; empty if there is one."""
    video = [one for one in request.conditions if one.modality == "video"]
    audio = [one for one in request.conditions if one.modality == "audio"]
    if request.has_video_reference and request.reference_temporal_factor != 1:
        return (
            f"no node shows a reference at a lower frame rate, and this one has `data.reference_temporal_factor` "
            f"{request.reference_temporal_factor}"
        )
    sound = request.find(Reference, "audio")
    if sound is not None and sound.placement != "before":
        return (
            "ComfyUI shows a reference sound at the times before the beginning, and this one was trained with "
            f"`placement: {sound.placement}`, which only `sample` does; train with `placement: before` for ComfyUI"
        )
    areas = [one for one in video if isinstance(one, SpatialCrop | Mask)]
    places = [one for one in video if not isinstance(one, SpatialCrop | Mask | Reference)]
    if areas and (places or len(areas) > 1):
        return f"{_names([*areas, *places])} of one video need a noise mask that no node makes"
    guides = [one for one in video if isinstance(one, Reference) or _has_guides(one)]
    whole = [one for one in video if isinstance(one, SpatialCrop | Mask | Suffix)]
    if guides and (whole or request.frozen == "video"):
        others = _names(whole) or "a video that is given whole"
        return f"guides ({_names(guides)}) cannot be added behind latents that have the noise mask of {others}"
    if any(isinstance(one, Mask) for one in audio) and any(isinstance(one, Prefix | Suffix) for one in audio):
        return f"{_names(audio)} of one sound are not put together"
    return ""


def _has_guides(condition: Conditioning) -> bool:
    return isinstance(condition, Keyframes) and any(frame != 0 for frame in condition.frames)


def _names(conditions: Sequence[Conditioning]) -> str:
    return " and ".join(condition.name for condition in conditions)
