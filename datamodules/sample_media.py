"""Media that a sample is given beside its prompt."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class SampleMedia:
    """Files that the recipe's conditions take when a sample is made."""

    image: Path | None = None
    """Still for the first frame."""
    last_image: Path | None = None
    """Still for the last frame."""
    video: Path | None = None
    """Video that is continued, repainted, surrounded or set to sound."""
    audio: Path | None = None
    """Sound that is continued, repainted or set to pictures."""
    video_mask: Path | None = None
    """What of the video is made anew: a video, or a picture for all frames."""
    audio_mask: Path | None = None
    """What of the sound is made anew: a sound file, loud where it is."""
    reference_video: Path | None = None
    """Reference video or picture of an IC-LoRA."""
    reference_audio: Path | None = None
    """Reference sound of an IC-LoRA."""

    @property
    def files(self) -> dict[str, Path]:
        """The files there are, by the key in `sample.prompts`."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(SampleMedia)}
        return {name: value for name, value in values.items() if value is not None}
