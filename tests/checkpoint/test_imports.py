"""What importing pulls in: heavy libraries wait until a component is loaded."""

import subprocess
import sys

HEAVY = ("diffusers", "transformers", "peft", "accelerate", "bitsandbytes", "datamodules")


def test_the_checkpoint_package_imports_neither_heavy_libraries_nor_the_data_package():
    code = f"import sys, ltx_module.checkpoint; print([name for name in {HEAVY} if name in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
