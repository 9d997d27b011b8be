"""The metadata of the published 22B file, from which our loaders build the 22B modules."""

from typing import Any

from ltx_module.pico.config import pico_config

TEXT_STATES = 49
"""Hidden states of Gemma 3 12B: the embedding and 48 layers."""
_TRANSFORMER = {
    "num_layers": 48,
    "num_attention_heads": 32,
    "attention_head_dim": 128,
    "in_channels": 128,
    "out_channels": 128,
    "cross_attention_dim": 4096,
    "audio_num_attention_heads": 32,
    "audio_attention_head_dim": 64,
    "audio_in_channels": 128,
    "audio_out_channels": 128,
    "audio_cross_attention_dim": 2048,
    "caption_channels": 3840,
    "connector_num_attention_heads": 32,
    "connector_attention_head_dim": 128,
    "connector_num_layers": 8,
    "audio_connector_num_attention_heads": 32,
    "audio_connector_attention_head_dim": 64,
    "audio_connector_num_layers": 8,
}
# residual layers, or a resampler with its multiplier, in file order, from diffusers' 2.3 config read backwards
_Stage = int | tuple[str, int]
_ENCODER: list[_Stage] = [4, ("space", 2), 6, ("time", 2), 4, ("all", 2), 2, ("all", 1), 2]
_DECODER: list[_Stage] = [4, ("space", 2), 6, ("time", 2), 4, ("all", 1), 2, ("all", 2), 2]


def full_size_config() -> dict[str, Any]:
    """The `config` metadata of `ltx-2.3-22b-dev.safetensors`."""
    config = pico_config()
    config["transformer"] |= _TRANSFORMER
    config["vae"] |= {"latent_channels": 128, "decoder_base_channels": 128}
    config["vae"] |= {"encoder_blocks": _blocks(_ENCODER, "_res"), "decoder_blocks": _blocks(_DECODER, "")}
    audio = config["audio_vae"]["model"]["params"]["ddconfig"]
    audio |= {"ch": 128, "z_channels": 8, "ch_mult": [1, 2, 4], "num_res_blocks": 2}
    config["vocoder"]["bwe"]["n_fft"] = 512
    for stage, width, rates, kernels in (
        ("vocoder", 1536, [5, 2, 2, 2, 2, 2], [11, 4, 4, 4, 4, 4]),
        ("bwe", 512, [6, 5, 2, 2, 2], [12, 11, 4, 4, 4]),
    ):
        config["vocoder"][stage] |= {
            "upsample_rates": rates,
            "upsample_kernel_sizes": kernels,
            "upsample_initial_channel": width,
            "resblock_kernel_sizes": [3, 7, 11],
            "resblock_dilation_sizes": [[1, 3, 5]] * 3,
        }
    return config


def _blocks(stages: list[_Stage], suffix: str) -> list[list[Any]]:
    return [
        ["res_x", {"num_layers": stage}]
        if isinstance(stage, int)
        else [f"compress_{stage[0]}{suffix}", {"multiplier": stage[1]}]
        for stage in stages
    ]
