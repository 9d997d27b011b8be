"""Sizes of pico in the words of the published metadata: every switch of LTX-2.3, 1/3500 of its weights.

Real values beside ours: 48 blocks, 32 heads of 128 and of 64, 128 latent channels, 8 x 16 audio latents, 49 text
states of width 3840, 8 connector layers.
"""

from collections.abc import Iterable, Sequence
from typing import Any

MODEL_VERSION = "2.3.0"
TEXT_WIDTH = 128  # bitsandbytes packs 4-bit weights in blocks of 64
TEXT_LAYERS = 4
LATENT_CHANNELS = 64
AUDIO_CHANNELS = 2
MEL_BINS = 64
_VIDEO_HEADS, _VIDEO_HEAD_DIM = 5, 32
_AUDIO_HEADS, _AUDIO_HEAD_DIM = 5, 16
# as in the published file
_TRANSFORMER_SWITCHES: dict[str, Any] = {
    "_class_name": "AVTransformer3DModel",
    "activation_fn": "gelu-approximate",
    "apply_gated_attention": True,
    "attention_bias": True,
    "audio_positional_embedding_max_pos": [20],
    "av_ca_timestep_scale_multiplier": 1000.0,
    "av_cross_ada_norm": True,
    "caption_proj_before_connector": True,
    "caption_proj_input_norm": False,
    "caption_projection_first_linear": False,
    "caption_projection_second_linear": False,
    "connector_apply_gated_attention": True,
    "connector_positional_embedding_max_pos": [4096],
    "cross_attention_adaln": True,
    "cross_attention_norm": True,
    "dropout": 0.0,
    "frequencies_precision": "float64",
    "norm_elementwise_affine": False,
    "norm_eps": 1e-06,
    "num_embeds_ada_norm": 1000,
    "positional_embedding_max_pos": [20, 2048, 2048],
    "positional_embedding_theta": 10000.0,
    "positional_embedding_type": "rope",
    "qk_norm": "rms_norm",
    "rope_type": "split",
    "share_ff": False,
    "standardization_norm": "rms_norm",
    "timestep_scale_multiplier": 1000,
    "use_audio_video_cross_attention": True,
    "use_middle_indices_grid": True,
}


def pico_config() -> dict[str, Any]:
    """The `config` metadata of the single file."""
    return {
        "transformer": _transformer(),
        "vae": _video_vae(),
        "audio_vae": _audio_vae(),
        "vocoder": _vocoder(),
        "scheduler": {"_class_name": "RectifiedFlowScheduler", "num_train_timesteps": 1000},
    }


def gemma_config(vocabulary: dict[str, int]) -> dict[str, Any]:
    """The `config.json` of the Gemma directory, with the sections that the published one has."""
    return {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "torch_dtype": "bfloat16",
        "bos_token_id": vocabulary["<bos>"],
        "eos_token_id": [vocabulary["<eos>"]],
        "pad_token_id": vocabulary["<pad>"],
        "boi_token_index": vocabulary["<start_of_image>"],
        "eoi_token_index": vocabulary["<end_of_image>"],
        "image_token_index": vocabulary["<image_soft_token>"],
        "initializer_range": 0.02,
        "mm_tokens_per_image": 4,
        "text_config": {
            "model_type": "gemma3_text",
            "vocab_size": len(vocabulary),
            "hidden_size": TEXT_WIDTH,
            "intermediate_size": 256,
            "num_hidden_layers": TEXT_LAYERS,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
            "query_pre_attn_scalar": 32,
            "sliding_window": 128,
            "sliding_window_pattern": 2,
            "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        },
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_attention_heads": 2,
            "num_hidden_layers": 1,
            "image_size": 56,
            "patch_size": 14,
            "vision_use_head": False,
        },
    }


def _transformer() -> dict[str, Any]:
    return _TRANSFORMER_SWITCHES | _transformer_sizes()


