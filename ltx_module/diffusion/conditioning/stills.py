"""Conditions that begin from pictures: the first frame, and keyframes anywhere in a clip.

A picture is encoded alone. The first frame of a clip is a latent frame of its own in the causal VAE, so a picture takes
its place. A picture of any later frame cannot, since a latent frame there stands for eight: it becomes tokens beside
those that are generated, at the time of its frame.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ltx_module.diffusion.conditioning.base import Appended, Conditioning, Given, GivenTokens, Source
from ltx_module.diffusion.grids import KeyframeGrid, VideoGrid


class FirstFrame(GivenTokens):
    """Animate a given picture: the first latent frame, which is one pixel frame, is given.

    A still has nothing but its first frame, so it is generated whole.

    Args:
        probability: Part of the training items it applies to.
        recompress: H.264 quality (CRF) that the picture is brought to and back before it is encoded, in training and in
            samples: 33 is what the published pipelines do to a user's picture. Null leaves it as it is.
    """

    def __init__(self, probability: float = 1.0, recompress: int | None = None) -> None:
        super().__init__(probability)
        self.recompress = _checked_quality(self.name, recompress)

    def clean_tokens(self, shape: Sequence[int], fps: float = 24.0) -> Tensor:  # noqa: ARG002 - any rate
        """The tokens of the first latent frame."""
        frames, height, width = shape[-3:]
        clean_FP = torch.zeros(frames, height * width, dtype=torch.bool)
        if frames > 1:
            clean_FP[0] = True
        return clean_FP.flatten()

    @property
    def media(self) -> tuple[tuple[str, ...], ...]:
        """A picture, or a video whose first frame it is."""
        return (("image",), ("video",))

    def is_possible(self, source: Source) -> bool:
        """Whether there is a picture, or a video to take it from."""
        return 0 in source.keyframes or source.latents is not None

    def given(self, source: Source) -> Given:
        """The first latent frame: the picture where there is one, else the clip's own."""
        return Given(clean=self.mask(source), tokens=_first_frame(source))


class Keyframes(Conditioning):
    """Lead through given pictures: first and last frame, or any others.

    The first frame is given in its place. Others are shown beside the clip, which then has to pass through them. Drawn
    once for a batch.

    Args:
        probability: Part of the training batches it applies to.
        frames: Numbers of the pixel frames; 0 is the first and -1 the last.
        recompress: As for `FirstFrame`.
    """

    whole_batch = True

    def __init__(
        self, probability: float = 1.0, frames: Sequence[int] = (0, -1), recompress: int | None = None
    ) -> None:
        super().__init__(probability)
        self.frames = tuple(frames)
        self.recompress = _checked_quality(self.name, recompress)
        if not self.frames or len(set(self.frames)) < len(self.frames):
            raise ValueError(f"`frames` of {self.name} is {list(frames)}, but must name frames, each once: [0, -1].")
        self._first = FirstFrame() if 0 in self.frames else None

    @property
    def media(self) -> tuple[tuple[str, ...], ...]:
        """Any of the pictures, or a video that has the frames."""
        stills = tuple((key,) for frame, key in ((0, "image"), (-1, "last_image")) if frame in self.frames)
        return (*stills, ("video",))

    def is_possible(self, source: Source) -> bool:
        """Whether there is any of the pictures."""
        return any(frame in source.keyframes for frame in self.frames)

    def given(self, source: Source) -> Given:
        """The first frame in its place, the others beside; of a sample those that it has."""
        height, width = source.shape[-2:]
        appended = tuple(
            Appended(
                tokens=source.pack(source.keyframes[frame]),
                grid=KeyframeGrid(
                    frame=_number(frame, source.frames), height=height, width=width, fps=float(source.fps)
                ),
            )
            for frame in self.frames
            if frame != 0 and frame in source.keyframes
        )
        if self._first is None or 0 not in source.keyframes:
            return Given(appended=appended)
        return Given(clean=self._first.mask(source), tokens=_first_frame(source), appended=appended)

    def check(self, shape: Sequence[int], fps: float) -> Tensor | None:
        """The tokens of the first frame, if it is among them.

        Raises:
            ValueError: If a clip has no such frame, or one frame is named twice.
        """
        frames = VideoGrid.pixel_frames(shape[-3])
        numbers = [_number(frame, frames) for frame in self.frames]
        for frame, number in zip(self.frames, numbers, strict=True):
            if not 0 <= number < frames:
                raise ValueError(
                    f"`frames` of {self.name} holds {frame}, but the clip has {frames} frames, 0 to {frames - 1}"
                )
            if numbers.count(number) > 1:
                raise ValueError(
                    f"`frames` of {self.name} is {list(self.frames)}, which names frame {number} of {frames} twice"
                )
        return None if self._first is None else self._first.clean_tokens(shape, fps)


def _first_frame(source: Source) -> Tensor | None:
    """Tokens of a clip whose first frame is the given picture, `(B, T, D)`; None without one."""
    picture = source.keyframes.get(0)
    if picture is None:
        return None
    tokens_BPD = source.pack(picture)
    tokens_BTD = tokens_BPD.new_zeros(len(tokens_BPD), source.num_tokens, tokens_BPD.shape[-1])
    tokens_BTD[:, : tokens_BPD.shape[1]] = tokens_BPD
    return tokens_BTD


def _number(frame: int, frames: int) -> int:
    return frame + frames if frame < 0 else frame


def _checked_quality(name: str, recompress: int | None) -> int | None:
    if recompress is not None and not 0 <= recompress <= 51:
        raise ValueError(
            f"`recompress` of {name} is {recompress}, but H.264 has qualities from 0 (best) to 51: try 33."
        )
    return recompress
