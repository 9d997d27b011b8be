"""Entry point of `python -m ltx_module.pico`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ltx_module.pico.bundle import write_pico


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `python -m ltx_module.pico`."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    logging.getLogger("ltx_module").setLevel(logging.INFO)
    parser = argparse.ArgumentParser(
        prog="python -m ltx_module.pico", description="Write the small embedded model with random weights."
    )
    parser.add_argument("directory", type=Path, help="Where to write it.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the random weights.")
    options = parser.parse_args(arguments)
    write_pico(options.directory, options.seed)


if __name__ == "__main__":
    main()
