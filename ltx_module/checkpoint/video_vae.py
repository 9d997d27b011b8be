"""The causal video autoencoder: pixels in [-1, 1] to normalised latents and back.

Compression is 32 x 32 in space and 8 in time; the first latent frame stands for the first pixel frame alone.
"""

from functools import partial
from typing import Any, cast

import torch
from torch import nn

from ltx_module.checkpoint.assemble import assemble
from ltx_module.checkpoint.errors import CheckpointError
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.checkpoint.key_maps import component_sources
from ltx_module.checkpoint.tiling import Tiling, tiled

FRAME_STRIDE = 8
PIXEL_STRIDE = 32
_KIND = {"space": "spatial", "time": "temporal", "all": "spatiotemporal"}


class VideoVAE(nn.Module):
    """Encodes and decodes video; latents are normalised by the file's channel statistics.

    Args:
        model: The loaded diffusers autoencoder.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    def use_channels_last(self) -> None:
        """Keeps channels innermost, as convolution kernels of accelerators want them; latents stay the same.

        Otherwise each convolution is put between two copies that change the layout. diffusers 0.42 pads in time with a
        copy of the first frame in the usual layout, which would bring the rest of the frames back to it.
        """
        self.model.to(memory_format=torch.channels_last_3d)
        for module in self.model.modules():
            if type(module).__name__ == "LTX2VideoCausalConv3d":
                module.forward = partial(_padded_in_time, module)

    @torch.no_grad()
    def encode(self, pixels: torch.Tensor, tiling: Tiling | None = None) -> torch.Tensor:
        """Encodes deterministically (the mean of the posterior).

        Args:
            pixels: `(B, 3, F, H, W)` in [-1, 1], F = 8k + 1, H and W multiples of 32.
            tiling: Encode in overlapping tiles of the picture, for large buckets on a small GPU. None encodes whole.

        Returns:
            Normalised latents, `(B, C, 1 + (F - 1) / 8, H / 32, W / 32)`, in the dtype of the weights.

        Raises:
            ValueError: If a side of `pixels` does not fit the compression.
        """
        frames, height, width = pixels.shape[2:]
        if frames % FRAME_STRIDE != 1 or height % PIXEL_STRIDE or width % PIXEL_STRIDE:
            raise ValueError(
                f"The video VAE takes 8k + 1 frames of a width and height that are multiples of {PIXEL_STRIDE}, "
                f"not {width}x{height}x{frames}: crop the clip to its bucket first."
            )
        pixels = pixels.to(self.model.dtype)
        if tiling is None:
            mean = self._posterior_mean(pixels)
        else:
            mean = tiled(self._posterior_mean, pixels, tiling.for_encoding(PIXEL_STRIDE))
        return ((mean.float() - self._shift()) / self._scale()).to(self.model.dtype)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor, tiling: Tiling | None = None) -> torch.Tensor:
        """Decodes normalised latents.

        Args:
            latents: `(B, C, F', H', W')`.
            tiling: Decode in overlapping tiles of space and time. None decodes whole.

        Returns:
            Pixels, `(B, 3, 8 F' - 7, 32 H', 32 W')`, about [-1, 1] and not clamped, in the dtype of the weights.
        """
        raw = (latents.float() * self._scale() + self._shift()).to(self.model.dtype)
        if tiling is None:
            return self._decoded(raw)
        return tiled(self._decoded, raw, tiling.for_decoding(PIXEL_STRIDE, FRAME_STRIDE))

    def _posterior_mean(self, pixels: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.model.encode(pixels).latent_dist.mode())

    def _decoded(self, raw: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.model.decode(raw).sample)

    def _shift(self) -> torch.Tensor:
        return cast(torch.Tensor, self.model.latents_mean).float().view(1, -1, 1, 1, 1)

    def _scale(self) -> torch.Tensor:
        return cast(torch.Tensor, self.model.latents_std).float().view(1, -1, 1, 1, 1)


def _padded_in_time(convolution: Any, hidden_states: torch.Tensor, causal: bool = True) -> torch.Tensor:
    """The forward of diffusers' `LTX2VideoCausalConv3d`, in the layout of its input."""
    frames = convolution.kernel_size[0] - 1
    before = frames if causal else frames // 2
    parts = [hidden_states[:, :, :1]] * before + [hidden_states] + [hidden_states[:, :, -1:]] * (frames - before)
    return cast(torch.Tensor, convolution.conv(torch.cat(parts, dim=2)))


def load_video_vae(
    file: SafetensorsFile, config: dict[str, Any], dtype: torch.dtype, device: torch.device | str
) -> VideoVAE:
    """Builds the autoencoder that the `vae` section describes and loads it."""
    from diffusers.models.autoencoders.autoencoder_kl_ltx2 import AutoencoderKLLTX2Video

    with torch.device("meta"):
        model = AutoencoderKLLTX2Video(**video_vae_arguments(config))
    sources = component_sources("video_vae", file.tensors)
    assemble(model, file, sources, component="video VAE", dtype=dtype, device=device)
    return VideoVAE(model)


def video_vae_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """Constructor arguments of diffusers from the `vae` section of the metadata.

    diffusers reverses the decoder's lists except `upsample_type`, so those stand in file order and that one in
    order of execution.
    """
    encoder = _walk(config["encoder_blocks"], config["latent_channels"])
    decoder = _walk(config["decoder_blocks"], config["decoder_base_channels"])
    stages = len(encoder["kinds"])
    padding = config.get("spatial_padding_mode", "zeros")
    return {
        "in_channels": config.get("in_channels", 3),
        "out_channels": config.get("out_channels", 3),
        "latent_channels": config["latent_channels"],
        "block_out_channels": encoder["widths"],
        "down_block_types": ("LTX2VideoDownBlock3D",) * stages,
        "layers_per_block": encoder["layers"],
        "spatio_temporal_scaling": (True,) * stages,
        "downsample_type": encoder["kinds"],
        "decoder_block_out_channels": decoder["widths"],
        "decoder_layers_per_block": decoder["layers"],
        "decoder_spatio_temporal_scaling": (True,) * len(decoder["kinds"]),
        "decoder_inject_noise": (False,) * len(decoder["layers"]),
        "upsample_type": decoder["kinds"][::-1],
        "upsample_residual": (False,) * len(decoder["kinds"]),
        "upsample_factor": decoder["multipliers"],
        "timestep_conditioning": config.get("timestep_conditioning", False),
        "patch_size": config.get("patch_size", 4),
        "encoder_causal": True,
        "decoder_causal": config.get("causal_decoder", False),
        "encoder_spatial_padding_mode": padding,
        "decoder_spatial_padding_mode": padding,
        "spatial_compression_ratio": PIXEL_STRIDE,
        "temporal_compression_ratio": FRAME_STRIDE,
    }


def _walk(blocks: list[list[Any]], width: int) -> dict[str, tuple[Any, ...]]:
    layers: list[int] = []
    kinds: list[str] = []
    multipliers: list[int] = []
    widths: list[int] = []
    for name, options in blocks:
        words = name.split("_")
        if words[0] == "res":
            layers.append(options["num_layers"])
        elif words[0] == "compress" and words[1] in _KIND:
            width *= options["multiplier"]
            kinds.append(_KIND[words[1]])
            multipliers.append(options["multiplier"])
            widths.append(width)
        else:
            raise CheckpointError(f"The video VAE has a block of unknown kind `{name}`: this is not an LTX-2.3 file.")
    return {"layers": tuple(layers), "kinds": tuple(kinds), "multipliers": tuple(multipliers), "widths": tuple(widths)}
