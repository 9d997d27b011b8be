"""Agreement of picture and prompt by a CLIP model on this machine; only where the recipe names one.

torchmetrics 1.9 has this score, but fails with transformers 5, whose models return features as an object.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_FRAMES = 4


class ClipScorer:
    """Scores samples with a CLIP model of transformers; nothing is downloaded.

    Args:
        directory: The model with its processor, as `save_pretrained` writes them.
    """

    def __init__(self, directory: Path) -> None:
        from transformers import AutoModel, AutoProcessor

        self.model: Any = AutoModel.from_pretrained(directory, local_files_only=True).eval()
        self.processor: Any = AutoProcessor.from_pretrained(directory, local_files_only=True)

    @torch.no_grad()
    def score(self, frames_F3HW: Tensor, prompt: str) -> float:
        """100 times the cosine between a prompt and frames, mean over four frames, at least 0, as in CLIPScore.

        Args:
            frames_F3HW: uint8.
            prompt: Cut to what the model reads.
        """
        chosen = frames_F3HW[_evenly(len(frames_F3HW), _FRAMES)]
        pictures = [frame.permute(1, 2, 0).numpy() for frame in chosen]
        longest = self.model.config.text_config.max_position_embeddings  # the tokeniser's own limit may be unset
        inputs = self.processor(
            text=[prompt], images=pictures, return_tensors="pt", padding=True, truncation=True, max_length=longest
        )
        output = self.model(**inputs)
        cosine = functional.cosine_similarity(output.image_embeds, output.text_embeds)
        return float(100 * cosine.mean().clamp(min=0))


def _evenly(count: int, most: int) -> list[int]:
    return [number * count // min(most, count) for number in range(min(most, count))]
