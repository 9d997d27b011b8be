"""Where compiled kernels are kept from run to run."""

import os
from pathlib import Path

_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


def keep_compiled() -> Path:
    """Let the compiler keep its results in the user's cache directory, where a restart of the machine leaves them.

    Returns:
        The directory; what TORCHINDUCTOR_CACHE_DIR says, if it is set.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.setdefault(_VARIABLE, str(home / "ltx-recipes" / "compiled")))
