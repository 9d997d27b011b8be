"""What all checkpoints are measured with: the base's samples, the clips, and the way from one to the other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ltx_module.evaluation.adoption import Direction
from ltx_module.evaluation.codebook import Codebook
from ltx_module.evaluation.measured import Measured
from ltx_module.evaluation.plan import Group
from ltx_module.evaluation.video_features import Features

Place = tuple[Group, int, int]
"""Group, number of the prompt, seed."""
Samples = Mapping[Place, Measured]


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """Samples without the LoRA, clips, and the way between them, for picture and sound."""

    base: Samples
    """Samples without the LoRA."""
    captioned: Sequence[Measured]
    """The clips whose captions are the prompts of the group `trigger`, in their order."""
    training: Sequence[Measured]
    held_out: Sequence[Measured]
    captions_held_out: bool
    """Whether all of `captioned` are held out, so that samples near a training clip are copies."""
    looks: Codebook
    """What the places of a picture look like."""
    sounds: Codebook | None
    """What the moments of a sound sound like; None without sound."""
    video: Direction | None = None
    """None where nothing tells the base's samples from the clips."""
    audio: Direction | None = None

    @classmethod
    def build(
        cls,
        base: Samples,
        captioned: Sequence[Measured],
        training: Sequence[Measured],
        held_out: Sequence[Measured],
        *,
        captions_held_out: bool,
    ) -> "Yardstick":
        """Learn the words for looks and sounds, and find the way from base to clips in each."""
        known = [*base.values(), *training, *held_out]
        moments = [item.moments for item in known if item.moments is not None]
        stick = cls(
            base=base,
            captioned=captioned,
            training=training,
            held_out=held_out,
            captions_held_out=captions_held_out,
            looks=Codebook.fit([item.cells for item in known]),
            sounds=Codebook.fit(moments) if moments else None,
        )
        pairs = [(sample, captioned[place[1]]) for place, sample in base.items() if place[0] == "trigger"]
        seen = [(stick.seen(sample), stick.seen(clip)) for sample, clip in pairs]
        return replace(stick, video=Direction.fit(seen), audio=Direction.fit(stick._heard_pairs(pairs)))

    def focused(self, lora_samples: Iterable[Samples]) -> "Yardstick":
        """With the families of features that samples of LoRAs with the trigger show to be taught."""
        pairs = [
            (self.base[place], sample)
            for samples in lora_samples
            for place, sample in samples.items()
            if place[0] == "trigger" and sample.observation.is_finite
        ]
        seen = [(self.seen(before), self.seen(after)) for before, after in pairs]
        return replace(
            self,
            video=self.video and self.video.focused(seen),
            audio=self.audio and self.audio.focused(self._heard_pairs(pairs)),
        )

    def seen(self, item: Measured) -> Features:
        """All features of a picture."""
        return {**item.video, "looks": self.looks.usage(item.cells).sqrt()}

    def heard(self, item: Measured) -> Features | None:
        """All features of a sound; None without."""
        if item.audio is None or item.moments is None or self.sounds is None:
            return None
        return {**item.audio, "sounds": self.sounds.usage(item.moments).sqrt()}

    def adoption(self, place: Place, sample: Measured) -> float | None:
        """Share of the way from the base's sample to the clips that a sample's picture has gone."""
        if self.video is None:
            return None
        return self.video.adoption(self.seen(self.base[place]), self.seen(sample))

    def adoption_audio(self, place: Place, sample: Measured) -> float | None:
        """The same for its sound."""
        before, after = self.heard(self.base[place]), self.heard(sample)
        if self.audio is None or before is None or after is None:
            return None
        return self.audio.adoption(before, after)

    def _heard_pairs(self, pairs: Sequence[tuple[Measured, Measured]]) -> list[tuple[Features, Features]]:
        """Features of sounds, of the pairs that have them."""
        heard = [(self.heard(one), self.heard(other)) for one, other in pairs]
        return [(one, other) for one, other in heard if one is not None and other is not None]
