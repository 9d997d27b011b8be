"""Every component loaded from the tiny file gives the numbers of the reference implementation."""

import pytest
import torch

from ltx_module.model import Modality

GOLDEN_CASES = [
    "text",
    "video_vae",
    "video_vae_image",
    "audio",
    "vocoder",
    "transformer.shared_sigma",
    "transformer.video_only",
    "transformer.audio_only",
    "transformer.fp8_shared_sigma",
]
FIELDS = ("latent", "sigma", "timesteps", "positions", "context")


def deviation(found: torch.Tensor, expected: torch.Tensor) -> float:
    assert found.shape == expected.shape
    return float((found - expected).abs().max())


def velocities(transformer, golden, case, names):
    modalities = {name: Modality(**{f: golden[f"{case}.{name}_{f}"] for f in FIELDS}) for name in names}
    with torch.no_grad():
        outputs = transformer(modalities.get("video"), modalities.get("audio"))
    return dict(zip(("video", "audio"), outputs, strict=True))


@pytest.mark.parametrize(
    ("case", "streams", "names"),
    [
        ("transformer.shared_sigma", "av", ("video", "audio")),
        ("transformer.video_only", "video", ("video",)),
        ("transformer.audio_only", "audio", ("audio",)),
    ],
)
def test_each_choice_of_streams_loads_into_the_reference_velocities(tiny, golden, case, streams, names):
    outputs = velocities(tiny.load_transformer(streams, torch.float32), golden, case, names)
    for name in names:
        expected = golden[f"{case}.{name}_velocity"]
        assert deviation(outputs[name], expected) < 2e-5 * max(1, expected.abs().max() / 4)


def test_scaled_fp8_weights_load_into_the_reference_velocities(tiny_fp8, golden):
    case = "transformer.fp8_shared_sigma"
    outputs = velocities(tiny_fp8.load_transformer(dtype=torch.float32), golden, case, ("video", "audio"))
    for name, output in outputs.items():
        expected = golden[f"{case}.{name}_velocity"]
        assert deviation(output, expected) < 2e-5 * max(1, expected.abs().max() / 4)


def test_text_features_and_contexts(tiny, golden):
    connectors = tiny.load_text_connectors(dtype=torch.float32)
    features = {}
    for name in ("video", "audio"):
        projection = getattr(connectors.model, f"{name}_text_proj_in")
        projection.register_forward_hook(lambda _, __, output, name=name: features.update({name: output}))
    contexts = connectors(golden["text.hidden_states"], golden["text.attention_mask"])
    for name, context in zip(("video", "audio"), contexts, strict=True):
        assert deviation(features[name], golden[f"text.{name}_features"]) < 1e-4
        assert deviation(context, golden[f"text.{name}_context"]) < 1e-4


def test_video_latents_and_pixels(tiny, golden):
    vae = tiny.load_video_vae(dtype=torch.float32)
    assert deviation(vae.encode(golden["video_vae.pixels"]), golden["video_vae.latent"]) < 1e-4
    assert deviation(vae.decode(golden["video_vae.latent"]), golden["video_vae.decoded"]) < 1e-4


def test_channels_innermost_change_nothing_but_the_layout(tiny, golden):
    vae, seen = tiny.load_video_vae(dtype=torch.float32), []
    vae.use_channels_last()
    assert deviation(vae.encode(golden["video_vae.pixels"]), golden["video_vae.latent"]) < 1e-4
    assert deviation(vae.decode(golden["video_vae.latent"]), golden["video_vae.decoded"]) < 1e-4
    padded = vae.model.encoder.down_blocks[0].resnets[0].conv2
    padded.conv.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    padded(torch.randn(1, padded.in_channels, 3, 4, 4).contiguous(memory_format=torch.channels_last_3d))
    assert [tensor.is_contiguous(memory_format=torch.channels_last_3d) for tensor in seen] == [True]


def test_image_latents(tiny, golden):
    vae = tiny.load_video_vae(dtype=torch.float32)
    assert deviation(vae.encode(golden["video_vae_image.pixels"]), golden["video_vae_image.latent"]) < 1e-4


def test_sound_to_latents_and_back_to_log_mel(tiny, golden):
    vae = tiny.load_audio_vae()
    waveform = golden["audio.waveform_16k"]
    assert deviation(vae.log_mel(waveform), golden["audio.log_mel"]) < 5e-4
    assert deviation(vae.encode(waveform), golden["audio.latent"]) < 5e-4
    assert deviation(vae.decode(golden["audio.latent"]), golden["audio.decoded_mel"]) < 1e-4


def test_vocoder_waveform(tiny, golden):
    assert deviation(tiny.load_vocoder()(golden["vocoder.mel"]), golden["vocoder.waveform_48k"]) < 1e-4
