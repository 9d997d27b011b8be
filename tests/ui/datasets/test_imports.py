import subprocess
import sys

_CODE = """
import sys, pkgutil, importlib, ui.datasets
for module in pkgutil.iter_modules(ui.datasets.__path__):
    importlib.import_module(f"ui.datasets.{module.name}")
heavy = "torch lightning transformers jsonargparse diffusers gradio av cv2 numpy"
print(sorted(set(heavy.split()) & set(sys.modules)))
"""


def test_the_logic_of_datasets_imports_nothing_heavy() -> None:
    found = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
