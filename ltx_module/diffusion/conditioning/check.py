"""What contradicts itself among a recipe's conditions, found before anything is encoded."""

from collections import Counter
from collections.abc import Sequence

from torch import Tensor

from ltx_module.diffusion.conditioning.areas import SpatialCrop
from ltx_module.diffusion.conditioning.base import Conditioning, ModalityName
from ltx_module.diffusion.conditioning.reference import Reference
from ltx_module.diffusion.conditioning.stills import FirstFrame, Keyframes

KEY = "model.conditions"


def check_conditions(conditions: Sequence[Conditioning], streams: str, frozen: ModalityName | None) -> None:
    """Check conditions against each other and against what is generated.

    Args:
        conditions: Those of one recipe.
        streams: What is built: `av`, `video` or `audio`.
        frozen: The modality that is given whole, if any.

    Raises:
        ValueError: Naming the conditions that contradict each other or act on nothing.
    """
    if frozen is not None and streams != "av":
        raise ValueError(
            f"`model.frozen` is {frozen}, but `model.streams` is {streams}: one modality is given and the other"
            " generated, so both must be built: use `model.streams: av`."
        )
    for condition in conditions:
        if streams not in ("av", condition.modality):
            raise ValueError(
                f"`{KEY}` has {condition.name} on {condition.modality}, but `model.streams` is {streams}, so there is"
                f" none: remove it, or set its `modality`."
            )
        if condition.modality == frozen and not isinstance(condition, Reference):
            raise ValueError(
                f"`{KEY}` has {condition.name} on {condition.modality}, but `model.frozen: {frozen}` gives all of it"
                " anyway: remove one of them."
            )
    kinds = Counter((one.name, one.modality) for one in conditions if not isinstance(one, SpatialCrop))
    for (name, modality), count in kinds.items():
        if count > 1:
            raise ValueError(f"`{KEY}` has {name} on {modality} {count} times: keep one of them.")
    names_first = [one for one in conditions if isinstance(one, FirstFrame)]
    names_first += [one for one in conditions if isinstance(one, Keyframes) and 0 in one.frames]  # type: ignore[misc]
    if len(names_first) > 1:
        raise ValueError(
            f"`{KEY}` gives the first frame twice, by FirstFrame and by Keyframes: remove FirstFrame, or take 0 out of"
            " the `frames` of Keyframes."
        )


def check_bucket(conditions: Sequence[Conditioning], modality: ModalityName, shape: Sequence[int], fps: float) -> None:
    """Check that conditions fit into clips of a shape and leave something to generate.

    Args:
        conditions: Those of one recipe; the other modality's are passed over.
        modality: Whose latents have that shape.
        shape: Latent shape of an item, `(C, F, H, W)` or `(C, L, M)`.
        fps: Frames per second.

    Raises:
        ValueError: Naming what does not fit; to be completed with the bucket's name.
    """
    all_given: Tensor | None = None
    own = [one for one in conditions if one.modality == modality and one.probability > 0]
    for condition in own:
        given = condition.check(shape, fps)
        if given is not None:
            all_given = given if all_given is None else all_given | given
    if all_given is not None and bool(all_given.all()):
        names = " and ".join(condition.name for condition in own)
        raise ValueError(f"{names} together give the whole {modality}, so nothing is left to generate")
