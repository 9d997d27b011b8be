"""Conditions: what of a clip is given, not generated, and what is shown beside it.

    conditions:
      - class_path: ltx_module.diffusion.conditioning.FirstFrame
        init_args: { probability: 0.5 }

Given tokens hold clean latents at noise level 0, the loss leaves them out, and the sampler puts them back at each step.
Training and sampling share these objects: training draws whether one applies to an item, sampling applies those whose
media there are. Any of them combine; a token that two of them give is given once.
"""

from ltx_module.diffusion.conditioning.areas import Mask, SpatialCrop
from ltx_module.diffusion.conditioning.base import (
    Appended,
    Conditioning,
    Given,
    GivenTokens,
    ModalityName,
    Source,
)
from ltx_module.diffusion.conditioning.check import check_bucket, check_conditions
from ltx_module.diffusion.conditioning.combine import Conditioned, Drawn, apply_conditions, draw_conditions
from ltx_module.diffusion.conditioning.reference import Reference, reference_factors
from ltx_module.diffusion.conditioning.spans import Prefix, Suffix, at_its_end, require_long_enough
from ltx_module.diffusion.conditioning.stills import FirstFrame, Keyframes

__all__ = [
    "Appended",
    "Conditioned",
    "Conditioning",
    "Drawn",
    "FirstFrame",
    "Given",
    "GivenTokens",
    "Keyframes",
    "Mask",
    "ModalityName",
    "Prefix",
    "Reference",
    "Source",
    "SpatialCrop",
    "Suffix",
    "apply_conditions",
    "at_its_end",
    "check_bucket",
    "check_conditions",
    "draw_conditions",
    "reference_factors",
    "require_long_enough",
]
