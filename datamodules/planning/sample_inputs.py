"""What samples take: contexts of their prompts and latents of their media, encoded into the cache and read from it."""

import logging
from collections.abc import Mapping, Sequence

from torch import Tensor

from datamodules.cache import LatentCache
from datamodules.encoding.encoders import Encoders
from datamodules.encoding.share import Place, encode_captions, encode_media
from datamodules.encoding.text_encoder import TextSettings
from datamodules.geometry import Bucket
from datamodules.given import Given
from datamodules.media.index import MediaIndex
from datamodules.needs import Needs
from datamodules.planning.sample_plan import SamplePlan, SampleWithMedia, plan_samples, sample_key
from datamodules.sample_media import SampleMedia
from datamodules.windows.pairing import PairingSettings
from ltx_module.checkpoint import Checkpoint

logger = logging.getLogger(__name__)


class SampleInputs:
    """Encodes and reads what samples take.

    Args:
        cache: Where the entries go.
        checkpoint: Holds VAEs and connectors.
        encoders: Their fingerprints.
        texts: How prompts are encoded.

    Attributes:
        samples: The media that samples are given, once `plan` has looked at them.
    """

    def __init__(self, cache: LatentCache, checkpoint: Checkpoint, encoders: Encoders, texts: TextSettings) -> None:
        self.cache = cache
        self.checkpoint = checkpoint
        self.encoders = encoders
        self.texts = texts
        self.samples = SamplePlan()

    def plan(self, samples: Sequence[SampleWithMedia], needs: Needs, pairing: PairingSettings) -> SamplePlan:
        """Looks at the media of samples; see `plan_samples` for the errors."""
        if samples:
            index = MediaIndex(self.cache.root / "media.json")
            self.samples = plan_samples(samples, needs, pairing, self.encoders, index)
            index.save()
        return self.samples

    def encode_media(self, place: Place) -> None:
        """Encodes this rank's share of the samples' media."""
        for finding in self.samples.findings:
            logger.info("%s", finding)
        encode_media(self.samples.entries.values(), self.cache, self.checkpoint, place)

    def encode_captions(self, captions: Mapping[str, str], place: Place) -> None:
        """Encodes this rank's share of the captions, given by key."""
        encode_captions(captions, self.cache, self.checkpoint, self.texts, place)

    def context(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Text contexts of a prompt, `(S, Dv)` for video and `(S, Da)` for audio, bf16.

        Raises:
            ValueError: If the prompt was not encoded.
        """
        key = self.encoders.text_key(prompt)
        if not self.cache.has(key):
            raise ValueError(
                f"The prompt {prompt!r} is not in the latent cache {self.cache.root}: put it into `sample.prompts` and "
                "run `preprocess`, or any verb that does so."
            )
        contexts = self.cache.read(key)
        return contexts["video_context"], contexts["audio_context"]

    def given(self, media: SampleMedia, bucket: Bucket) -> Given:
        """What is given of a sample, as a batch of one; nothing if it has no media.

        Raises:
            ValueError: If the media were not encoded.
        """
        if not media.files:
            return Given()
        keys = self.samples.keys.get(sample_key(media, bucket))
        missing = [key for key in keys.keys if not self.cache.has(key)] if keys is not None else []
        if keys is None or missing:
            reason = next(filter(None, map(self.cache.failure, missing)), "they were not encoded")
            files = ", ".join(str(path) for path in media.files.values())
            raise ValueError(
                f"{files}, given to a sample of {bucket}, are not in the latent cache {self.cache.root}: {reason}. Put "
                "them into `sample.prompts`, replace what cannot be read, and run a verb that encodes them."
            )
        return keys.read(self.cache)
