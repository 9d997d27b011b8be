"""Entry point of `python -m ltx_module`."""

from ltx_module.cli import main

if __name__ == "__main__":
    main()
