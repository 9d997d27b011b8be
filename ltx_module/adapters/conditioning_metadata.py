"""What a LoRA file says of the references it was trained with.

An IC-LoRA works only with references as small and as slow as those of its training, since their positions are scaled
by the same factors. Its file says them in the entries that the published trainer, its pipelines and ComfyUI read:
`reference_downscale_factor` (and the same as `reference_spatial_scale_factor`) and `reference_temporal_scale_factor`.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ltx_module.diffusion.conditioning import Conditioning, Reference

logger = logging.getLogger(__name__)

_SPATIAL = "reference_downscale_factor"
_SPATIAL_AGAIN = "reference_spatial_scale_factor"
_TEMPORAL = "reference_temporal_scale_factor"


@dataclass(frozen=True, kw_only=True)
class ReferenceFactors:
    """How a reference video relates to what is generated."""

    spatial: int = 1
    """How many times smaller each way it is."""
    temporal: int = 1
    """How many times fewer frames per second it has."""

    @classmethod
    def of(cls, metadata: Mapping[str, str], path: Path) -> "ReferenceFactors | None":
        """Read them from the entries of a LoRA file; None if it was not trained with reference videos.

        Args:
            metadata: Entries of its header.
            path: Named in errors.

        Raises:
            ValueError: If an entry is no whole number above 0.
        """
        spatial, temporal = (_factor(metadata, key, path) for key in (_SPATIAL, _TEMPORAL))
        if spatial is None and temporal is None:
            return None
        return cls(spatial=spatial or 1, temporal=temporal or 1)

    @property
    def metadata(self) -> dict[str, str]:
        """Entries for a file's header; the spatial factor even if it is 1, so that it is known to be an IC-LoRA."""
        entries = {_SPATIAL: str(self.spatial), _SPATIAL_AGAIN: str(self.spatial)}
        return entries if self.temporal == 1 else {**entries, _TEMPORAL: str(self.temporal)}


def conditioning_metadata(
    conditions: Iterable[Conditioning], *, downscale_factor: int = 1, temporal_factor: int = 1
) -> dict[str, str]:
    """Entries that a recipe's conditions add to the header of its LoRA files; none without reference videos.

    Args:
        conditions: The recipe's `model.conditions`.
        downscale_factor: `data.reference_downscale_factor`.
        temporal_factor: `data.reference_temporal_factor`.
    """
    if not any(isinstance(one, Reference) and one.modality == "video" for one in conditions):
        return {}
    return ReferenceFactors(spatial=downscale_factor, temporal=temporal_factor).metadata


def require_same_factors(path: Path, trained: Mapping[str, str], recipe: Mapping[str, str]) -> None:
    """Refuse an IC-LoRA whose references were of another size or rate than the recipe's.

    A file without factors is an ordinary LoRA and goes with any recipe; so does any file with a recipe without
    reference videos, with a warning.

    Args:
        path: The LoRA file.
        trained: Entries of its header.
        recipe: What the recipe would write, from `conditioning_metadata`, with or without other entries.

    Raises:
        ValueError: If a factor differs, or one of the file is no whole number.
    """
    found, wanted = ReferenceFactors.of(trained, path), ReferenceFactors.of(recipe, path)
    if found is not None and wanted is None:
        logger.warning("%s is an IC-LoRA, but `model.conditions` of this recipe shows it no reference video", path)
    if found is None or wanted is None:
        return
    for key, value, own in (
        ("data.reference_downscale_factor", found.spatial, wanted.spatial),
        ("data.reference_temporal_factor", found.temporal, wanted.temporal),
    ):
        if value != own:
            raise ValueError(
                f"{path} is an IC-LoRA whose references had the factor {value} (its metadata), but `{key}` is {own}, "
                f"and with another factor a reference lies in the wrong places: set `{key}` to {value}, or give a "
                "LoRA that was trained with this recipe."
            )


def _factor(metadata: Mapping[str, str], key: str, path: Path) -> int | None:
    """The factor of an entry, which ComfyUI finds behind any prefix."""
    text = next((value for name, value in metadata.items() if name.endswith(key)), None)
    if text is None and key == _SPATIAL:
        text = metadata.get(_SPATIAL_AGAIN)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if value < 1 or not value.is_integer():  # neither NaN nor an infinity is
        raise ValueError(
            f"{path}: metadata {key} is {text!r}, but references are a whole number of times smaller or slower: "
            "the file is damaged, or was made by a tool that this one does not know."
        )
    return int(value)
