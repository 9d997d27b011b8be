"""Random tokens for a transformer without the trainer around it."""

import torch
from torch import Tensor

from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.tokens import audio_positions, video_positions
from ltx_module.model import Modality

_GRID, _AUDIO, _PROMPT, _FPS = (7, 17, 30), 51, 1024, 24.0  # of 960x544x49
_TINY_GRID, _TINY_AUDIO = (2, 2, 2), 3


def random_modalities(checkpoint: Checkpoint, device: torch.device) -> tuple[Modality, Modality]:
    """Random tokens of both streams: 960x544x49 with sound on a card, a few on a processor.

    Args:
        checkpoint: Gives the widths.
        device: Where they shall be.
    """
    generator = torch.Generator(device).manual_seed(0)
    is_tiny = device.type == "cpu"
    grid, audio_tokens = (_TINY_GRID, _TINY_AUDIO) if is_tiny else (_GRID, _AUDIO)
    sigma = torch.full((1,), 0.5, device=device)
    channels, mel_bins = checkpoint.audio_latent

    def modality(tokens: int, features: int, context_width: int, positions: Tensor) -> Modality:
        return Modality(
            latent=torch.randn(1, tokens, features, generator=generator, device=device),
            sigma=sigma,
            timesteps=sigma[:, None].expand(1, tokens),
            positions=positions,
            context=torch.randn(1, _PROMPT, context_width, generator=generator, device=device),
        )

    frames, height, width = grid
    of_video, of_audio = checkpoint.context_widths
    where = video_positions(grid, _FPS, device), audio_positions(audio_tokens, device)
    video = modality(frames * height * width, checkpoint.latent_channels, of_video, where[0])
    return video, modality(audio_tokens, channels * mel_bins, of_audio, where[1])
