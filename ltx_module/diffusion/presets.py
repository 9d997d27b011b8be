"""Named ways to sample. Each equals a workflow that the export writes, which takes its numbers from here."""

from dataclasses import dataclass, replace
from typing import Literal

from ltx_module.diffusion.guidance import Guidance
from ltx_module.diffusion.sampling import Sampler
from ltx_module.diffusion.sigmas import DISTILLED_SIGMAS, inference_sigmas

_PERTURBED_PASS = 20 / 48
"""Of a pass: the blocks before the perturbed one are those of the prompt's pass."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Sampler, noise levels, guidance and weights of one way to sample."""

    name: str
    """The name in `sample.preset`, and of the exported workflow where there is one."""
    sampler: Sampler
    sigmas: Literal["distilled"] | int
    """The eight fixed noise levels of the distilled model, or the number of steps of the reference schedule."""
    video: Guidance
    """Guidance of the video stream."""
    audio: Guidance
    """Guidance of the audio stream."""
    distilled_lora_strength: float = 0.0
    """Strength of the distilled LoRA beside the dev model; 0 where the preset does not use it."""

    @property
    def needs_distilled(self) -> bool:
        """Whether it works only with the distilled LoRA or on a distilled base."""
        return self.sigmas == "distilled"

    def num_passes(self, *, with_both: bool, steps: int | None = None) -> float:
        """Forward passes of a sample on the published model, in those of its prompt alone.

        Args:
            with_both: Whether it has sight and sound, rather than one of them.
            steps: In place of the preset's.
        """
        num_steps = len(self.schedule(steps)) - 1
        scales = (self.video, self.audio)
        guided = any(scale.cfg != 1 for scale in scales)
        passes = 1 + guided + _PERTURBED_PASS * any(scale.stg != 0 for scale in scales)
        passes += with_both and any(scale.modality != 1 for scale in scales)
        if self.sampler == "euler_ancestral_cfg_pp" and not guided:
            return num_steps * (passes + 1) - 2  # the first and the last step do without the negative prompt
        return num_steps * passes

    def schedule(self, steps: int | None = None) -> tuple[float, ...]:
        """Noise levels from 1 to 0.

        Args:
            steps: Replaces the preset's number of steps; None keeps it.

        Raises:
            ValueError: If the preset's steps are fixed, or there is less than one.
        """
        if self.sigmas == "distilled":
            if steps not in (None, len(DISTILLED_SIGMAS) - 1):
                raise ValueError(
                    f"`sample.steps` is {steps}, but the preset {self.name} has eight fixed steps: "
                    "leave it null, or use the preset quality."
                )
            return DISTILLED_SIGMAS
        return inference_sigmas(self.sigmas if steps is None else steps)


_UNGUIDED = Guidance(cfg=1.0, stg=0.0, modality=1.0, rescale=0.0)
_UNGUIDED_PRESET = Preset(name="unguided", sampler="euler", sigmas=30, video=_UNGUIDED, audio=_UNGUIDED)
_QUALITY = Preset(
    name="quality",
    sampler="euler",
    sigmas=30,
    video=Guidance(cfg=3.0, stg=1.0, modality=3.0, rescale=0.0),
    audio=Guidance(cfg=7.0, stg=1.0, modality=3.0, rescale=0.0),
)

PRESETS: dict[str, Preset] = {
    "fast": Preset(
        name="fast",
        sampler="euler_ancestral_cfg_pp",
        sigmas="distilled",
        video=_UNGUIDED,
        audio=_UNGUIDED,
        distilled_lora_strength=0.5,
    ),
    "quality": _QUALITY,
    "reference": replace(
        _QUALITY,
        name="reference",
        video=replace(_QUALITY.video, rescale=0.7),
        audio=replace(_QUALITY.audio, rescale=0.7),
    ),
    "unguided": _UNGUIDED_PRESET,
}
"""`fast` and `quality` equal workflows of every export, and `unguided` one of recipes that sample with it: guidance
pulls away from what is given, where the prompt does not say it too. `reference` adds the rescaling that core ComfyUI
nodes lack."""

ALWAYS_EXPORTED = ("fast", "quality")
"""Presets that every export has workflows for."""


def exported_presets(own: str) -> tuple[str, ...]:
    """Presets that an export has workflows for.

    Args:
        own: The recipe's `sample.preset`.
    """
    return (*ALWAYS_EXPORTED, own) if own == "unguided" else ALWAYS_EXPORTED


def find_preset(name: str) -> Preset:
    """The preset of a name.

    Raises:
        ValueError: If there is none.
    """
    if name not in PRESETS:
        raise ValueError(f"`sample.preset` is {name!r}, which is no preset: use {', '.join(PRESETS)}.")
    return PRESETS[name]
