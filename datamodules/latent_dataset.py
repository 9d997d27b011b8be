"""The cache as a torch dataset: one item a clip, read when it is asked for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from torch.utils.data import Dataset

from datamodules.batch import CachedClip, LatentItem
from datamodules.cache import LatentCache
from datamodules.sampler import Group


class LatentDataset(Dataset[LatentItem]):
    """Cached clips by number; of a clip without sound, or in a recipe without, only the video's tensors are read.

    Args:
        cache: Holds the entries.
        clips: The clips, all of them encoded.
    """

    def __init__(self, cache: LatentCache, clips: Sequence[CachedClip]) -> None:
        self.cache = cache
        self.clips = tuple(clips)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> LatentItem:
        clip = self.clips[index]
        names = ("video_context", "audio_context") if clip.has_audio else ("video_context",)
        contexts = self.cache.read(clip.text_key, names)
        of_class = {} if clip.class_text_key is None else self.cache.read(clip.class_text_key, names)
        return LatentItem(
            name=clip.name,
            bucket=clip.bucket,
            fps=clip.fps,
            video=self.cache.read(clip.latent_key)["latents"],
            audio=None if clip.audio_key is None else self.cache.read(clip.audio_key)["latents"],
            video_context=contexts["video_context"],
            audio_context=contexts.get("audio_context"),
            class_video_context=of_class.get("video_context"),
            class_audio_context=of_class.get("audio_context"),
            is_regularisation=clip.is_regularisation,
        )

    def groups(self, *, regularisation: bool = False) -> Mapping[Group, list[int]]:
        """Numbers of the clips by bucket and presence of sound.

        Args:
            regularisation: Those of the ordinary clips, in place of the others.
        """
        groups: defaultdict[Group, list[int]] = defaultdict(list)
        for index, clip in enumerate(self.clips):
            if clip.is_regularisation == regularisation:
                groups[clip.bucket, clip.has_audio].append(index)
        return groups
