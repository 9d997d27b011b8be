"""The reference of an IC-LoRA: another video or sound that is shown beside what is generated."""

from collections.abc import Sequence
from typing import Literal

from ltx_module.diffusion.conditioning.base import Appended, Conditioning, Given, ModalityName, Source
from ltx_module.diffusion.grids import AudioGrid, Grid, VideoGrid


class Reference(Conditioning):
    """Follow a reference: edges, depth, a pose, a blurred copy, another sound.

    Its tokens lie behind those that are generated, at the same places and times, clean and without loss; both attend to
    each other freely. How much smaller or slower it is comes from its latents. Drawn once for a batch.

    Args:
        probability: Part of the training batches it applies to.
        modality: `video` or `audio`.
        placement: Where a sound lies in time: `aligned` begins with what is generated, moment for moment, as the
            reference trainer has it; `before` ends before it begins, as ComfyUI places the sample of a voice.
    """

    whole_batch = True

    def __init__(
        self,
        probability: float = 1.0,
        modality: ModalityName = "video",
        placement: Literal["aligned", "before"] = "aligned",
    ) -> None:
        super().__init__(probability, modality)
        if placement not in ("aligned", "before") or (placement == "before" and modality == "video"):
            raise ValueError(
                f"`placement` of {self.name} is {placement!r}, but it must be aligned, or for a sound before."
            )
        self.placement: Literal["aligned", "before"] = placement

    @property
    def media(self) -> tuple[tuple[str, ...], ...]:
        """A reference."""
        return ((f"reference_{self.modality}",),)

    def is_possible(self, source: Source) -> bool:
        """Whether there is a reference."""
        return source.reference is not None

    def given(self, source: Source) -> Given:
        """The reference's tokens."""
        reference = source.reference
        assert reference is not None, "the data module was set up without references"
        grid: Grid
        if source.is_video:
            spatial, temporal = reference_factors(source.shape, reference.shape)
            frames, height, width = reference.shape[-3:]
            grid = VideoGrid(
                frames=frames,
                height=height,
                width=width,
                fps=float(source.fps),
                spatial_factor=spatial,
                temporal_factor=temporal,
            )
        else:
            grid = AudioGrid(length=reference.shape[-2], is_before=self.placement == "before")
        return Given(appended=(Appended(tokens=source.pack(reference), grid=grid),))


def reference_factors(target: Sequence[int], reference: Sequence[int]) -> tuple[int, int]:
    """How many times smaller each way, and how many times slower, a reference is than its target.

    Args:
        target: Latent shape that ends in F, H, W.
        reference: The same of the reference.

    Raises:
        ValueError: If there is no whole number for each.
    """
    frames, height, width = target[-3:]
    ref_frames, ref_height, ref_width = reference[-3:]
    spatial = height // ref_height
    temporal = (frames - 1) // (ref_frames - 1) if ref_frames > 1 else 1
    if (ref_height * spatial, ref_width * spatial, (ref_frames - 1) * temporal + 1) != (height, width, frames):
        raise ValueError(
            f"The reference has {ref_frames}x{ref_height}x{ref_width} latents (time, height, width) and its target"
            f" {frames}x{height}x{width}, but the target's must be a whole multiple: choose"
            " `data.reference_downscale_factor` and `data.reference_temporal_factor` that divide every bucket."
        )
    return spatial, temporal
