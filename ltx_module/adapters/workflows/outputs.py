"""From noise to a saved file: sampler, decoders, output."""

from pathlib import PurePath
from typing import Any

from ltx_module.adapters.workflows.graph import Draft, Link
from ltx_module.adapters.workflows.loaders import AUDIO_VAE, VIDEO_VAE

_TILES: dict[str, Any] = {"tile_size": 512, "overlap": 64, "temporal_size": 64, "temporal_overlap": 8}


def add_outputs(draft: Draft) -> None:
    """Nodes 11 and 16 to 21, and 24 where guides are cropped off."""
    draft.add("LTXVConcatAVLatent", at="11", video_latent=draft.video, audio_latent=draft.audio)
    draft.add(
        "SamplerCustomAdvanced",
        at="16",
        noise=["15", 0],
        guider=["12", 0],
        sampler=["13", 0],
        sigmas=["14", 0],
        latent_image=["11", 0],
    )
    draft.add("LTXVSeparateAVLatent", at="17", av_latent=["16", 0])
    sound = draft.sound or draft.add("LTXVAudioVAEDecode", at="19", samples=["17", 1], audio_vae=AUDIO_VAE)[0]
    name = PurePath(draft.request.lora).stem
    if draft.request.streams == "audio":
        draft.add("SaveAudio", at="21", audio=sound, filename_prefix=name)
        return
    pictures = draft.pictures or _decoded(draft)
    video = draft.add("CreateVideo", at="20", images=pictures, audio=sound, fps=draft.fps)
    draft.add("SaveVideo", at="21", video=video[0], filename_prefix=name, format="auto", codec="auto")


def _decoded(draft: Draft) -> Link:
    latents: Link = ["17", 0]
    if draft.has_guides:
        latents = draft.add(
            "LTXVCropGuides", at="24", positive=draft.positive, negative=draft.negative, latent=latents
        )[2]
    return draft.add("VAEDecodeTiled", at="18", samples=latents, vae=VIDEO_VAE, **_TILES)[0]
