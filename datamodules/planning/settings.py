"""What a recipe says about its data, and whether that can be meant."""

from dataclasses import dataclass, field
from pathlib import Path

from datamodules.geometry import Bucket
from datamodules.manifest.class_caption import has_word
from datamodules.manifest.sets import Source
from datamodules.needs import Needs
from datamodules.windows.clip_windows import WindowRule
from datamodules.windows.pairing import PairingSettings


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """What a recipe says about its data."""

    sources: tuple[Source, ...]
    """The sets of clips, of which a lone dataset is one."""
    buckets: tuple[Bucket, ...]
    """Training shapes."""
    windows: WindowRule
    """Which windows of a long clip are used."""
    max_windows: int
    """Windows of one clip at most."""
    trigger: str
    """Word put in front of captions, but in sets that have one of their own."""
    with_audio: bool
    """Whether sound is trained."""
    validation_fraction: float
    """Share of the files that are held out."""
    class_word: str | None = None
    """Stands in place of the trigger in class captions; None makes none."""
    regularisation: tuple[Path, ...] | None = None
    """Datasets of ordinary clips without the trigger."""
    regularisation_every_n_batches: int = 5
    """Which batches are of these datasets: every n-th."""
    pairing: PairingSettings = field(default_factory=PairingSettings)
    """What is said about references and masks."""

    def __post_init__(self) -> None:
        """Check what the class word is to replace, and that something is left beside the second dataset."""
        if self.class_word is not None:
            for source in self.sources:
                self._check_class_word(self.class_word, source)
        if self.regularisation == ():
            raise ValueError("`data.regularisation` is an empty list: name a dataset, or set it to null.")
        if self.regularisation is not None and self.regularisation_every_n_batches < 2:
            raise ValueError(
                f"`data.regularisation_every_n_batches` is {self.regularisation_every_n_batches}, but then no batch"
                f" would be left for `{self.dataset_key}`: use 2 or more; 5 gives a fifth to the regularisation set."
            )

    @property
    def dataset(self) -> str:
        """The paths of all sets, for reports."""
        return ", ".join(str(source.set.path) for source in self.sources)

    @property
    def dataset_key(self) -> str:
        """The recipe's key of its clips."""
        return "data.sets" if self.sources[0].is_named else "data.path"

    def trigger_of(self, source: Source) -> str:
        """The word put in front of a set's captions."""
        return self.trigger if source.set.trigger is None else source.set.trigger

    def _check_class_word(self, class_word: str, source: Source) -> None:
        """Refuse to preserve what is taught.

        Raises:
            ValueError: If the set has no trigger, or the class word holds it.
        """
        trigger = self.trigger_of(source)
        key = "data.trigger" if source.set.trigger is None else source.key.removesuffix("path") + "trigger"
        if not trigger.strip():
            raise ValueError(
                f"`model.preservation` keeps the base under captions without the trigger, but `{key}` is empty,"
                " so the same captions would be taught and held back: set a trigger, or"
                " `model.preservation.init_args.class_probability: 0` (`blank_probability` needs no trigger)."
            )
        if has_word(class_word, trigger):
            raise ValueError(
                f"`model.preservation.init_args.class_word` is {class_word!r}, which holds the trigger"
                f" {trigger!r}, so class captions would still ask for the concept: use the kind of thing it is,"
                " such as person, or an empty one, which removes the trigger."
            )

    def check_buckets(self, needs: Needs) -> None:
        """Whether the buckets are such as the recipe trains, and can hold references.

        Raises:
            ValueError: If there is sound alone among pictures, or the other way round, or a factor does not divide.
        """
        for number, bucket in enumerate(self.buckets):
            key = f"data.buckets[{number}]"
            if bucket.is_sound != (needs.streams == "audio"):
                use = (
                    "lengths of sound such as 4s"
                    if needs.streams == "audio"
                    else "WIDTHxHEIGHTxFRAMES such as 960x544x49, or `model.streams: audio`"
                )
                raise ValueError(f"`{key}` is {bucket}, but `model.streams` is {needs.streams}: use {use}.")
            if needs.video_reference:
                self.pairing.reference_bucket(bucket, key)
