"""From a package into a ComfyUI folder: the LoRA to `models/loras`, workflows to `user/default/workflows`.

What is there already and equal is left alone. What is there and differs is replaced only if the page had shown that it
differs, as it lies there now.
"""

import filecmp
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from datamodules.atomic import replacing
from ui.packages.package import Package, PackageFile
from ui.workspace import Workspace

LORAS = "models/loras"
WORKFLOWS = "user/default/workflows"

State = Literal["new", "same", "different"]


@dataclass(frozen=True, kw_only=True)
class CopyStep:
    """One file and where it goes."""

    source: PackageFile
    target: Path
    state: State
    """What is there now."""


@dataclass(frozen=True, kw_only=True)
class CopyPlan:
    """What a copy would do."""

    folder: Path
    """The ComfyUI folder."""
    steps: tuple[CopyStep, ...]

    @property
    def different(self) -> tuple[Path, ...]:
        """Files that a copy would replace."""
        return tuple(step.target for step in self.steps if step.state == "different")

    @property
    def seen(self) -> str:
        """Changes when one of the files that would be replaced does."""
        facts = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in self.different]
        return sha256(repr(facts).encode()).hexdigest()[:16] if facts else ""


def comfyui_folder(workspace: Workspace) -> Path:
    """The ComfyUI folder that the studio was started with.

    Raises:
        ValueError: If there is none, saying how to name it, or it is none of ComfyUI.
    """
    if workspace.comfyui is None:
        raise ValueError(
            "No ComfyUI folder is known: start the studio with --comfyui FOLDER, or download the package and copy its"
            f" LoRA to {LORAS} yourself."
        )
    folder = workspace.inside(workspace.comfyui, "comfyui")
    if not (folder / "models").is_dir():
        raise ValueError(
            f"{folder} has no folder models/, so it is no ComfyUI folder: start the studio with --comfyui and the"
            " folder that holds models/ and custom_nodes/."
        )
    return folder


def plan_copy(workspace: Workspace, package: Package) -> CopyPlan:
    """Where the files of a package would go.

    Raises:
        ValueError: If there is no ComfyUI folder, or a link in it leads elsewhere.
    """
    folder = comfyui_folder(workspace)
    places = [(package.lora, LORAS), *((file, WORKFLOWS) for file in package.workflows)]
    steps = []
    for source, place in places:
        target = workspace.inside(folder / place / source.name, "comfyui")
        steps.append(CopyStep(source=source, target=target, state=_state(source.path, target)))
    return CopyPlan(folder=folder, steps=tuple(steps))


def copy_package(
    workspace: Workspace, package: Package, *, replace: bool = False, seen: str = ""
) -> Sequence[CopyStep]:
    """Copy what is not there yet, each file whole or not at all.

    Args:
        workspace: Knows the ComfyUI folder.
        package: What to copy.
        replace: Whether files that differ are replaced.
        seen: `CopyPlan.seen` as the page had it when the user agreed to that.

    Returns:
        What was done: `new` and `different` were written, `same` was left.

    Raises:
        ValueError: If a file differs and is not to be replaced, or has changed since it was shown.
    """
    plan = plan_copy(workspace, package)
    if plan.different:
        named = ", ".join(path.relative_to(plan.folder).as_posix() for path in plan.different)
        if not replace:
            raise ValueError(f"{named}: another file of this name is there. Tick “replace”, or move it away.")
        if plan.seen != seen:
            raise ValueError(f"{named}: the file has changed since it was shown here. Look again, then copy again.")
    for step in plan.steps:
        if step.state != "same":
            with replacing(step.target) as temporary:
                shutil.copyfile(step.source.path, temporary)
    return plan.steps


def describe_copy(plan: CopyPlan) -> list[str]:
    """The plan in words, a line a file."""
    words = {"new": "will be copied", "same": "is there already", "different": "is there, but differs"}
    return [f"{step.target.relative_to(plan.folder).as_posix()}: {words[step.state]}" for step in plan.steps]


def describe_done(plan_folder: Path, steps: Sequence[CopyStep]) -> str:
    """What was done, for the notice."""
    words = {"new": "copied", "same": "was there already", "different": "replaced"}
    lines = [f"{step.target.relative_to(plan_folder).as_posix()} ({words[step.state]})" for step in steps]
    return "\n".join([f"In {plan_folder}:", *lines, "Press R in ComfyUI, so that it finds the LoRA."])


def _state(source: Path, target: Path) -> State:
    if not target.exists():
        return "new"
    return "same" if target.is_file() and filecmp.cmp(source, target, shallow=False) else "different"
