"""Sampler, noise levels and guidance of a preset, as nodes.

`fast` guides with one cfg of 1 and lists its sigmas; `quality` chains the guidance nodes and lets LTXVScheduler make
them, with `latent` unconnected, so that they are those of 4096 tokens and equal ours.
"""

from typing import Any

from ltx_module.adapters.workflows.graph import Draft
from ltx_module.diffusion.presets import Preset
from ltx_module.diffusion.sigmas import DISTILLED_SIGMAS

_SCHEDULER: dict[str, Any] = {
    "max_shift": 2.05,
    "base_shift": 0.95,
    "stretch": True,
    "terminal": 0.1,
}  # the reference schedule
WHOLE_RANGE: dict[str, Any] = {"start_percent": 0.0, "end_percent": 1.0}


def add_guidance(draft: Draft, preset: Preset) -> None:
    """Nodes 12 (guider), 13 (sampler), 14 (sigmas), 15 (noise), and 22 and 23 for the extra passes.

    Raises:
        ValueError: If core nodes cannot express the preset.
    """
    _require_expressible(preset)
    request, video, audio = draft.request, preset.video, preset.audio
    alone = request.streams == "audio"
    if video.stg:
        blocks = ", ".join(map(str, request.stg_blocks))
        draft.model = draft.add(
            "LTXVSpatioTemporalGuidance", at="22", model=draft.model, scale=video.stg, blocks=blocks, **WHOLE_RANGE
        )[0]
    if video.modality != 1 and not alone:  # sound alone has no other modality
        draft.model = draft.add(
            "LTXVModalityGuidance", at="23", model=draft.model, modality_scale=video.modality, **WHOLE_RANGE
        )[0]
    guided: dict[str, Any] = {"model": draft.model, "positive": draft.positive, "negative": draft.negative}
    if alone or video.cfg == audio.cfg:
        draft.add("CFGGuider", at="12", **guided, cfg=audio.cfg)
    else:
        draft.add("LTXVDualCFGGuider", at="12", **guided, video_cfg=video.cfg, audio_cfg=audio.cfg)
    draft.add("KSamplerSelect", at="13", sampler_name=preset.sampler)
    if preset.sigmas == "distilled":
        draft.add("ManualSigmas", at="14", sigmas=", ".join(map(str, DISTILLED_SIGMAS)))
    else:
        draft.add("LTXVScheduler", at="14", steps=preset.sigmas, **_SCHEDULER)
    draft.add("RandomNoise", at="15", noise_seed=request.seed)


def _require_expressible(preset: Preset) -> None:
    video, audio = preset.video, preset.audio
    if video.rescale or audio.rescale or (video.stg, video.modality) != (audio.stg, audio.modality):
        raise ValueError(
            f"the preset {preset.name} rescales, or has separate STG or modality scales for video and audio, which "
            "core ComfyUI nodes cannot do: export fast or quality."
        )
