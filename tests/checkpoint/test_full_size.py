"""The metadata of the 22B file, read by our loaders, gives the modules of the 22B model (built without memory)."""

import pytest
import torch

from ltx_module.checkpoint.audio_vae import audio_vae_arguments
from ltx_module.checkpoint.log_mel import MelConfig
from ltx_module.checkpoint.text import connector_arguments
from ltx_module.checkpoint.video_vae import video_vae_arguments
from ltx_module.checkpoint.vocoder import vocoder_arguments
from ltx_module.model import LTXConfig, LTXTransformer
from ltx_module.pico.config import pico_config

TRANSFORMER = {
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
# (kind, layers or multiplier) in file order, from diffusers' 2.3 config read backwards
ENCODER = [4, ("space", 2), 6, ("time", 2), 4, ("all", 2), 2, ("all", 1), 2]
DECODER = [4, ("space", 2), 6, ("time", 2), 4, ("all", 1), 2, ("all", 2), 2]


def blocks(stages, suffix):
    return [
        ["res_x", {"num_layers": s}] if isinstance(s, int) else [f"compress_{s[0]}{suffix}", {"multiplier": s[1]}]
        for s in stages
    ]


@pytest.fixture(scope="module")
def config():
    config = pico_config()
    config["transformer"] |= TRANSFORMER
    config["vae"] |= {"latent_channels": 128, "decoder_base_channels": 128}
    config["vae"] |= {"encoder_blocks": blocks(ENCODER, "_res"), "decoder_blocks": blocks(DECODER, "")}
    config["audio_vae"]["model"]["params"]["ddconfig"] |= {
        "ch": 128,
        "z_channels": 8,
        "ch_mult": [1, 2, 4],
        "num_res_blocks": 2,
    }
    for stage, width in (("vocoder", 1536), ("bwe", 512)):
        config["vocoder"][stage] |= {
            "upsample_initial_channel": width,
            "resblock_kernel_sizes": [3, 7, 11],
            "resblock_dilation_sizes": [[1, 3, 5]] * 3,
        }
    return config


def millions(build, **arguments):
    with torch.device("meta"):
        module = build(**arguments)
    return round(sum(tensor.numel() for tensor in module.state_dict().values()) / 1e6, 1)


def test_video_vae_arguments_are_those_of_the_published_conversion(config):
    arguments = video_vae_arguments(config["vae"])
    assert arguments["block_out_channels"] == (256, 512, 1024, 1024)
    assert arguments["decoder_block_out_channels"] == (256, 512, 512, 1024)
    assert arguments["layers_per_block"] == arguments["decoder_layers_per_block"] == (4, 6, 4, 2, 2)
    assert arguments["downsample_type"] == ("spatial", "temporal", "spatiotemporal", "spatiotemporal")
    assert arguments["upsample_type"] == ("spatiotemporal", "spatiotemporal", "temporal", "spatial")
    assert arguments["upsample_factor"] == (2, 2, 1, 2)
    assert arguments["decoder_spatial_padding_mode"] == "zeros"


def test_video_vae_has_726_million_parameters(config):
    from diffusers.models.autoencoders.autoencoder_kl_ltx2 import AutoencoderKLLTX2Video

    assert millions(AutoencoderKLLTX2Video, **video_vae_arguments(config["vae"])) == 726.1


def test_audio_vae_has_53_million_parameters(config):
    from diffusers.models.autoencoders.autoencoder_kl_ltx2_audio import AutoencoderKLLTX2Audio

    assert millions(AutoencoderKLLTX2Audio, **audio_vae_arguments(config["audio_vae"], MelConfig())) == 53.2


def test_vocoder_has_128_million_parameters_besides_its_bases(config):
    from diffusers.pipelines.ltx2.vocoder import LTX2VocoderWithBWE

    with torch.device("meta"):
        module = LTX2VocoderWithBWE(**vocoder_arguments(config["vocoder"]))
    assert round(sum(parameter.numel() for parameter in module.parameters()) / 1e6, 1) == 128.5


def test_connectors_and_projection_have_3172_million_parameters(config):
    from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors

    assert millions(LTX2TextConnectors, **connector_arguments(config["transformer"], 49)) == 3172.2


def test_transformer_has_18_988_838_144_parameters_in_4186_tensors(config):
    with torch.device("meta"):
        state = LTXTransformer(LTXConfig.from_metadata(config["transformer"]), "av").state_dict()
    assert (sum(tensor.numel() for tensor in state.values()), len(state)) == (18_988_838_144, 4186)
