"""How many GPUs a recipe's commands take."""

from ui.recipes.document import RecipeDocument


def devices_of(recipe: RecipeDocument) -> int:
    """GPUs that a command with this recipe waits for; 1 where it leaves that to the machine."""
    wanted = recipe.get("trainer.devices", 1)
    if isinstance(wanted, str) and wanted.strip().isdecimal():
        wanted = int(wanted)
    if isinstance(wanted, list):
        return max(len(wanted), 1)
    return wanted if type(wanted) is int and wanted > 0 else 1
