"""The metadata of the 22B file, read by our loaders, gives the modules of the 22B model (built without memory)."""

import pytest
import torch

from benchmarks.full_size_config import full_size_config
from ltx_module.checkpoint.audio_vae import audio_vae_arguments
from ltx_module.checkpoint.log_mel import MelConfig
from ltx_module.checkpoint.text import connector_arguments
from ltx_module.checkpoint.video_vae import video_vae_arguments
from ltx_module.checkpoint.vocoder import vocoder_arguments
from ltx_module.model import LTXConfig, LTXTransformer


@pytest.fixture(scope="module")
def config():
    return full_size_config()


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
