"""What a workflow is filled in with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from datamodules.geometry import AudioLatentSpec, Bucket
from ltx_module.diffusion.conditioning import Conditioning, ModalityName, Reference, check_bucket

DISTILLED_LORA = "ltx-2.3-22b-distilled-lora-384-1.1.safetensors"
TEXT_ENCODER = "comfy_gemma_3_12B_it.safetensors"

_Kind = TypeVar("_Kind", bound=Conditioning)

_LATENT_PIXELS = 32
_LATENT_FRAMES = 8


@dataclass(frozen=True, kw_only=True)
class WorkflowRequest:
    """What a workflow is filled in with."""

    lora: str
    """File name of the LoRA below ComfyUI's `models/loras`."""
    checkpoint: str
    """File name of the base model below `models/checkpoints`."""
    prompt: str
    """Prompt; the trigger is put in front where it lacks it."""
    negative_prompt: str
    """What guidance steers away from."""
    trigger: str = ""
    """Trigger word."""
    bucket: Bucket
    """Size and length of the video, or length of sound alone."""
    fps: float = 24.0
    """Frames per second that the LoRA was trained at."""
    seed: int = 42
    """Seed of the start noise."""
    strength: float = 1.0
    """Strength of the LoRA."""
    stg_blocks: tuple[int, ...] = (28,)
    """Blocks whose self-attention the STG pass skips."""
    text_encoder: str = TEXT_ENCODER
    """File name of Gemma 3 below `models/text_encoders`."""
    distilled_lora: str = DISTILLED_LORA
    """File name of the distilled LoRA below `models/loras`, for `fast`."""
    conditions: tuple[Conditioning, ...] = ()
    """What is given or shown, each with certainty; for `plan_workflows`, the recipe's with their probabilities."""
    frozen: ModalityName | None = None
    """The modality that is given whole, if any."""
    streams: str = "av"
    """What was trained or given: `av`, `video` or `audio`."""
    reference_downscale_factor: int = 1
    """How many times smaller each way a reference video is."""
    reference_temporal_factor: int = 1
    """How many times fewer frames per second it has."""
    image_strength: float = 1.0
    """How firmly given pictures are held, 0 to 1."""
    attention_strength: float = 1.0
    """Weight of the attention between what is generated and the reference video, 0 to 1."""
    moving_mask: bool = False
    """Whether the mask of the picture is a video rather than one picture for all frames."""
    media: Mapping[str, str] = field(default_factory=dict)
    """File names to begin with, by the key in `sample.prompts` such as `image`."""

    def __post_init__(self) -> None:
        """Check what the nodes would only find out after the model is loaded."""
        multiple, bucket = _LATENT_PIXELS * self.reference_downscale_factor, self.bucket
        if self.has_video_reference and (bucket.width % multiple or bucket.height % multiple):
            raise ValueError(
                f"`sample.size` is {bucket}, but references {self.reference_downscale_factor} times smaller "
                f"(`data.reference_downscale_factor`) need a width and height in multiples of {multiple}: "
                f"use {_nearest(bucket.width, multiple)}x{_nearest(bucket.height, multiple)}x{bucket.frames}."
            )
        if bucket.is_sound != (self.streams == "audio"):
            raise ValueError(
                f"`sample.size` is {bucket}, but `model.streams` is {self.streams}: write seconds (4s) for sound alone "
                "and WIDTHxHEIGHTxFRAMES for everything else."
            )
        try:
            if self.streams != "audio":
                check_bucket(self.conditions, "video", self.video_shape, self.fps)
            if self.streams != "video" and not bucket.is_still:
                check_bucket(self.conditions, "audio", self.audio_shape, self.fps)
        except ValueError as error:
            raise ValueError(f"`model.conditions` do not fit `sample.size` {bucket}: {error}.") from error

    @property
    def has_video_reference(self) -> bool:
        """Whether a reference video is shown."""
        return self.find(Reference, "video") is not None

    def find(self, kind: type[_Kind], modality: ModalityName) -> _Kind | None:
        """The condition of a kind on a modality, if there is one."""
        of_kind = (one for one in self.conditions if isinstance(one, kind))
        return next((one for one in of_kind if one.modality == modality), None)

    @property
    def gives_sound(self) -> bool:
        """Whether audio latents are counted, because some of them are given."""
        parts = (one for one in self.conditions if not isinstance(one, Reference))
        return self.frozen == "audio" or any(one.modality == "audio" for one in parts)

    @property
    def seconds(self) -> float:
        """Length of what is generated."""
        return self.bucket.duration(self.fps)

    @property
    def video_shape(self) -> tuple[int, int, int]:
        """Latent frames, height and width."""
        bucket = self.bucket
        frames = (bucket.frames - 1) // _LATENT_FRAMES + 1
        return frames, bucket.height // _LATENT_PIXELS, bucket.width // _LATENT_PIXELS

    @property
    def audio_shape(self) -> tuple[int, int, int]:
        """Channels, audio latents and mel bins."""
        return AudioLatentSpec().shape(self.seconds)


def _nearest(pixels: int, multiple: int) -> int:
    return max(multiple, round(pixels / multiple) * multiple)
