"""From a run's LoRA to a checked ComfyUI package."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ltx_module.adapters import DEFAULT_ADAPTER
from ltx_module.adapters.comfyui import ExportPackage, ExportRequest, export_package
from ltx_module.adapters.verify import verify_export
from ltx_module.adapters.workflows import DISTILLED_LORA, WorkflowRequest
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.guidance import default_stg_blocks
from ltx_module.diffusion.tokens import audio_positions, video_positions
from ltx_module.model import LTXTransformer, Modality
from ltx_module.run_directory import step_of

if TYPE_CHECKING:
    from ltx_module.module import LTXModule

logger = logging.getLogger(__name__)

_PROBE_VIDEO = (2, 2, 3)  # latent frames, height, width
_PROBE_AUDIO = 9
_PROBE_SIGMA = 0.7


@dataclass(frozen=True, kw_only=True)
class LoRAExport:
    """What to export, and under which name."""

    lora: Path
    """A LoRA file of the run."""
    directory: Path
    name: str
    """File name without suffix."""
    recipe_hash: str
    dtype: torch.dtype = torch.bfloat16
    strength: float = 1.0
    """Strength that the workflows give it, times `sample.strength`."""

    def run(self, model: "LTXModule", adapter: str = DEFAULT_ADAPTER) -> ExportPackage:
        """Write the package, load the file back and compare it with the adapter in the model.

        Args:
            model: With the LoRA attached as `adapter`.
            adapter: Name of the adapter that the file must equal.

        Raises:
            ValueError: If the written file does not do what the adapter does.
        """
        transformer = model.transformer
        assert transformer is not None
        checkpoint = Checkpoint(model.base_model)
        package = export_package(self.lora, self.directory, self._request(model, checkpoint, transformer))
        check = verify_export(transformer, package.lora, probe(transformer, checkpoint), adapter=adapter)
        lines = [
            f"exported {package.lora} ({package.lora.stat().st_size / 1e6:.1f} MB)",
            *(f"workflow {name}: {path}" for name, path in package.workflows.items()),
            f"check: all {check.keys_loaded} keys load, output differs by {check.max_difference:.2g}"
            f" where the LoRA changes it by {check.effect:.2g}",
        ]
        for line in lines:
            logger.info(line)
        return package

    def _request(self, model: "LTXModule", checkpoint: Checkpoint, transformer: LTXTransformer) -> ExportRequest:
        """What metadata and workflows say."""
        requests = model.sample_requests()
        config = model.sample_config
        workflow = WorkflowRequest(
            lora=f"{self.name}.safetensors",
            checkpoint=checkpoint.path.name,
            prompt=requests[0].prompt if requests else model.trigger,
            negative_prompt=config.negative_prompt,
            trigger=model.trigger,
            bucket=config.bucket,
            fps=model.fps,
            seed=config.seed,
            strength=config.strength * self.strength,
            stg_blocks=config.stg_blocks or default_stg_blocks(transformer.num_blocks),
            distilled_lora=DISTILLED_LORA if config.distilled_lora is None else config.distilled_lora.name,
        )
        return ExportRequest(
            workflow=workflow,
            base_version=checkpoint.version,
            steps=step_of(self.lora) if self.lora.name.startswith("step_") else 0,
            recipe_hash=self.recipe_hash,
            dtype=self.dtype,
        )


def probe(transformer: LTXTransformer, checkpoint: Checkpoint) -> tuple[Modality | None, Modality | None]:
    """Small random inputs of each stream that was built, on the transformer's device."""
    generator = torch.Generator().manual_seed(0)
    device = next(transformer.parameters()).device
    video_width, audio_width = checkpoint.context_widths
    channels, mel_bins = checkpoint.audio_latent
    frames, height, width = _PROBE_VIDEO

    def modality(tokens: int, features: int, context_width: int, positions: torch.Tensor) -> Modality:
        sigma = torch.full((1,), _PROBE_SIGMA, device=device)
        return Modality(
            latent=torch.randn(1, tokens, features, generator=generator).to(device),
            sigma=sigma,
            timesteps=sigma[:, None].expand(1, tokens),
            positions=positions,
            context=torch.randn(1, 128, context_width, generator=generator).to(device),
        )

    video = audio = None
    if transformer.streams != "audio":
        positions = video_positions((frames, height, width), 24.0, device)
        video = modality(frames * height * width, checkpoint.latent_channels, video_width, positions)
    if transformer.streams != "video":
        audio = modality(_PROBE_AUDIO, channels * mel_bins, audio_width, audio_positions(_PROBE_AUDIO, device))
    return video, audio
