"""Which LoRA files a verb works with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ltx_module.adapters.conditioning_metadata import require_same_factors
from ltx_module.adapters.lora_file import read_lora_file
from ltx_module.run_directory import RunDirectory

NONE = "none"


@dataclass(frozen=True)
class AdapterFile:
    """A LoRA file and the factor it is used with."""

    path: Path
    strength: float = 1.0

    @classmethod
    def parse(cls, text: str) -> "AdapterFile":
        """Read `FILE` or `FILE:STRENGTH`; a colon inside a path, as on Windows, stays part of it.

        Raises:
            FileNotFoundError: If there is no such file.
        """
        path, strength = Path(text), 1.0
        head, colon, tail = text.rpartition(":")
        if colon and not path.exists():
            try:
                path, strength = Path(head), float(tail)
            except ValueError:
                path = Path(text)
        if not path.is_file():
            raise FileNotFoundError(
                f"`--lora` is {text}, but {path} is not a file: give FILE or FILE:STRENGTH, such as"
                " runs/style-1/lora/step_002000.safetensors:0.8, or `none` for the base model."
            )
        return cls(path, strength)


def choose_adapters(given: Sequence[str] | None, run: RunDirectory) -> tuple[AdapterFile, ...]:
    """The LoRA files that `--lora` names; the run's newest where it names none.

    Raises:
        FileNotFoundError: If a file is missing, or the run has none yet.
        ValueError: If `none` stands beside a file.
    """
    if not given:
        newest = run.loras()[-1:]
        if not newest:
            raise FileNotFoundError(
                f"{run.path} has no LoRA yet (nothing in {run.path / 'lora'}): run `fit` first, name a run with --run,"
                " or a file with --lora FILE; `--lora none` is the base model."
            )
        return (AdapterFile(newest[0]),)
    if NONE in given and len(given) > 1:
        raise ValueError(f"`--lora` is {', '.join(given)}, but `{NONE}` means no LoRA at all: give it alone, or files.")
    return tuple(AdapterFile.parse(text) for text in given if text != NONE)


def require_loras(
    adapters: Sequence[AdapterFile], recipe_metadata: Mapping[str, str] | None = None
) -> tuple[AdapterFile, ...]:
    """Refuse what cannot be used before anything is encoded or the base model is loaded.

    Args:
        adapters: The files.
        recipe_metadata: What the recipe writes into its own LoRA files.

    Raises:
        ValueError: If a file is not a LoRA for LTX-2.3's transformer, or is an IC-LoRA for references of another size
            or rate than the recipe's.
    """
    for adapter in adapters:
        require_same_factors(adapter.path, read_lora_file(adapter.path).metadata, recipe_metadata or {})
    return tuple(adapters)


def label_of(adapters: Sequence[AdapterFile], run: RunDirectory) -> str:
    """Directory name for samples of these LoRA files; a file of another run carries that run's name.

    Args:
        adapters: The files.
        run: The run whose samples these are.
    """
    return "+".join(_label(adapter, run) for adapter in adapters) or "base"


def _label(adapter: AdapterFile, run: RunDirectory) -> str:
    folder = adapter.path.resolve().parent
    foreign = folder.name == "lora" and folder != (run.path / "lora").resolve()
    return f"{folder.parent.name + '-' if foreign else ''}{adapter.path.stem}@{adapter.strength:g}"
