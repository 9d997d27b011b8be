"""What a recipe's conditions ask of the dataset and of the samples' media, and what is wrong with that, said early."""

from collections.abc import Sequence
from dataclasses import dataclass

from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
from datamodules.needs import Keyframe, Needs
from ltx_module.diffusion.conditioning import (
    Conditioning,
    FirstFrame,
    Keyframes,
    Mask,
    ModalityName,
    Prefix,
    Reference,
    Suffix,
    check_bucket,
    require_long_enough,
)
from ltx_module.model import Streams
from ltx_module.sample_config import SamplePrompt
from ltx_module.training import Conditions


@dataclass(frozen=True)
class BucketCheck:
    """Whether every condition fits into the clips of a bucket."""

    conditions: Conditions
    streams: Streams

    def __call__(self, bucket: Bucket, fps: float) -> None:
        """Check one bucket.

        Raises:
            ValueError: Naming the bucket and what does not fit.
        """
        try:
            if self.streams != "audio":
                check_bucket(self.conditions.conditions, "video", LatentSpec().shape(bucket), fps)
            if self.streams != "video" and not bucket.is_still:
                shape = AudioLatentSpec().shape(bucket.duration(fps))
                check_bucket(self.conditions.conditions, "audio", shape, fps)
        except ValueError as error:
            raise ValueError(f"`model.conditions` do not fit `data.buckets` {bucket}: {error}.") from error


@dataclass(frozen=True)
class SampleCheck:
    """Whether a sample's clip, shorter than the sample, holds what is given of it."""

    conditions: Conditions
    fps: float

    def __call__(self, modality: str, latents: int) -> None:
        """Check one clip; raises as `require_long_enough` does."""
        own = [one for one in self.conditions.conditions if one.modality == modality]
        require_long_enough(latents, own, self.fps)


def dataset_needs(conditions: Conditions, streams: Streams, fps: float = 24.0) -> Needs:
    """What clips must have.

    Args:
        conditions: Those of the recipe.
        streams: What is built.
        fps: Frames per second.
    """
    kinds = _kinds(conditions)
    return Needs(
        streams=streams,
        requires_sound=streams == "audio" or conditions.frozen is not None or (Reference, "audio") in kinds,
        video_reference=(Reference, "video") in kinds,
        audio_reference=(Reference, "audio") in kinds,
        video_mask=(Mask, "video") in kinds,
        audio_mask=(Mask, "audio") in kinds,
        partial_video=_takes_a_stretch(conditions, "video"),
        partial_audio=_takes_a_stretch(conditions, "audio"),
        keyframes=_keyframes(conditions),
        checks=(BucketCheck(conditions, streams),),
        sample_checks=(SampleCheck(conditions, fps),),
    )


def tokens_beside(conditions: Conditions, bucket: Bucket, reference: Bucket | None, fps: float) -> tuple[int, int]:
    """Most tokens that conditions put beside the video and beside the sound of an item.

    Args:
        conditions: Those of the recipe.
        bucket: Shape of the item.
        reference: Shape of its reference video, if it has one.
        fps: Frames per second.
    """
    video = audio = 0
    for one in conditions.conditions:
        if isinstance(one, Keyframes):
            height, width = LatentSpec().shape(bucket)[2:]
            video += height * width * sum(frame != 0 for frame in one.frames)
        elif isinstance(one, Reference) and one.modality == "video":
            video += 0 if reference is None else LatentSpec().tokens(reference)
        elif isinstance(one, Reference):
            audio += AudioLatentSpec().length(bucket.duration(fps))
    return video, audio


def require_media(conditions: Conditions, prompts: Sequence[SamplePrompt]) -> None:
    """Check the media of the previews against the conditions.

    Raises:
        ValueError: If a prompt lacks media of a condition that always applies, or has some that none takes.
    """
    always = [one for one in conditions.conditions if one.probability == 1]
    used = {key for one in conditions.conditions for group in one.media for key in group} | {conditions.frozen}
    for number, prompt in enumerate(prompts):
        key, files = f"sample.prompts[{number}]", set(prompt.files)
        if conditions.frozen is not None and conditions.frozen not in files:
            raise ValueError(
                f"`{key}` {prompt.prompt!r} has no `{conditions.frozen}`, but `model.frozen: {conditions.frozen}` makes"
                f" everything from it: write {{prompt: ..., {conditions.frozen}: FILE}}."
            )
        if "reference_video" in files and (Reference, "audio") in _kinds(conditions):
            files = {*files, "reference_audio"}  # its own track, as in training
        for condition in always:
            if not any(set(group) <= files for group in condition.media):
                ways = " or ".join(" and ".join(f"`{name}`" for name in group) for group in condition.media)
                raise ValueError(
                    f"`{key}` {prompt.prompt!r} has no {ways}, but {condition.name} of `model.conditions` always"
                    " applies: give a file, or lower its `probability`."
                )
        if unused := sorted(set(prompt.files) - used):
            raise ValueError(
                f"`{key}` {prompt.prompt!r} has `{unused[0]}`, which no condition of the recipe takes: remove it, or"
                " add the condition to `model.conditions`."
            )


def require_pictures(conditions: Conditions, streams: Streams) -> None:
    """Check that a recipe generates pictures, which `evaluate` judges.

    Raises:
        ValueError: If its pictures are given, or it has none.
    """
    if streams != "audio" and conditions.frozen != "video":
        return
    key = f"`model.streams` is {streams}" if streams == "audio" else "`model.frozen` is video"
    raise ValueError(
        f"`evaluate` judges generated pictures with their sound, but {key}, so there are none: compare checkpoints by"
        " `validate --lora FILE` on held-out clips, and listen to `sample --lora FILE`."
    )


def _kinds(conditions: Conditions) -> set[tuple[type[Conditioning], ModalityName]]:
    """Classes of conditions with the modality they act on."""
    return {(type(one), one.modality) for one in conditions.conditions}


def _takes_a_stretch(conditions: Conditions, modality: ModalityName) -> bool:
    """Whether a sample's clip may be shorter than the sample, because only one end of it is taken."""
    kinds = {type(one) for one in conditions.conditions if one.modality == modality}
    clips = kinds - {Reference, Keyframes}
    return modality != conditions.frozen and clips in ({Prefix}, {Prefix, FirstFrame}, {FirstFrame}, {Suffix})


def _keyframes(conditions: Conditions) -> tuple[Keyframe, ...]:
    """Stills to encode: all of Keyframes, and a first frame that is recompressed."""
    found = []
    for one in conditions.conditions:
        if isinstance(one, Keyframes):
            found += [Keyframe(frame=frame, recompress=one.recompress) for frame in one.frames]
        elif isinstance(one, FirstFrame) and one.recompress is not None:
            found.append(Keyframe(frame=0, recompress=one.recompress))
    return tuple(found)
