"""`python -m ltx_module.pico.training STAGE DIRECTORY`: trains a part of pico on a GPU, or bundles the parts."""

import logging
import os
from collections.abc import Callable

from jsonargparse import auto_cli


def _stages() -> list[Callable[..., None]]:
    from ltx_module.pico.training.audio_vae import train_audio_vae
    from ltx_module.pico.training.bundle import write_bundle
    from ltx_module.pico.training.generator import train_generator
    from ltx_module.pico.training.video_vae import train_video_vae
    from ltx_module.pico.training.vocoder import fit_vocoder

    return [train_video_vae, train_audio_vae, fit_vocoder, train_generator, write_bundle]


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    logging.basicConfig(level=logging.ERROR, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("ltx_module").setLevel(logging.INFO)
    auto_cli(_stages(), as_positional=True)