def _transformer_sizes() -> dict[str, Any]:
    return {
        "attention_head_dim": _VIDEO_HEAD_DIM,
        "audio_attention_head_dim": _AUDIO_HEAD_DIM,
        "audio_connector_attention_head_dim": _AUDIO_HEAD_DIM,
        "audio_connector_num_attention_heads": _AUDIO_HEADS,
        "audio_connector_num_layers": 1,
        "audio_cross_attention_dim": _AUDIO_HEADS * _AUDIO_HEAD_DIM,
        "audio_in_channels": AUDIO_CHANNELS * MEL_BINS // 4,
        "audio_num_attention_heads": _AUDIO_HEADS,
        "audio_out_channels": AUDIO_CHANNELS * MEL_BINS // 4,
        "caption_channels": TEXT_WIDTH,
        "connector_attention_head_dim": _VIDEO_HEAD_DIM,
        "connector_num_attention_heads": _VIDEO_HEADS,
        "connector_num_layers": 1,
        "cross_attention_dim": _VIDEO_HEADS * _VIDEO_HEAD_DIM,
        "in_channels": LATENT_CHANNELS,
        "num_attention_heads": _VIDEO_HEADS,
        "num_layers": 6,
        "out_channels": LATENT_CHANNELS,
    }


def _video_vae() -> dict[str, Any]:
    # widths: encoder 64 64 64 64 128, decoder 96 48 48 48 48 in order of execution
    encoder = ("space", 1), ("time", 1), ("all", 1), ("all", 2)
    decoder = ("space", 1), ("time", 1), ("all", 1), ("all", 2)  # listed from the pixels inwards
    return {
        "_class_name": "CausalVideoAutoencoder",
        "dims": 3,
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": LATENT_CHANNELS,
        "encoder_blocks": _stages(encoder, "compress_{}_res", layers=(1, 1, 1, 1, 1)),
        "decoder_blocks": _stages(decoder, "compress_{}", layers=(1, 1, 1, 2, 1)),
        "norm_layer": "pixel_norm",
        "patch_size": 4,
        "latent_log_var": "uniform",
        "causal_decoder": False,
        "timestep_conditioning": False,
        "decoder_base_channels": 48,
        "spatial_padding_mode": "zeros",
    }


def _stages(steps: Iterable[tuple[str, int]], name: str, layers: Sequence[int]) -> list[list[Any]]:
    """Residual blocks, with a change of size and width between each two."""
    blocks: list[list[Any]] = [["res_x", {"num_layers": layers[0]}]]
    for (kind, multiplier), number in zip(steps, layers[1:], strict=True):
        blocks += [[name.format(kind), {"multiplier": multiplier}], ["res_x", {"num_layers": number}]]
    return blocks


def _audio_vae() -> dict[str, Any]:
    sizes = {
        "double_z": True,
        "mel_bins": MEL_BINS,
        "z_channels": AUDIO_CHANNELS,
        "resolution": 256,
        "in_channels": 2,
        "out_ch": 2,
        "ch": AUDIO_CHANNELS * MEL_BINS // 4,  # the packed latent, which its statistics describe
        "ch_mult": [1, 1, 2],
        "num_res_blocks": 1,
        "attn_resolutions": [],
        "dropout": 0.0,
        "mid_block_add_attention": False,
        "norm_type": "pixel",
        "causality_axis": "height",
    }
    return {
        "model": {"params": {"ddconfig": sizes, "sampling_rate": 16000}},
        "preprocessing": {
            "audio": {"sampling_rate": 16000},
            "stft": {"filter_length": 1024, "hop_length": 160, "win_length": 1024, "causal": True},
            "mel": {"n_mel_channels": MEL_BINS, "mel_fmin": 0, "mel_fmax": 8000},
        },
    }


def _vocoder() -> dict[str, Any]:
    shared = {
        "upsample_initial_channel": 96,
        "resblock_kernel_sizes": [3, 7],
        "resblock_dilation_sizes": [[1, 3], [1, 3]],
        "resblock": "AMP1",
        "activation": "snakebeta",
        "use_tanh_at_final": False,
        "use_bias_at_final": False,
    }
    first = {
        "upsample_rates": [5, 4, 4, 2],
        "upsample_kernel_sizes": [11, 8, 8, 4],
        "output_sampling_rate": 16000,
    }
    extension = {
        "upsample_rates": [6, 5, 4, 2],
        "upsample_kernel_sizes": [12, 11, 8, 4],
        "apply_final_activation": False,
        "input_sampling_rate": 16000,
        "output_sampling_rate": 48000,
        "hop_length": 80,
        "n_fft": 256,
        "num_mels": MEL_BINS,
    }
    return {"vocoder": shared | first, "bwe": shared | extension}
