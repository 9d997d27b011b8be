"""Keep the terminal ours: no tips, no foreign warnings, no call home."""

import logging
import os
import sys
import warnings

_FOREIGN = (
    *("lightning", "lightning.pytorch", "lightning.fabric", "transformers", "diffusers", "peft", "accelerate"),
    *("bitsandbytes", "torch", "PIL"),
)
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "TOKENIZERS_PARALLELISM": "false",
}
_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")
OWN_PACKAGES = ("ltx_module", "datamodules", "callbacks")


def quiet_foreign_output() -> None:
    """Show our own lines at INFO, others from ERROR on, and turn network look-ups off.

    Set LTX_DEBUG=1 to see everything that the libraries say.
    """
    for name, value in _OFFLINE.items():
        os.environ.setdefault(name, value)
    if os.environ.get("LTX_DEBUG"):
        return
    for name in _FOREIGN:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    is_first = all(os.environ.get(name, "0") == "0" for name in _RANKS)
    for name in OWN_PACKAGES:
        own = logging.getLogger(name)
        own.setLevel(logging.INFO if is_first else logging.WARNING)  # one rank tells what all of them do
        own.handlers = [handler]
        own.propagate = False
