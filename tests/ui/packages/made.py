"""A package as an export leaves it."""

from datamodules.atomic import write_json
from tests.ui.tries.made import write_lora, write_run


def write_package(root, run="mine-1", step=20, **values):
    """A finished run with an exported LoRA, its workflows, notes and check."""
    directory = write_run(root, run, **values)
    export(directory, step)
    for number, prompt in enumerate(("SKS a red ball", "SKS <script>alert(1)</script> | [x](y)"), start=1):
        for shown in (10, 20):
            sample = directory / "samples" / f"step_{shown:06d}" / f"{number:02d}-ball-seed7.mp4"
            sample.parent.mkdir(parents=True, exist_ok=True)
            sample.write_bytes(b"video %d %d" % (number, shown))
            write_json(sample.with_suffix(".json"), {"prompt": prompt, "size": "128x96x25", "seed": 7, "step": shown})
    return directory


def export(run, step):
    """The files of an export of a step."""
    name = f"{run.name}-{step:06d}"
    write_lora(run / "export" / f"{name}.safetensors", metadata={"training_steps": str(step), "recipe": "style"})
    for preset in ("fast", "quality"):
        (run / "export" / f"{name}-{preset}.json").write_text('{"1": {}}\n')
    (run / "export" / "README.md").write_text(f"# {name}\n")
    found = {"keys_loaded": 2, "keys_not_loaded": [], "max_difference": 3.3e-6, "effect": 1.9, "update_error": 0.002}
    write_json(run / "export" / f"{name}.check.json", found)
