"""What clips lend to samples in recipes whose conditions always apply: a reference, their sound, their first frame.

A sample of a clip's caption is given what that clip has; one of any other prompt what one of the clips has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from datamodules.geometry import Bucket
from datamodules.given import Given
from ltx_module.evaluation.plan import SampleJob
from ltx_module.evaluation.references import Reference, captioned
from ltx_module.training import Conditions


@dataclass(frozen=True)
class Lender:
    """Clips of the samples' size, in the order of the captions that are sampled."""

    clips: tuple[Reference, ...]

    @classmethod
    def of(
        cls, references: Sequence[Reference], captions: int, conditions: Conditions, bucket: Bucket
    ) -> "Lender | None":
        """The lender of a recipe; None where nothing always applies.

        Args:
            references: Clips that samples are compared with.
            captions: How many of their captions are sampled.
            conditions: The recipe's.
            bucket: Size of the samples.

        Raises:
            ValueError: If a clip whose caption is sampled is of another size.
        """
        if not conditions.certain.is_any:
            return None
        prompted = captioned(references, captions)
        for clip in prompted:
            if clip.item.bucket != bucket:
                raise ValueError(
                    f"`sample.size` is {bucket}, but {clip.item.name} is of {clip.item.bucket}, and samples of this"
                    " recipe are given what the clips have: set `sample.size` to a bucket of the dataset's clips."
                )
        return cls((*prompted, *(one for one in references if one.item.bucket == bucket and one not in prompted)))

    def given(self, job: SampleJob) -> Given:
        """What a sample is given, a batch of one."""
        item = self.clips[job.number % len(self.clips)].item
        video, audio = (None if latents is None else latents[None] for latents in (item.video, item.audio))
        return replace(item.given, video=video, audio=audio)
