"""What a run's recipe says about its tries: the values to begin with, what may be chosen, and what to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datamodules.geometry import Bucket
from ui.recipes.devices import devices_of
from ui.recipes.document import RecipeDocument
from ui.runs.run_recipe import run_recipe
from ui.tries.loras import first_lora
from ui.tries.needs import MEDIA_KEYS, Need, is_required, keys_of, needs_of
from ui.tries.settings import PRESETS, TryLoRA, TrySettings
from ui.workspace import Workspace

_NEGATIVE_PROMPT = "pc game, console game, video game, cartoon, childish, ugly"  # the default of `sample`
_DEFAULT_SIZE = "960x544x49"


@dataclass(frozen=True, kw_only=True)
class TryForm:
    """What the page shows of a run before anything is typed."""

    settings: TrySettings
    """To begin with: the recipe's own sample, with the run's favourite or newest LoRA."""
    sizes: tuple[str, ...]
    """Width x height that the recipe was trained or samples in."""
    needs: tuple[Need, ...]
    fps: float
    factor: int
    """How much smaller references are; sizes must be multiples of 32 times it."""
    trigger: str
    streams: str
    dataset: str
    prompts: tuple[Any, ...]
    """Value of `sample.prompts`."""
    own_conditions: bool
    """Whether the recipe has conditions that the page does not know the media of."""
    devices: int

    @property
    def is_sound(self) -> bool:
        """Whether the recipe makes sound alone."""
        return self.streams == "audio"

    @property
    def media(self) -> dict[str, bool]:
        """Keys of media that a prompt takes, and whether it must have them."""
        return {key: is_required(key, self.needs) for key in keys_of(self.needs)}

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before a try, a sentence each."""
        found = []
        if self.trigger:
            found.append(f"The trigger {self.trigger} is put in front of prompts that lack it.")
        if self.streams == "video":
            found.append("This recipe builds the picture alone (`model.streams: video`), so the videos have no sound.")
        if self.factor > 1:
            found.append(f"References are {self.factor} times smaller: width and height are multiples of {self.step}.")
        needed = [MEDIA_KEYS[key].label for key, required in self.media.items() if required]
        if needed:
            found.append(f"Needed beside the prompt: {', '.join(needed)}.")
        if self.own_conditions:
            found.append("The recipe has conditions of its own, whose media cannot be chosen here.")
        return tuple(found)

    @property
    def step(self) -> int:
        """Pixels of which width and height are multiples."""
        return 32 * self.factor


def form_of(workspace: Workspace, run: str) -> TryForm:
    """What the page shows of a run.

    Raises:
        ValueError: If the run has no recipe, or one that cannot be read.
    """
    recipe = run_recipe(workspace, run).document
    conditions = recipe.get("model.conditions")
    prompts = recipe.get("sample.prompts")
    listed = tuple(prompts) if isinstance(prompts, list) else ()
    with_video = any(isinstance(one, Mapping) and "video" in one for one in listed)
    needs = needs_of(conditions, recipe.get("model.frozen"), stills_of_video=with_video)
    num_conditions = len(conditions) if isinstance(conditions, Sequence) else 0
    return TryForm(
        settings=_beginning(recipe, listed, needs, first_lora(workspace, run)),
        sizes=_sizes(recipe),
        needs=needs,
        fps=_number(recipe.get("data.fps"), 24.0),
        factor=max(1, int(_number(recipe.get("data.reference_downscale_factor"), 1))),
        trigger=str(recipe.get("data.trigger") or ""),
        streams=str(recipe.get("model.streams") or "av"),
        dataset=str(recipe.get("data.path") or ""),
        prompts=listed,
        own_conditions=num_conditions > sum(not need.name.startswith("model.frozen") for need in needs),
        devices=devices_of(recipe),
    )


def _beginning(
    recipe: RecipeDocument, prompts: Sequence[Any], needs: Sequence[Need], lora: TryLoRA | None
) -> TrySettings:
    """The recipe's first sample as settings; values that no longer hold give way to the defaults."""
    first = prompts[0] if prompts else ""
    given = dict(first) if isinstance(first, Mapping) else {"prompt": first}
    media = {key: str(given[key]) for key in keys_of(needs) if given.get(key)}
    preset = str(recipe.get("sample.preset") or "quality")
    steps = recipe.get("sample.steps")
    return TrySettings(
        prompt=str(given.get("prompt") or "") or "a short description of what is to be seen and heard",
        negative_prompt=str(recipe.get("sample.negative_prompt") or _NEGATIVE_PROMPT),
        loras=() if lora is None else (lora,),
        seed=int(_number(recipe.get("sample.seed"), 42)),
        size=_legal(str(recipe.get("sample.size") or _DEFAULT_SIZE)),
        preset=preset if preset in PRESETS else "quality",
        steps=steps if isinstance(steps, int) and preset != "fast" else None,
        media=media,
        distilled_lora=str(recipe.get("sample.distilled_lora") or ""),
        attention_strength=_number(recipe.get("sample.attention_strength"), 1.0),
        image_strength=_number(recipe.get("sample.image_strength"), 1.0),
        show_reference=bool(recipe.get("sample.show_reference")),
    )


def _sizes(recipe: RecipeDocument) -> tuple[str, ...]:
    """Width x height of the recipe's sample and buckets, each once."""
    buckets = recipe.get("data.buckets")
    texts = [recipe.get("sample.size"), *(buckets if isinstance(buckets, Sequence) else ())]
    found: dict[str, None] = {}
    for text in texts:
        try:
            bucket = Bucket.parse(str(text))
        except ValueError:
            continue
        if not bucket.is_sound:
            found.setdefault(f"{bucket.width}x{bucket.height}")
    return tuple(found)


def _legal(size: str) -> str:
    try:
        return str(Bucket.parse(size))
    except ValueError:
        return _DEFAULT_SIZE


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
