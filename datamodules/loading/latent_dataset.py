"""The cache as a torch dataset: one item a clip, read when it is asked for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from torch.utils.data import Dataset

from datamodules.batch import CachedClip, LatentItem
from datamodules.cache import LatentCache
from datamodules.loading.sampler import Group
from datamodules.loading.visits import Visit


class LatentDataset(Dataset[LatentItem]):
    """Cached clips by number, or by a visit, which says with which caption.

    Of a clip without sound, or in a recipe without, only the video's tensors are read.

    Args:
        cache: Holds the entries.
        clips: The clips, all of them encoded.
    """

    def __init__(self, cache: LatentCache, clips: Sequence[CachedClip]) -> None:
        self.cache = cache
        self.clips = tuple(clips)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, visit: int | Visit) -> LatentItem:
        number, caption = visit if isinstance(visit, Visit) else Visit(visit)
        clip = self.clips[number]
        text = clip.texts[caption]
        streams = (("video_context", clip.latent_key), ("audio_context", clip.audio_key))
        names = [name for name, key in streams if key is not None]
        contexts = self.cache.read(text.text_key, names)
        of_class = {} if text.class_text_key is None else self.cache.read(text.class_text_key, names)
        return LatentItem(
            name=clip.name,
            bucket=clip.bucket,
            fps=clip.fps,
            video=None if clip.latent_key is None else self.cache.read(clip.latent_key)["latents"],
            audio=None if clip.audio_key is None else self.cache.read(clip.audio_key)["latents"],
            video_context=contexts.get("video_context"),
            audio_context=contexts.get("audio_context"),
            class_video_context=of_class.get("video_context"),
            class_audio_context=of_class.get("audio_context"),
            is_regularisation=clip.is_regularisation,
            given=clip.given.read(self.cache),
            caption_dropout=clip.caption_dropout,
            caption_number=caption,
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
