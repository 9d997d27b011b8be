"""The causal audio autoencoder: a waveform at 16 kHz to normalised latents, and latents to log-mel.

It runs in fp32. Latents are `(B, C, L, M)` with 25 steps a second; the statistics lie on the packed axis C*M.
"""

from typing import Any, cast

import torch
from torch import nn

from ltx_module.checkpoint.assemble import assemble
from ltx_module.checkpoint.errors import CheckpointError
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.checkpoint.key_maps import component_sources
from ltx_module.checkpoint.log_mel import MelConfig, log_mel

MEL_STRIDE = 4  # of the autoencoder, along time and along frequency


class AudioVAE(nn.Module):
    """Encodes and decodes sound; latents are normalised by the file's statistics.

    Args:
        model: The loaded diffusers autoencoder.
        mel: Sizes of its spectrograms.
    """

    def __init__(self, model: nn.Module, mel: MelConfig) -> None:
        super().__init__()
        self.model: Any = model
        self.mel = mel

    @property
    def sample_rate(self) -> int:
        """Of the waveform that `encode` takes. Hz."""
        return self.mel.sample_rate

    @torch.no_grad()
    def log_mel(self, waveform: torch.Tensor) -> torch.Tensor:
        """Log-mel spectrogram of a waveform `(B, 2, N)`, `(B, 2, N // 160 + 1, 64)`."""
        return log_mel(waveform, self.mel)

    @torch.no_grad()
    def encode(self, waveform: torch.Tensor) -> torch.Tensor:
        """Encodes deterministically (the mean of the posterior).

        Args:
            waveform: `(B, 2, N)` at `sample_rate`, about [-1, 1].

        Returns:
            Normalised latents, `(B, C, L, M)`, L = ceil((N // 160 + 1) / 4). That is often one step more than
            sampling uses for the same duration.
        """
        mean = self.model.encode(self.log_mel(waveform).to(self.model.dtype)).latent_dist.mode()
        shift, scale = self._statistics(mean)
        return cast(torch.Tensor, (mean - shift) / scale)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decodes normalised latents `(B, C, L, M)` to log-mel `(B, 2, 4 L - 3, 64)`."""
        latents = latents.to(self.model.dtype)
        shift, scale = self._statistics(latents)
        return cast(torch.Tensor, self.model.decode(latents * scale + shift).sample)

    def _statistics(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        channels, bins = latents.shape[1], latents.shape[3]
        # (C*M,) -> (1, C, 1, M)
        return (
            self.model.latents_mean.view(1, channels, 1, bins),
            self.model.latents_std.view(1, channels, 1, bins),
        )


def load_audio_vae(
    file: SafetensorsFile, config: dict[str, Any], dtype: torch.dtype, device: torch.device | str
) -> AudioVAE:
    """Builds the autoencoder that the `audio_vae` section describes and loads it."""
    from diffusers.models.autoencoders.autoencoder_kl_ltx2_audio import AutoencoderKLLTX2Audio

    mel = MelConfig.from_metadata(config.get("preprocessing", {}))
    with torch.device("meta"):
        model = AutoencoderKLLTX2Audio(**audio_vae_arguments(config, mel))
    sources = component_sources("audio_vae", file.tensors)
    assemble(model, file, sources, component="audio VAE", dtype=dtype, device=device)
    return AudioVAE(model, mel)


def audio_vae_arguments(config: dict[str, Any], mel: MelConfig) -> dict[str, Any]:
    """Constructor arguments of diffusers from the `audio_vae` section of the metadata."""
    options = config["model"]["params"]["ddconfig"]
    packed = options["z_channels"] * mel.bands // MEL_STRIDE
    if options["ch"] != packed:
        raise CheckpointError(
            f"The audio VAE has `ch` {options['ch']}, but its statistics are as wide as its packed latents "
            f"({packed}): this is not an LTX-2.3 file."
        )
    return {
        "base_channels": options["ch"],
        "output_channels": options["out_ch"],
        "ch_mult": tuple(options["ch_mult"]),
        "num_res_blocks": options["num_res_blocks"],
        "attn_resolutions": options["attn_resolutions"] or None,
        "in_channels": options["in_channels"],
        "resolution": options["resolution"],
        "latent_channels": options["z_channels"],
        "norm_type": options["norm_type"],
        "causality_axis": options["causality_axis"],
        "dropout": options["dropout"],
        "mid_block_add_attention": options["mid_block_add_attention"],
        "sample_rate": mel.sample_rate,
        "mel_hop_length": mel.hop,
        "is_causal": True,
        "mel_bins": mel.bands,
        "double_z": options["double_z"],
    }
