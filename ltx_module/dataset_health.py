"""What the doctor says about a recipe's datasets, beside what their plan says."""

from typing import TYPE_CHECKING

from datamodules.doctor.doctor_report import DoctorReport
from datamodules.doctor.visit import TOLD_BY_THE_PLAN, examine_dataset
from datamodules.doctor.wanted import Wanted, kind_of

if TYPE_CHECKING:
    from datamodules.latents import LatentDataModule


def dataset_health(datamodule: "LatentDataModule") -> tuple[DoctorReport, ...]:
    """Examine each set of a recipe; what is read is remembered in the latent cache's directory.

    Args:
        datamodule: The recipe's data, its needs set.

    Raises:
        ValueError: If a dataset contradicts itself.
    """
    settings, needs = datamodule.settings, datamodule.needs
    refers = needs.video_reference or needs.audio_reference
    signals = settings.pairing.signals
    reports = []
    for source in settings.sources:
        wanted = Wanted(
            kind=kind_of(datamodule.recipe_name, refers=refers),
            trigger=settings.trigger_of(source),
            buckets=settings.buckets,
            fps=datamodule.fps,
            takes_head=settings.windows == "head",
            needs=needs,
            streams_known=True,
            signals=None if signals is None else frozenset(signals),
            text_window=datamodule.text_window,
            text_encoder=datamodule.text_encoder,
            white_is_given=settings.pairing.white_is_given,
        )
        _, report = examine_dataset(source.set.path, wanted, cache=datamodule.cache.root)
        reports.append(report.without(TOLD_BY_THE_PLAN))
    return tuple(reports)
