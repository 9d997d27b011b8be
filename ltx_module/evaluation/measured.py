"""One sample or clip with everything that is measured of it alone."""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ltx_module.evaluation import audio_features as sound
from ltx_module.evaluation.codebook import audio_cells, video_cells
from ltx_module.evaluation.nearest import coarse_latents, coarse_pixels
from ltx_module.evaluation.observation import Observation
from ltx_module.evaluation.video_features import Features, video_features
from ltx_module.evaluation.video_scores import Look


@dataclass(frozen=True)
class Measured:
    """Measures of one video, each taken when it is first asked for."""

    observation: Observation

    @cached_property
    def video(self) -> Features:
        """Features of the picture."""
        return video_features(self.observation)

    @cached_property
    def cells(self) -> Tensor:
        """Cells of the video latents, `(T, C)`."""
        return video_cells(self.observation.latents)

    @cached_property
    def moments(self) -> Tensor | None:
        """Moments of the audio latents, `(L, C*M)`; None without sound."""
        latents = self.observation.audio_latents
        return None if latents is None else audio_cells(latents)

    @cached_property
    def audio(self) -> Features | None:
        """Features of the sound; None without."""
        waveform = self.observation.waveform
        return None if waveform is None else sound.audio_features(waveform)

    @cached_property
    def look(self) -> Look:
        """What a burnt picture has too much of."""
        return Look.of(self.observation)

    @cached_property
    def latents(self) -> Tensor:
        """Coarse latents, alike for all sizes."""
        return coarse_latents(self.observation)

    @cached_property
    def pixels(self) -> Tensor:
        """Coarse pixels, alike for all sizes."""
        return coarse_pixels(self.observation)

    @cached_property
    def sound(self) -> dict[str, float] | None:
        """Plain figures of the sound; None without."""
        waveform = self.observation.waveform
        if waveform is None:
            return None
        return {
            "level": sound.level_db(waveform),
            "silence": sound.silence_share(waveform),
            "clipping": sound.clipping_share(waveform),
            "centroid": sound.spectral_centroid(waveform),
            "flatness": sound.spectral_flatness(waveform),
        }
