"""The nodes of Lightricks' own pack that exported workflows use where the core has none."""

from ltx_module.adapters.comfyui_types import NodeType

PACK = "ComfyUI-LTXVideo"
"""The pack, as the ComfyUI Manager names it."""

PACK_NODES: dict[str, NodeType] = {
    "LTXVAudioOnlyModel": NodeType({"model": "MODEL"}, ("MODEL",)),
    "LTXVAudioOnlyEmptyVideoLatent": NodeType({}, ("LATENT",)),
    "LTXVPreprocessMasks": NodeType(
        {
            "masks": "MASK",
            "vae": "VAE",
            "invert_input_masks": "BOOLEAN",
            "ignore_first_mask": "BOOLEAN",
            "pooling_method": ("max", "mean", "min"),
            "grow_mask": "INT",
            "tapered_corners": "BOOLEAN",
            "clamp_min": "FLOAT",
            "clamp_max": "FLOAT",
        },
        ("MASK",),
    ),
}
"""By class."""
