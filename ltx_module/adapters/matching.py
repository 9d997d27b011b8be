"""A LoRA file against a transformer: which of its modules can be used, and which belong to a stream left out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ltx_module.adapters.lora_file import KOHYA_PREFIX, LoRAFile, listed
from ltx_module.adapters.pair import LoRAPair
from ltx_module.adapters.targets import full_linear_shapes, group_of, linear_shapes

if TYPE_CHECKING:
    from ltx_module.model import LTXTransformer


@dataclass(frozen=True, kw_only=True)
class LoRAMatch:
    """What a LoRA file means for one transformer."""

    file: LoRAFile
    pairs: dict[str, LoRAPair]
    """A, B and alpha for modules that were built, by published name."""
    not_built: tuple[str, ...]
    """Modules of a stream that was not built; their part of the LoRA has no effect."""

    @property
    def summary(self) -> str:
        """One line: modules used, and everything of the file that is not, counted and named."""
        text = f"{self.file.path.name}: {len(self.pairs)} modules, rank {self.file.rank}"
        if self.not_built:
            groups = sorted({group_of(name) for name in self.not_built})
            text += f"; {len(self.not_built)} modules of streams not built have no effect ({', '.join(groups)})"
        if self.file.connector_keys:
            keys = listed(self.file.connector_keys)
            text += f"; {len(self.file.connector_keys)} keys of the text connectors are not applied ({keys})"
        return text


def match_lora(file: LoRAFile, transformer: "LTXTransformer") -> LoRAMatch:
    """Find the module of each part of a LoRA file.

    Args:
        file: Modules named with dots, or with underscores behind `lora_unet_`.
        transformer: Its configuration tells the modules of both streams, whichever were built.

    Raises:
        ValueError: If a module is not in the model with both streams, has another shape there, or nothing was built.
    """
    shapes = full_linear_shapes(transformer)
    underscored = {KOHYA_PREFIX + name.replace(".", "_"): name for name in shapes}
    named = {underscored.get(module, module): pair for module, pair in file.pairs.items()}
    unknown = [module for module in named if module not in shapes]
    if unknown:
        raise ValueError(
            f"{file.path}: {len(unknown)} of {len(named)} modules are not in this model ({listed(unknown)}): "
            "it was made for another model or another version."
        )
    for module, pair in named.items():
        if pair.shape != shapes[module]:
            raise ValueError(
                f"{file.path}: module {module} has {pair.shape[0]} inputs and {pair.shape[1]} outputs, but "
                f"{shapes[module][0]} and {shapes[module][1]} in this model: it was made for a model of another size."
            )
    built = linear_shapes(transformer)
    not_built = tuple(module for module in named if module not in built)
    if len(not_built) == len(named):
        raise ValueError(
            f"{file.path} adapts only modules of a stream that was not built ({listed(not_built)}), so it would have "
            "no effect: build both streams with `model.streams: av`."
        )
    pairs = {module: pair for module, pair in named.items() if module in built}
    return LoRAMatch(file=file, pairs=pairs, not_built=not_built)
