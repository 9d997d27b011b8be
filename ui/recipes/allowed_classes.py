"""Which classes a recipe may name on the page.

Our own packages, by the classes that their files define; `torch.optim`; Lightning's loggers and callbacks;
`bitsandbytes.optim`; and the packages of optimizers that `pyproject.toml` depends on. A recipe with any other class
still runs from a terminal.
"""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_OURS = ("ltx_module", "datamodules", "callbacks")
_FOREIGN = re.compile(
    r"(torch\.optim|torch\.optim\.lr_scheduler|bitsandbytes\.optim"
    r"|(lightning\.pytorch|pytorch_lightning)\.(loggers|callbacks))\.[A-Z]\w*"
)
_CALLS_ANYTHING = {"LambdaCallback", "LambdaLR", "MultiplicativeLR"}
# Distributions of optimizers, and the packages that they install.
_OPTIMIZERS = {
    "prodigyopt": "prodigyopt",
    "schedulefree": "schedulefree",
    "lion-pytorch": "lion_pytorch",
    "came-pytorch": "came_pytorch",
    "adam-mini": "adam_mini",
    "dadaptation": "dadaptation",
    "pytorch-optimizer": "pytorch_optimizer",
    "torch-optimi": "optimi",
}
WHICH = (
    "callbacks.*, ltx_module.*, datamodules.*, torch.optim.*, bitsandbytes.optim.*, prodigyopt.*,"
    " lightning.pytorch.loggers.* and lightning.pytorch.callbacks.*"
)
"""The allow-list in words."""


def is_allowed(class_path: str) -> bool:
    """Whether a recipe may name a class.

    Args:
        class_path: As written; short names such as `AdamW` are not allowed, since they may mean anything.
    """
    module, _, name = class_path.rpartition(".")
    if name in _CALLS_ANYTHING or not class_path.isascii():
        return False
    if module.partition(".")[0] in _OURS:
        return name in _own_classes(module)
    if _FOREIGN.fullmatch(class_path):
        return True
    return module in _optimizer_packages() and bool(re.fullmatch(r"[A-Z]\w*", name))


@cache
def _own_classes(module: str) -> frozenset[str]:
    """The classes of one of our modules: those it defines, and of a package those it takes from its own modules."""
    if not re.fullmatch(r"\w+(\.\w+)*", module):
        return frozenset()
    path = _ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file():
        return frozenset()
    names = set[str]()
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.ClassDef):
            names.add(statement.name)
        elif path.is_dir() and isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith(module):
            names.update(alias.asname or alias.name for alias in statement.names)
    return frozenset(name for name in names if name[:1].isupper() and not name.isupper())


@cache
def _optimizer_packages() -> frozenset[str]:
    """The packages of optimizers among the project's dependencies."""
    try:
        project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except OSError:
        return frozenset()
    names = (re.split(r"[^A-Za-z0-9_.-]", one)[0].lower() for one in project.get("dependencies", []))
    return frozenset(_OPTIMIZERS[name] for name in names if name in _OPTIMIZERS)
