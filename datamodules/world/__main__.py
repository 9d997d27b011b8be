"""`python -m datamodules.world DIRECTORY`: writes a small dataset of drawn clips and stills."""

import logging

from jsonargparse import auto_cli

from datamodules.world.dataset import write_dataset

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    auto_cli(write_dataset, as_positional=True)
