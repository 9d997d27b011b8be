"""The latent cache: a directory of safetensors files named by what decided their content.

Layout below the root: `<kind>/<two hex digits>/<key>.safetensors` for entries, `recipes/<name>-<hash>.json` for the
keys that a recipe uses with one model and one dataset, `failures/<key>.json` for clips that could not be encoded.
Everything is written atomically, so several processes may write at once: the worst that happens is that one entry is
made twice, with the same bytes.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from datamodules.atomic import read_json, remove_leftovers, replacing, write_json

_ENTRY = re.compile(r"(video|audio|mask|text|hidden)-[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class PruneReport:
    """What `LatentCache.prune` removed and left."""

    removed_files: int
    """Entries and leftovers deleted."""
    removed_bytes: int
    """Bytes freed."""
    kept_files: int
    """Entries that some recipe uses."""
    kept_bytes: int
    """Bytes they take."""

    def __str__(self) -> str:
        return (
            f"pruned {self.removed_files} cache files ({self.removed_bytes / 1e6:.1f} MB), "
            f"kept {self.kept_files} ({self.kept_bytes / 1e6:.1f} MB)"
        )


class LatentCache:
    """Content-addressed store of video latents (bf16), audio latents (fp32), masks (bool) and text contexts (bf16).

    Args:
        root: Directory of the cache; made at the first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Where the entry `key` is or would be."""
        kind, digits = key.split("-", 1)
        return self.root / kind / digits[:2] / f"{key}.safetensors"

    def has(self, key: str) -> bool:
        """True when the entry exists and is complete; a truncated file counts as absent."""
        try:
            with safe_open(str(self.path(key)), framework="pt"):  # compares the header with the file's size
                return True
        except (OSError, SafetensorError):
            return False

    def write(self, key: str, tensors: Mapping[str, Tensor], notes: Mapping[str, str] | None = None) -> None:
        """Stores an entry, replacing what was there.

        Args:
            key: Key of a `Fingerprint`.
            tensors: The content.
            notes: Facts for a human reader, kept in the file's metadata; they decide nothing.

        Raises:
            OSError: If the file cannot be written.
        """
        content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        try:
            with replacing(self.path(key)) as temporary:
                save_file(content, temporary, metadata={"format": "pt", **(notes or {})})
        except (OSError, SafetensorError) as error:
            raise OSError(
                f"The latent cache {self.root} cannot be written ({error}): free some space there, or set "
                "`data.cache_dir` to a directory that you may write to."
            ) from error
        self._failure_path(key).unlink(missing_ok=True)

    def read(self, key: str, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Reads an entry, or only the tensors called `names` of it.

        Raises:
            FileNotFoundError: If the entry is absent or incomplete.
        """
        try:
            with safe_open(str(self.path(key)), framework="pt") as file:
                return {name: file.get_tensor(name) for name in (names if names is not None else file.keys())}
        except (OSError, SafetensorError) as error:
            raise FileNotFoundError(
                f"The latent cache {self.root} has no complete entry {key} ({error}): it was deleted after the start "
                "of this run; start again, and it is encoded anew."
            ) from error

    def remove(self, key: str) -> None:
        """Deletes an entry, if it is there."""
        self.path(key).unlink(missing_ok=True)

    def record_failure(self, key: str, reason: str) -> None:
        """Notes why an entry could not be made, for the other ranks' reports; the next run tries again."""
        write_json(self._failure_path(key), {"reason": reason})

    def failure(self, key: str) -> str | None:
        """Why the entry could not be made, if that was tried and failed."""
        content = read_json(self._failure_path(key))
        return str(content["reason"]) if isinstance(content, dict) and "reason" in content else None

    def record_use(self, recipe: str, keys: Iterable[str], configuration: Sequence[str] = ()) -> None:
        """Remembers which entries a recipe uses, in place of what it used before in the same configuration.

        A recipe that runs on pico and on the 22B model, or on two datasets, keeps a record for each. Whatever else
        changes, such as buckets, windows or the trigger, replaces the record, so that `prune` lets the old entries go.
        A model or dataset that is not used any more keeps its entries until its record is deleted by hand.

        Args:
            recipe: Name of the recipe.
            keys: All keys of its clips, captions and prompts, cached or not.
            configuration: What tells the records of one recipe apart: its model, text encoder and dataset.
        """
        name = re.sub(r"[^\w.-]", "_", recipe)
        digest = hashlib.sha256(json.dumps([recipe, *configuration]).encode()).hexdigest()[:12]
        content = {"recipe": recipe, "configuration": list(configuration), "keys": sorted(set(keys))}
        path = self.root / "recipes" / f"{name}-{digest}.json"
        if read_json(path) != content:
            write_json(path, content)

    def prune(self) -> PruneReport:
        """Deletes every entry that no recorded recipe uses, and what killed processes left behind."""
        used = self._used_keys()
        removed_files, removed_bytes = remove_leftovers(self.root)
        kept_files = kept_bytes = 0
        for path in sorted(self.root.glob("*/??/*.safetensors")):
            size = path.stat().st_size
            if path.stem in used or not _ENTRY.fullmatch(path.stem):  # a foreign file is not ours to delete
                kept_files, kept_bytes = kept_files + 1, kept_bytes + size
                continue
            path.unlink(missing_ok=True)
            removed_files, removed_bytes = removed_files + 1, removed_bytes + size
        for path in self.root.glob("failures/*.json"):
            if path.stem not in used:
                path.unlink(missing_ok=True)
        return PruneReport(
            removed_files=removed_files, removed_bytes=removed_bytes, kept_files=kept_files, kept_bytes=kept_bytes
        )

    def _used_keys(self) -> set[str]:
        used: set[str] = set()
        for path in self.root.glob("recipes/*.json"):
            content = read_json(path)
            if not isinstance(content, dict) or not isinstance(content.get("keys"), list):
                raise ValueError(
                    f"{path} is damaged, so it is unknown which entries its recipe uses: delete that file, or run "
                    "`preprocess` with that recipe to write it anew, and prune again."
                )
            used.update(content["keys"])
        return used

    def _failure_path(self, key: str) -> Path:
        return self.root / "failures" / f"{key}.json"
