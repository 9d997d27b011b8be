"""Entry point of `python -m ltx_module`."""

import os

if not os.environ.get("LTX_DEBUG"):
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # torch reads it once, when it is imported

from ltx_module.cli import main

if __name__ == "__main__":
    main()
