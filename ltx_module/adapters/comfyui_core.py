"""The ComfyUI core nodes that exported workflows use.

Names, inputs and outputs are those of ComfyUI's own source. LTXVDualCFGGuider and LTXVModalityGuidance came with v0.32;
older builds may also lack GetICLoRAParameters, ReplaceVideoLatentFrames and negative indices of ImageFromBatch.
"""

from ltx_module.adapters.comfyui_types import Kind, NodeType

_CONDITIONED: dict[str, Kind] = {"positive": "CONDITIONING", "negative": "CONDITIONING"}
_GUIDED: dict[str, Kind] = {"model": "MODEL", **_CONDITIONED}
_RANGE: dict[str, Kind] = {"start_percent": "FLOAT", "end_percent": "FLOAT"}
_SIZE: dict[str, Kind] = {"width": "INT", "height": "INT"}
_TILES: dict[str, Kind] = dict.fromkeys(("tile_size", "overlap", "temporal_size", "temporal_overlap"), "INT")
_SIDES: dict[str, Kind] = dict.fromkeys(("left", "top", "right", "bottom", "feathering"), "INT")

_LOADERS = {
    "CheckpointLoaderSimple": NodeType({"ckpt_name": "STRING"}, ("MODEL", "CLIP", "VAE")),
    "LTXAVTextEncoderLoader": NodeType(
        {"text_encoder": "STRING", "ckpt_name": "STRING", "device": ("default", "cpu")}, ("CLIP",)
    ),
    "LTXVAudioVAELoader": NodeType({"ckpt_name": "STRING"}, ("VAE",)),
    "LoraLoaderModelOnly": NodeType({"model": "MODEL", "lora_name": "STRING", "strength_model": "FLOAT"}, ("MODEL",)),
    "LoadImage": NodeType({"image": "STRING"}, ("IMAGE", "MASK")),
    "LoadVideo": NodeType({"file": "STRING"}, ("VIDEO",)),
    "LoadAudio": NodeType({"audio": "STRING"}, ("AUDIO",)),
}

_TEXT_AND_SAMPLING = {
    "CLIPTextEncode": NodeType({"clip": "CLIP", "text": "STRING"}, ("CONDITIONING",)),
    "LTXVConditioning": NodeType({**_CONDITIONED, "frame_rate": "FLOAT"}, ("CONDITIONING", "CONDITIONING")),
    "LTXVSpatioTemporalGuidance": NodeType(
        {"model": "MODEL", "scale": "FLOAT", "blocks": "STRING", **_RANGE}, ("MODEL",)
    ),
    "LTXVModalityGuidance": NodeType({"model": "MODEL", "modality_scale": "FLOAT", **_RANGE}, ("MODEL",)),
    "CFGGuider": NodeType({**_GUIDED, "cfg": "FLOAT"}, ("GUIDER",)),
    "LTXVDualCFGGuider": NodeType({**_GUIDED, "video_cfg": "FLOAT", "audio_cfg": "FLOAT"}, ("GUIDER",)),
    "KSamplerSelect": NodeType({"sampler_name": "STRING"}, ("SAMPLER",)),
    "ManualSigmas": NodeType({"sigmas": "STRING"}, ("SIGMAS",)),
    "LTXVScheduler": NodeType(
        {"steps": "INT", "max_shift": "FLOAT", "base_shift": "FLOAT", "stretch": "BOOLEAN", "terminal": "FLOAT"},
        ("SIGMAS",),
        {"latent": "LATENT"},
    ),
    "RandomNoise": NodeType({"noise_seed": "INT"}, ("NOISE",)),
    "SamplerCustomAdvanced": NodeType(
        {"noise": "NOISE", "guider": "GUIDER", "sampler": "SAMPLER", "sigmas": "SIGMAS", "latent_image": "LATENT"},
        ("LATENT", "LATENT"),
    ),
}

_LATENTS = {
    "EmptyLTXVLatentVideo": NodeType({**_SIZE, "length": "INT", "batch_size": "INT"}, ("LATENT",)),
    "LTXVEmptyLatentAudio": NodeType(
        {"frames_number": "INT", "frame_rate": "FLOAT", "batch_size": "INT", "audio_vae": "VAE"}, ("LATENT",)
    ),
    "LTXVConcatAVLatent": NodeType({"video_latent": "LATENT", "audio_latent": "LATENT"}, ("LATENT",)),
    "LTXVSeparateAVLatent": NodeType({"av_latent": "LATENT"}, ("LATENT", "LATENT")),
    "VAEEncode": NodeType({"pixels": "IMAGE", "vae": "VAE"}, ("LATENT",)),
    "VAEDecodeTiled": NodeType({"samples": "LATENT", "vae": "VAE", **_TILES}, ("IMAGE",)),
    "LTXVAudioVAEEncode": NodeType({"audio": "AUDIO", "audio_vae": "VAE"}, ("LATENT",)),
    "LTXVAudioVAEDecode": NodeType({"samples": "LATENT", "audio_vae": "VAE"}, ("AUDIO",)),
    "SetLatentNoiseMask": NodeType({"samples": "LATENT", "mask": "MASK"}, ("LATENT",)),
    "LatentCut": NodeType({"samples": "LATENT", "dim": ("x", "y", "t"), "index": "INT", "amount": "INT"}, ("LATENT",)),
    "LatentConcat": NodeType(
        {"samples1": "LATENT", "samples2": "LATENT", "dim": ("x", "-x", "y", "-y", "t", "-t")}, ("LATENT",)
    ),
    "ReplaceVideoLatentFrames": NodeType({"destination": "LATENT", "index": "INT"}, ("LATENT",), {"source": "LATENT"}),
}

