"""The vocoder with bandwidth extension: log-mel to a waveform at 48 kHz, always in fp32.

In bf16 its spectra are 40 to 90 % worse, so the weights are widened once when they are loaded.
"""

from typing import Any, cast

import torch
from torch import nn

from ltx_module.checkpoint.assemble import assemble
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.checkpoint.key_maps import component_sources


class Vocoder(nn.Module):
    """Turns log-mel spectrograms into sound.

    Args:
        model: The loaded diffusers vocoder.
        sample_rate: Of its output. Hz.
    """

    def __init__(self, model: nn.Module, sample_rate: int) -> None:
        super().__init__()
        self.model: Any = model
        self.sample_rate = sample_rate

    @torch.no_grad()
    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Synthesises sound.

        Args:
            log_mel: `(B, 2, L, 64)`.

        Returns:
            Waveform, `(B, 2, 480 L)` at `sample_rate`, in [-1, 1].
        """
        with torch.autocast(log_mel.device.type, enabled=False):
            return cast(torch.Tensor, self.model(log_mel.float()))


def load_vocoder(file: SafetensorsFile, config: dict[str, Any], device: torch.device | str) -> Vocoder:
    """Builds the vocoder that the `vocoder` section describes and loads it."""
    from diffusers.pipelines.ltx2.vocoder import LTX2VocoderWithBWE, UpSample1d

    arguments = vocoder_arguments(config)
    with torch.device("meta"):
        model = LTX2VocoderWithBWE(**arguments)
    # its filter is computed, not stored: on the meta device it would be lost
    ratio = arguments["output_sampling_rate"] // arguments["input_sampling_rate"]
    model.resampler = UpSample1d(ratio=ratio, window_type="hann", persistent=False).to(device)
    sources = component_sources("vocoder", file.tensors)
    assemble(model, file, sources, component="vocoder", dtype=torch.float32, device=device)
    return Vocoder(model, arguments["output_sampling_rate"])


def vocoder_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """Constructor arguments of diffusers from the `vocoder` section of the metadata.

    The first stage is clamped to [-1, 1] before its bandwidth is extended, which the metadata does not say.
    """
    first, extension = config["vocoder"], config["bwe"]
    mels = extension.get("num_mels", 64)
    window = extension.get("n_fft", 512)
    return {
        **_stage_arguments(first, mels),
        **{f"bwe_{key}": value for key, value in _stage_arguments(extension, mels).items()},
        "final_act_fn": "clamp",
        "bwe_final_act_fn": None,
        "filter_length": window,
        "window_length": window,
        "hop_length": extension.get("hop_length", 80),
        "num_mel_channels": mels,
        "input_sampling_rate": extension.get("input_sampling_rate", 16000),
        "output_sampling_rate": extension.get("output_sampling_rate", 48000),
    }


def _stage_arguments(stage: dict[str, Any], mels: int) -> dict[str, Any]:
    return {
        "in_channels": 2 * mels,  # both channels of the spectrogram side by side
        "out_channels": 2,
        "hidden_channels": stage["upsample_initial_channel"],
        "upsample_factors": stage["upsample_rates"],
        "upsample_kernel_sizes": stage["upsample_kernel_sizes"],
        "resnet_kernel_sizes": stage["resblock_kernel_sizes"],
        "resnet_dilations": stage["resblock_dilation_sizes"],
        "act_fn": stage["activation"],
        "antialias": True,
        "final_bias": stage["use_bias_at_final"],
    }
