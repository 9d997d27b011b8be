"""What to generate: the recipe's `sample:` block, and one request made from it."""

import re
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from jsonargparse.typing import ClosedUnitInterval, PositiveInt
from torch import Tensor

from datamodules.geometry import Bucket
from datamodules.manifest.scan import final_caption
from datamodules.sample_media import SampleMedia
from ltx_module.diffusion.presets import PRESETS

NEGATIVE_PROMPT = "pc game, console game, video game, cartoon, childish, ugly"


@dataclass(frozen=True, kw_only=True)
class SamplePrompt(SampleMedia):
    """A prompt with the media that the recipe's conditions take."""

    prompt: str
    """What is to be seen and heard."""


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """The recipe's `sample:` block: prompts, size and the preset that equals an exported workflow."""

    prompts: tuple[str | SamplePrompt, ...] = ()
    """Prompts of the previews: texts, or mappings with `prompt` and media such as `image` or `reference_video`; the
    trigger word is put in front of those that lack it."""
    negative_prompt: str = NEGATIVE_PROMPT
    """What guidance steers away from; the exported workflows carry the same text."""
    preset: str = "quality"
    """`fast` and `quality` equal the exported workflows of these names; `unguided` runs the model alone, and
    `reference` is `quality` with a rescale of 0.7."""
    steps: PositiveInt | None = None
    """Sampling steps; null takes the preset's. `fast` has its eight fixed ones."""
    size: str = "960x544x49"
    """Width x height x frames of a sample: pixels in multiples of 32, frames 8k + 1; seconds such as 4s for sound
    alone."""
    seed: int = 42
    """Seed of the start noise, the same for every prompt and on every device."""
    strength: float = 1.0
    """Strength of the trained LoRA."""
    attention_strength: ClosedUnitInterval = 1.0
    """Weight of attention between what is generated and its references and keyframes."""
    image_strength: ClosedUnitInterval = 1.0
    """How far a first frame is kept: 1 exactly, less lets the model change it."""
    show_reference: bool = False
    """Whether a sample shows its reference video on the left."""
    without_lora: bool = False
    """Whether `sample` also writes each prompt without the LoRA, for comparison."""
    distilled_lora: Path | None = None
    """The published rank-384 distilled LoRA, which the preset `fast` needs on the dev model; with it, training shows
    `fast` previews at its checkpoints."""
    max_share: ClosedUnitInterval | None = 0.05
    """How much longer samples may make a training run: what fits is decided before it begins, and said. Null samples
    every prompt at every checkpoint."""
    stg_blocks: tuple[int, ...] | None = None
    """Blocks whose self-attention the STG pass skips; null means 28 of 48, else the one at 60 % of the depth."""
    batch_guidance: bool | Literal["auto"] = "auto"
    """Run the guidance passes of a step as one batch; `auto` does so where blocks are not compiled, which leaves a card
    idle between two of them, and there is room."""

    def __post_init__(self) -> None:
        """Check size, preset and prompts where they are written."""
        Bucket.parse(self.size, key="sample.size")
        if self.preset not in PRESETS:
            raise ValueError(f"`sample.preset` is {self.preset!r}, but the presets are: {', '.join(PRESETS)}.")
        keys = ", ".join(field.name for field in fields(SamplePrompt))
        for number, text in enumerate(self.prompts):
            if isinstance(text, str) and text.lstrip().startswith(("[", "{")):
                raise ValueError(
                    f"`sample.prompts[{number}]` is {text!r}, which is no prompt: give a text, or a mapping with none"
                    f" but these keys: {keys}."
                )

    @property
    def bucket(self) -> Bucket:
        """Size of a sample."""
        return Bucket.parse(self.size)

    @property
    def media_prompts(self) -> tuple[SamplePrompt, ...]:
        """The prompts, each with its media or none."""
        return tuple(SamplePrompt(prompt=one) if isinstance(one, str) else one for one in self.prompts)

    @property
    def texts(self) -> tuple[str, ...]:
        """The prompts' texts."""
        return tuple(one.prompt for one in self.media_prompts)

    def requests(self, trigger: str, fps: float) -> list["SampleRequest"]:
        """One request a prompt.

        Args:
            trigger: The recipe's trigger word, put in front of prompts that lack it.
            fps: Frames per second of the samples.
        """
        return [
            replace(
                self.request(final_caption(prompt.prompt, trigger), fps),
                media=prompt,
                show_reference=self.show_reference,
                name=sample_name(number, prompt.prompt, self.seed),
            )
            for number, prompt in enumerate(self.media_prompts, start=1)
        ]

    def request(self, prompt: str, fps: float) -> "SampleRequest":
        """A request without media.

        Args:
            prompt: Final prompt, with the trigger if it is to have it.
            fps: Frames per second of the sample.
        """
        return SampleRequest(
            prompt=prompt,
            negative_prompt=self.negative_prompt,
            bucket=self.bucket,
            fps=fps,
            seed=self.seed,
            preset=self.preset,
            steps=self.steps,
            strength=self.strength,
            stg_blocks=self.stg_blocks,
            attention_strength=self.attention_strength,
            image_strength=self.image_strength,
        )


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """One video to generate."""

    prompt: str
    """Final prompt, trigger included."""
    negative_prompt: str
    bucket: Bucket
    fps: float
    seed: int
    preset: str
    steps: int | None = None
    strength: float = 1.0
    """Strength of the LoRA under test; 0 is the base model."""
    stg_blocks: tuple[int, ...] | None = None
    media: SampleMedia = field(default_factory=SampleMedia)
    """What the recipe's conditions take."""
    attention_strength: float = 1.0
    """Weight of attention between what is generated and what is shown beside it."""
    image_strength: float = 1.0
    """How far a first frame is kept."""
    show_reference: bool = False
    """Whether the reference video is shown on the left."""
    name: str = "sample"
    """File name without suffix."""


@dataclass(frozen=True, kw_only=True)
class VideoSample:
    """A generated video, or a sound alone, with what made it."""

    request: SampleRequest
    frames: Tensor | None
    """Pixels, uint8, `(F, 3, H, W)`; None of sound alone."""
    waveform: Tensor | None
    """Sound at 48 kHz, `(2, N)`, in [-1, 1]; None where the model was built without its audio stream."""
    record: dict[str, object]
    """Everything that made it, for the json file beside the video."""
    video_latents: Tensor | None = None
    """What the frames were decoded from, float32, `(C, F', H', W')`, on the CPU."""
    audio_latents: Tensor | None = None
    """What the sound was decoded from, float32, `(C, L, M)`, on the CPU."""


def sample_name(number: int, prompt: str, seed: int) -> str:
    """File name of a prompt's sample, equal at every step so that a grid can line them up."""
    words = re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:40].rstrip("-") or "prompt"
    return f"{number:02d}-{words}-seed{seed}"


def with_preset(request: SampleRequest, preset: str) -> SampleRequest:
    """A request made in another way, under a name of its own: it must not be taken for the result of the first way.

    Args:
        request: Of a prompt.
        preset: In place of its own; its own leaves it as it is.
    """
    if preset == request.preset:
        return request
    name, found, seed = request.name.rpartition("-seed")
    return replace(request, preset=preset, steps=None, name=f"{name}-{preset}{found}{seed}")
