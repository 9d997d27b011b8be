"""From a run's LoRA to a checked ComfyUI package."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch

from datamodules.atomic import write_json
from datamodules.geometry import Bucket
from ltx_module.adapters import DEFAULT_ADAPTER
from ltx_module.adapters.comfyui import ExportPackage, export_package
from ltx_module.adapters.comfyui_request import ExportRequest
from ltx_module.adapters.conditioning_metadata import ReferenceFactors
from ltx_module.adapters.verify import verify_export
from ltx_module.adapters.workflows import DISTILLED_LORA, WorkflowRequest, assemble, plan_workflows
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.guidance import default_stg_blocks
from ltx_module.diffusion.presets import PRESETS, exported_presets
from ltx_module.diffusion.tokens import audio_positions, video_positions
from ltx_module.model import LTXTransformer, Modality
from ltx_module.run_directory import RunDirectory, step_of

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

    @classmethod
    def of(cls, model: "LTXModule", run: RunDirectory, out: Path | None, dtype: torch.dtype) -> Self:
        """What the verb `export` asks for.

        Args:
            model: With the LoRA file to export.
            run: Gives the name, and the directory where none is given.
            out: Directory of the package.
            dtype: Of the exported weights.

        Raises:
            ValueError: If there is not exactly one LoRA.
        """
        if len(model.adapters) != 1:
            raise ValueError(f"`export` takes one LoRA, but {len(model.adapters)} were given: give one --lora FILE.")
        file = model.adapters[0]
        return cls(
            lora=file.path,
            directory=out or run.path / "export",
            name=f"{run.name}-{step_of(file.path):06d}" if file.path.name.startswith("step_") else file.path.stem,
            recipe_hash=model.lora_metadata.get("recipe_hash", ""),
            dtype=dtype,
            strength=file.strength,
        )

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
        write_json(package.lora.with_suffix(".check.json"), asdict(check))
        lines = [
            f"exported {package.lora} ({package.lora.stat().st_size / 1e6:.1f} MB)",
            *(f"workflow {name}: {path}" for name, path in package.workflows.items()),
            f"check: all {check.keys_loaded} keys load, output differs by {check.max_difference:.2g}"
            f" where the LoRA changes it by {check.effect:.2g}{check.note}",
        ]
        for line in lines:
            logger.info(line)
        for reason in package.left_out:
            logger.warning("no workflow %s", reason)
        return package

    def _request(self, model: "LTXModule", checkpoint: Checkpoint, transformer: LTXTransformer) -> ExportRequest:
        """What metadata and workflows say."""
        workflow = workflow_request(
            model,
            f"{self.name}.safetensors",
            strength=self.strength,
            default_blocks=default_stg_blocks(transformer.num_blocks),
        )
        return ExportRequest(
            workflow=workflow,
            base_version=checkpoint.version,
            steps=step_of(self.lora) if self.lora.name.startswith("step_") else 0,
            recipe_hash=self.recipe_hash,
            presets=exported_presets(model.sample_config.preset),
            dtype=self.dtype,
        )


def require_workflows(model: "LTXModule") -> None:
    """Check before training that the export at its end can write its workflows.

    Args:
        model: As the recipe makes it; nothing needs to be loaded.

    Raises:
        ValueError: If `sample.size` does not fit the recipe's conditions or the size of its references.
    """
    for plan in plan_workflows(workflow_request(model, "check.safetensors"))[0]:
        for name in exported_presets(model.sample_config.preset):
            assemble(PRESETS[name], plan.request)


def workflow_request(
    model: "LTXModule", lora: str, *, strength: float = 1.0, default_blocks: tuple[int, ...] = ()
) -> WorkflowRequest:
    """What a recipe's workflows are filled in with.

    Args:
        model: As the recipe makes it; nothing needs to be loaded.
        lora: File name of the LoRA.
        strength: Of the LoRA, times `sample.strength`.
        default_blocks: Those of the STG pass where the recipe names none.

    Raises:
        ValueError: If `sample.size` does not fit the recipe's conditions or the size of its references.
    """
    config, bucket = model.sample_config, model.sample_config.bucket
    if model.streams == "audio" and not bucket.is_sound:
        bucket = Bucket(width=0, height=0, frames=0, seconds=bucket.duration(model.fps))
    first = next(iter(config.media_prompts), None)
    factors = ReferenceFactors.of(model.lora_metadata, model.base_model) or ReferenceFactors()
    return WorkflowRequest(
        lora=lora,
        checkpoint=model.base_model.name,
        prompt=model.trigger if first is None else first.prompt,
        negative_prompt=config.negative_prompt,
        trigger=model.trigger,
        bucket=bucket,
        fps=model.fps,
        seed=config.seed,
        strength=config.strength * strength,
        stg_blocks=config.stg_blocks or default_blocks,
        distilled_lora=DISTILLED_LORA if config.distilled_lora is None else config.distilled_lora.name,
        conditions=tuple(model.conditions),
        frozen=model.frozen,
        streams=model.streams,
        reference_downscale_factor=factors.spatial,
        reference_temporal_factor=factors.temporal,
        image_strength=config.image_strength,
        attention_strength=config.attention_strength,
        media={} if first is None else {key: path.name for key, path in first.files.items()},
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
