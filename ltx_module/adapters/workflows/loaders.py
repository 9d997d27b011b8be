"""Models, LoRAs and text: what every workflow begins with."""

from datamodules.manifest.clip import final_caption
from ltx_module.adapters.workflows.graph import Draft, Link, Node
from ltx_module.diffusion.presets import Preset

VIDEO_VAE: Link = ["1", 2]
AUDIO_VAE: Link = ["3", 0]
LORA: Link = ["5", 0]
"""The model right behind the LoRA, which carries the metadata of its file."""


def add_loaders(draft: Draft, preset: Preset) -> None:
    """Nodes 1 to 7: checkpoint, text encoder, audio VAE, distilled LoRA, LoRA, prompts."""
    request = draft.request
    draft.model = draft.add("CheckpointLoaderSimple", at="1", ckpt_name=request.checkpoint)[0]
    draft.add(
        "LTXAVTextEncoderLoader",
        at="2",
        text_encoder=request.text_encoder,
        ckpt_name=request.checkpoint,
        device="default",
    )
    draft.add("LTXVAudioVAELoader", at="3", ckpt_name=request.checkpoint)
    if preset.distilled_lora_strength and "distilled" not in request.checkpoint.lower():
        draft.model = _lora(draft, "4", request.distilled_lora, preset.distilled_lora_strength)[0]
    draft.model = _lora(draft, "5", request.lora, request.strength)[0]
    text = final_caption(request.prompt, request.trigger)
    draft.add("CLIPTextEncode", at="6", clip=["2", 0], text=text)
    draft.add("CLIPTextEncode", at="7", clip=["2", 0], text=request.negative_prompt)


def add_rate(draft: Draft) -> None:
    """Node 8: the prompts with the frame rate, which a given video may set."""
    draft.add("LTXVConditioning", at="8", positive=["6", 0], negative=["7", 0], frame_rate=draft.fps)


def _lora(draft: Draft, number: str, name: str, strength: float) -> Node:
    return draft.add("LoraLoaderModelOnly", at=number, model=draft.model, lora_name=name, strength_model=strength)
