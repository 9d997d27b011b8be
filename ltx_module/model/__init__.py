"""The LTX-2.3 transformer, pure torch, in the published parameter names."""

from ltx_module.model.config import LTXConfig, Streams
from ltx_module.model.evaluation_mode import evaluating
from ltx_module.model.modality import Modality, NoiseLevels
from ltx_module.model.transformer import LTXTransformer

__all__ = ["LTXConfig", "LTXTransformer", "Modality", "NoiseLevels", "Streams", "evaluating"]
