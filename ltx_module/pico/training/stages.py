"""Files between the stages: one safetensors file a part, in the published names."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ltx_module.pico.parts import Part


def save_part(directory: Path, name: str, part: Part, steps: int = 0) -> None:
    """Writes the state of a part in fp32 under its published names."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {
        part.published(key): value.detach().float().cpu().contiguous()
        for key, value in part.module.state_dict().items()
    }
    save_file(tensors, directory / f"{name}.safetensors", {"steps": str(steps)})


def load_part(directory: Path, name: str, part: Part) -> bool:
    """Fills a part from its file; False when there is none yet."""
    path = directory / f"{name}.safetensors"
    if not path.is_file():
        return False
    tensors = load_file(path)
    part.module.load_state_dict({key: tensors[part.published(key)] for key in part.module.state_dict()})
    return True


@torch.no_grad()
def set_statistics(mean: torch.Tensor, deviation: torch.Tensor, latents: torch.Tensor) -> None:
    """Measures `(values, channels)` and writes mean and deviation of each channel into buffers."""
    mean.copy_(latents.float().mean(dim=0))
    deviation.copy_(latents.float().std(dim=0).clamp(min=1e-3))