_CONDITIONS = {
    "LTXVPreprocess": NodeType({"image": "IMAGE", "img_compression": "INT"}, ("IMAGE",)),
    "LTXVImgToVideoInplace": NodeType(
        {"vae": "VAE", "image": "IMAGE", "latent": "LATENT", "strength": "FLOAT", "bypass": "BOOLEAN"}, ("LATENT",)
    ),
    "LTXVAddGuide": NodeType(
        {**_CONDITIONED, "vae": "VAE", "latent": "LATENT", "image": "IMAGE", "frame_idx": "INT", "strength": "FLOAT"},
        ("CONDITIONING", "CONDITIONING", "LATENT"),
        {"attention_mask": "MASK", "iclora_parameters": "IC_LORA_PARAMETERS"},
    ),
    "LTXVCropGuides": NodeType({**_CONDITIONED, "latent": "LATENT"}, ("CONDITIONING", "CONDITIONING", "LATENT")),
    "GetICLoRAParameters": NodeType({"iclora_model": "MODEL"}, ("IC_LORA_PARAMETERS",)),
    "LTXVReferenceAudio": NodeType(
        {**_GUIDED, "reference_audio": "AUDIO", "audio_vae": "VAE", "identity_guidance_scale": "FLOAT", **_RANGE},
        ("MODEL", "CONDITIONING", "CONDITIONING"),
    ),
}

_MEDIA = {
    "GetVideoComponents": NodeType({"video": "VIDEO"}, ("IMAGE", "AUDIO", "FLOAT")),
    "CreateVideo": NodeType({"images": "IMAGE", "fps": "FLOAT"}, ("VIDEO",), {"audio": "AUDIO"}),
    "SaveVideo": NodeType({"video": "VIDEO", "filename_prefix": "STRING", "format": "STRING", "codec": "STRING"}),
    "SaveAudio": NodeType({"audio": "AUDIO", "filename_prefix": "STRING"}),
    "TrimAudioDuration": NodeType({"audio": "AUDIO", "start_index": "FLOAT", "duration": "FLOAT"}, ("AUDIO",)),
    "EmptyAudio": NodeType({"duration": "FLOAT", "sample_rate": "INT", "channels": "INT"}, ("AUDIO",)),
    "AudioConcat": NodeType({"audio1": "AUDIO", "audio2": "AUDIO", "direction": ("after", "before")}, ("AUDIO",)),
    "ImageScale": NodeType(
        {
            "image": "IMAGE",
            "upscale_method": ("nearest-exact", "bilinear", "area", "bicubic", "lanczos"),
            **_SIZE,
            "crop": ("disabled", "center"),
        },
        ("IMAGE",),
    ),
    "ImageFromBatch": NodeType({"image": "IMAGE", "batch_index": "INT", "length": "INT"}, ("IMAGE",)),
    "ImageBatch": NodeType({"image1": "IMAGE", "image2": "IMAGE"}, ("IMAGE",)),
    "RepeatImageBatch": NodeType({"image": "IMAGE", "amount": "INT"}, ("IMAGE",)),
    "ImagePadForOutpaint": NodeType({"image": "IMAGE", **_SIDES}, ("IMAGE", "MASK")),
}

_MASKS = {
    "SolidMask": NodeType({"value": "FLOAT", **_SIZE}, ("MASK",)),
    "MaskComposite": NodeType(
        {
            "destination": "MASK",
            "source": "MASK",
            "x": "INT",
            "y": "INT",
            "operation": ("multiply", "add", "subtract", "and", "or", "xor"),
        },
        ("MASK",),
    ),
    "ThresholdMask": NodeType({"mask": "MASK", "value": "FLOAT"}, ("MASK",)),
    "MaskToImage": NodeType({"mask": "MASK"}, ("IMAGE",)),
    "ImageToMask": NodeType({"image": "IMAGE", "channel": ("red", "green", "blue", "alpha")}, ("MASK",)),
}

CORE_NODES: dict[str, NodeType] = {**_LOADERS, **_TEXT_AND_SAMPLING, **_LATENTS, **_CONDITIONS, **_MEDIA, **_MASKS}
"""By class."""
