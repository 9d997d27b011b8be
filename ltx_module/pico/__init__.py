"""pico, the embedded model: a complete LTX-2.3 of a few million parameters in the published layouts."""

from ltx_module.pico.bundle import GEMMA_DIRECTORY, PICO_FILE, TEXT_WINDOW, write_pico

__all__ = ["GEMMA_DIRECTORY", "PICO_FILE", "TEXT_WINDOW", "write_pico"]
