"""What a model is shown, given to hear and asked about one clip."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from datamodules.captioning.hearing import wav_of
from datamodules.captioning.pictures import Picture, sample_pictures
from datamodules.manifest.clip import MediaKind
from datamodules.media.probe import probe

_CLIP = "The {number} pictures come from one video clip of {duration:.1f} seconds, in order, at {times} seconds."
_STILL = "This is a still picture: describe no movement and no sound."
_HEARD = (
    "Its sound is attached. Also describe what is heard, and when: speech word for word in quotation marks with who "
    "says it and how, music, noises and the acoustics of the place, as far as said above."
)
_HEARD_ALONE = (
    "This is a recording of sound without a picture. Describe only what is heard, in its order, as far as said above."
)
_UNHEARD = "You cannot hear it: do not mention sound or silence."
_EARLIER = "Word it differently, in another order, than these captions of the same material, and just as truly:\n"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A clip to be captioned."""

    name: str
    """Path relative to the dataset, for messages."""
    media: Path
    """The video, still or sound."""
    kind: MediaKind
    """What its name says it is."""
    audio: Path | None = None
    """The sound file that replaces the video's own track."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One request to a model."""

    text: str
    """What is asked, all of it."""
    pictures: tuple[Picture, ...]
    """None for a sound alone."""
    wav: bytes | None = None
    """The clip's sound, if the model hears and there is any."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model said."""

    text: str
    is_cut: bool = False
    """Whether the limit of tokens ended it."""


class Captioner(Protocol):
    """A model that answers questions."""

    concurrency: int
    """Questions that may be under way at once."""

    def answer(self, question: Question) -> Answer:
        """Answer one question.

        Raises:
            ValueError: If it cannot, for a reason that lies in this question.
            CaptionerDownError: If it can answer none.
        """

    def close(self) -> None:
        """Ends the questions under way; they raise an error."""


class CaptionerDownError(ValueError):
    """The model cannot answer any question, so that going on is of no use."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How clips are shown, and what is asked about each of them."""

    instruction: str
    """What all clips are asked, from `instruction`."""
    frames: int
    """Pictures of a clip."""
    max_side: int
    """Pixels of their longer side at most."""
    with_sound: bool
    """Whether the model hears."""

    def question(self, source: Source) -> Question:
        """Look at a clip and ask for its first caption.

        Raises:
            MediaError: If one of its files cannot be read.
            ValueError: If it is a sound alone and the model does not hear.
        """
        info = probe(source.media)
        wav = None
        if self.with_sound:
            track = source.audio or (source.media if info.has_audio else None)
            wav = wav_of(track) if track else None
        if source.kind == "sound":
            if wav is None:
                reason = "is silent" if self.with_sound else "is a sound alone: give `--endpoint` and `--sound`"
                raise ValueError(f"{source.media}: {reason}")
            return Question(text=f"{self.instruction}\n\n{_HEARD_ALONE}", pictures=(), wav=wav)
        pictures = sample_pictures(source.media, info, number=self.frames, max_side=self.max_side)
        if info.frames <= 1:
            scene = _STILL
        else:
            times = ", ".join(f"{picture.seconds:.1f}" for picture in pictures)
            scene = _CLIP.format(number=len(pictures), duration=info.duration, times=times)
            scene = f"{scene} {_HEARD if wav else _UNHEARD}"
        return Question(text=f"{self.instruction}\n\n{scene}", pictures=pictures, wav=wav)


def worded_differently(question: Question, earlier: list[str]) -> Question:
    """The same question when captions were already given."""
    if not earlier:
        return question
    text = f"{question.text}\n\n{_EARLIER}" + "\n".join(f"- {caption}" for caption in earlier)
    return Question(text=text, pictures=question.pictures, wav=question.wav)


def asked_again(question: Question, fault: str) -> Question:
    """The same question when the answer was of no use."""
    text = (
        f"{question.text}\n\nYour last answer {fault}. Answer now with the caption alone, in one paragraph of at least "
        "40 words, about what can be perceived."
    )
    return Question(text=text, pictures=question.pictures, wav=question.wav)
