"""The ComfyUI workflows of an export: API graphs whose numbers come from the sampling preset of the same name.

    loaders -> (distilled LoRA) -> LoRA -> guider
    text -> LTXVConditioning -> guider       empty video + audio latents -> sampler -> separate -> decode -> video

`fast` guides with one cfg of 1 and lists its sigmas; `quality` chains the guidance nodes and lets LTXVScheduler make
them, with `latent` unconnected, so that they are those of 4096 tokens and equal ours.
"""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from datamodules.clip import final_caption
from datamodules.geometry import Bucket
from ltx_module.adapters.comfyui_nodes import Workflow
from ltx_module.diffusion.presets import Preset
from ltx_module.diffusion.sigmas import DISTILLED_SIGMAS

DISTILLED_LORA = "ltx-2.3-22b-distilled-lora-384-1.1.safetensors"
TEXT_ENCODER = "comfy_gemma_3_12B_it.safetensors"

_SCHEDULER = {"max_shift": 2.05, "base_shift": 0.95, "stretch": True, "terminal": 0.1}  # the reference schedule
_WHOLE_RANGE = {"start_percent": 0.0, "end_percent": 1.0}


@dataclass(frozen=True, kw_only=True)
class WorkflowRequest:
    """What a workflow is filled in with."""

    lora: str
    """File name of the LoRA below ComfyUI's `models/loras`."""
    checkpoint: str
    """File name of the base model below `models/checkpoints`."""
    prompt: str
    """Prompt; the trigger is put in front where it lacks it."""
    negative_prompt: str
    """What guidance steers away from."""
    trigger: str = ""
    """Trigger word."""
    bucket: Bucket
    """Size and length of the video."""
    fps: float = 24.0
    """Frames per second that the LoRA was trained at."""
    seed: int = 42
    """Seed of the start noise."""
    strength: float = 1.0
    """Strength of the LoRA."""
    stg_blocks: tuple[int, ...] = (28,)
    """Blocks whose self-attention the STG pass skips."""
    text_encoder: str = TEXT_ENCODER
    """File name of Gemma 3 below `models/text_encoders`."""
    distilled_lora: str = DISTILLED_LORA
    """File name of the distilled LoRA below `models/loras`, for `fast`."""


def build_workflow(preset: Preset, request: WorkflowRequest) -> Workflow:
    """The graph of a preset.

    Args:
        preset: Sampler, sigmas and guidance; `rescale` must be 0.
        request: File names, texts, size and seed.

    Raises:
        ValueError: If core nodes cannot express the preset.
    """
    graph = _loaders(preset, request) | _inputs(request) | _guidance(preset, request) | _outputs(request)
    return {number: graph[number] for number in sorted(graph, key=int)}


def _loaders(preset: Preset, request: WorkflowRequest) -> Workflow:
    model = ["1", 0]
    graph = {
        "1": _node("CheckpointLoaderSimple", ckpt_name=request.checkpoint),
        "2": _node(
            "LTXAVTextEncoderLoader",
            text_encoder=request.text_encoder,
            ckpt_name=request.checkpoint,
            device="default",
        ),
        "3": _node("LTXVAudioVAELoader", ckpt_name=request.checkpoint),
    }
    if preset.distilled_lora_strength and "distilled" not in request.checkpoint.lower():
        graph["4"] = _lora(model, request.distilled_lora, preset.distilled_lora_strength)
        model = ["4", 0]
    return graph | {"5": _lora(model, request.lora, request.strength)}


def _inputs(request: WorkflowRequest) -> Workflow:
    bucket, fps = request.bucket, request.fps
    whole_fps = int(fps) if fps == int(fps) else fps  # older builds take whole numbers alone in the audio latent
    return {
        "6": _node("CLIPTextEncode", clip=["2", 0], text=final_caption(request.prompt, request.trigger)),
        "7": _node("CLIPTextEncode", clip=["2", 0], text=request.negative_prompt),
        "8": _node("LTXVConditioning", positive=["6", 0], negative=["7", 0], frame_rate=float(fps)),
        "9": _node(
            "EmptyLTXVLatentVideo", width=bucket.width, height=bucket.height, length=bucket.frames, batch_size=1
        ),
        "10": _node(
            "LTXVEmptyLatentAudio", frames_number=bucket.frames, frame_rate=whole_fps, batch_size=1, audio_vae=["3", 0]
        ),
        "11": _node("LTXVConcatAVLatent", video_latent=["9", 0], audio_latent=["10", 0]),
        "15": _node("RandomNoise", noise_seed=request.seed),
    }


def _guidance(preset: Preset, request: WorkflowRequest) -> Workflow:
    """Nodes 12 (guider), 13 (sampler), 14 (sigmas), and 22 and 23 for the extra passes."""
    video, audio = preset.video, preset.audio
    if video.rescale or audio.rescale or (video.stg, video.modality) != (audio.stg, audio.modality):
        raise ValueError(
            f"the preset {preset.name} rescales, or has separate STG or modality scales for video and audio, which "
            "core ComfyUI nodes cannot do: export fast or quality."
        )
    graph, model = {"13": _node("KSamplerSelect", sampler_name=preset.sampler)}, ["5", 0]
    if video.stg:
        blocks = ", ".join(map(str, request.stg_blocks))
        graph["22"] = _node("LTXVSpatioTemporalGuidance", model=model, scale=video.stg, blocks=blocks, **_WHOLE_RANGE)
        model = ["22", 0]
    if video.modality != 1:
        graph["23"] = _node("LTXVModalityGuidance", model=model, modality_scale=video.modality, **_WHOLE_RANGE)
        model = ["23", 0]
    guided = {"model": model, "positive": ["8", 0], "negative": ["8", 1]}
    if video.cfg == audio.cfg:
        graph["12"] = _node("CFGGuider", **guided, cfg=video.cfg)
    else:
        graph["12"] = _node("LTXVDualCFGGuider", **guided, video_cfg=video.cfg, audio_cfg=audio.cfg)
    if preset.sigmas == "distilled":
        graph["14"] = _node("ManualSigmas", sigmas=", ".join(map(str, DISTILLED_SIGMAS)))
    else:
        graph["14"] = _node("LTXVScheduler", steps=preset.sigmas, **_SCHEDULER)
    return graph


def _outputs(request: WorkflowRequest) -> Workflow:
    return {
        "16": _node(
            "SamplerCustomAdvanced",
            noise=["15", 0],
            guider=["12", 0],
            sampler=["13", 0],
            sigmas=["14", 0],
            latent_image=["11", 0],
        ),
        "17": _node("LTXVSeparateAVLatent", av_latent=["16", 0]),
        "18": _node(
            "VAEDecodeTiled",
            samples=["17", 0],
            vae=["1", 2],
            tile_size=512,
            overlap=64,
            temporal_size=64,
            temporal_overlap=8,
        ),
        "19": _node("LTXVAudioVAEDecode", samples=["17", 1], audio_vae=["3", 0]),
        "20": _node("CreateVideo", images=["18", 0], audio=["19", 0], fps=float(request.fps)),
        "21": _node(
            "SaveVideo", video=["20", 0], filename_prefix=PurePath(request.lora).stem, format="auto", codec="auto"
        ),
    }


def _lora(model: list[Any], name: str, strength: float) -> dict[str, Any]:
    return _node("LoraLoaderModelOnly", model=model, lora_name=name, strength_model=strength)


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}
