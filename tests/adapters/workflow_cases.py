"""Every mode that there are workflows for, small, and the files that their loaders pick."""

from dataclasses import replace

import torch

from datamodules.geometry import Bucket
from ltx_module.adapters import WorkflowRequest
from ltx_module.adapters.workflows import assemble
from ltx_module.diffusion.conditioning import FirstFrame, Keyframes, Mask, Prefix, Reference, SpatialCrop, Suffix
from ltx_module.diffusion.presets import PRESETS
from tests.adapters.comfyui_simulation import ComfyUI

BUCKET = Bucket(width=128, height=96, frames=33)  # 5x3x4 latents
SOUND = Bucket.parse("2s")  # 50 latents
REQUEST = WorkflowRequest(
    lora="MY.safetensors",
    checkpoint="ltx-2.3-22b-dev.safetensors",
    prompt="a cat",
    negative_prompt="ugly",
    bucket=BUCKET,
)
VOICE = Reference(modality="audio", placement="before")
MODES = {
    "text": {},
    "image": {"conditions": (FirstFrame(recompress=33),)},
    "keyframes": {"conditions": (Keyframes(),)},
    "extend": {"conditions": (Prefix(latent_frames=2),)},
    "lead in": {"conditions": (Suffix(latent_frames=2),)},
    "between": {"conditions": (Prefix(latent_frames=2), Suffix(latent_frames=1))},
    "extend both": {"conditions": (Prefix(latent_frames=2), Prefix(modality="audio", seconds=0.4))},
    "outpaint": {"conditions": (SpatialCrop(),), "streams": "video"},
    "inpaint": {"conditions": (Mask(),), "streams": "video"},
    "inpaint moving": {"conditions": (Mask(),), "moving_mask": True},
    "reference": {"conditions": (Reference(),)},
    "reference and image": {"conditions": (Reference(), FirstFrame())},
    "small reference": {
        "conditions": (Reference(),),
        "reference_downscale_factor": 2,
        "bucket": replace(BUCKET, height=64),
    },
    "both references": {"conditions": (Reference(), VOICE)},
    "sound to video": {"frozen": "audio"},
    "video to sound": {"frozen": "video"},
    "sound": {"streams": "audio", "bucket": SOUND},
    "sound extend": {"streams": "audio", "bucket": SOUND, "conditions": (Prefix(modality="audio", seconds=0.4),)},
    "sound lead in": {"streams": "audio", "bucket": SOUND, "conditions": (Suffix(modality="audio", seconds=0.4),)},
    "sound inpaint": {"streams": "audio", "bucket": SOUND, "conditions": (Mask(modality="audio"),)},
    "sound reference": {"streams": "audio", "bucket": SOUND, "conditions": (VOICE,)},
}


def frames(count, height=96, width=128, first=1.0):
    """Frames that hold their number."""
    return (torch.arange(count) + first)[:, None, None, None].expand(-1, height, width, 3)


FILES = {
    "image.png": frames(1, first=50.0),
    "last_image.png": frames(1, first=60.0),
    "video.mp4": frames(100),
    "reference_video.mp4": frames(100, first=1000.0),
    "audio.wav": torch.arange(300) + 1.0,
    "reference_audio.wav": torch.ones(300),
}


def built(preset="fast", **changes):
    return assemble(PRESETS[preset], replace(REQUEST, **changes))


def sampled(files=FILES, **changes):
    return ComfyUI(built(**changes).graph, files).sampled()


def nodes(graph, class_type):
    return [node["inputs"] for node in graph.values() if node["class_type"] == class_type]


def given(latent):
    """Tokens under a noise mask of 0; no token may be half given."""
    mask = latent.noise_mask[0, 0]
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    return (mask == 0).flatten() if mask.ndim == 3 else (mask == 0).all(dim=1)


def before(graph, number, other):
    """Whether a node is needed for another."""
    links = [value[0] for value in graph[other]["inputs"].values() if isinstance(value, list)]
    return number in links or any(before(graph, number, link) for link in links)
