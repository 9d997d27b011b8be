"""Training shapes to choose from, in words."""

from typing import Any

from ui.recipes.document import RecipeDocument

_SIZES = {
    "wide": ("512x288", "768x448", "960x544", "1024x576", "1280x704"),
    "tall": ("288x512", "448x768", "544x960", "576x1024", "704x1280"),
    "square": ("384x384", "512x512", "768x768"),
}
_FRAMES = (1, 25, 33, 49, 97, 121)
_PICO_SIZES = {"wide": ("128x96",), "tall": ("96x128",), "square": ("128x128",)}


def bucket_choices(document: RecipeDocument) -> list[tuple[str, str]]:
    """Legal buckets to choose from, in words and as a recipe writes them; the recipe's own come first."""
    buckets = document.get("data.buckets")
    own = [str(one) for one in buckets] if isinstance(buckets, list) else []
    if document.get("model.streams") == "audio":
        choices = [f"{seconds}s" for seconds in (1, 2, 4, 8, 12)]
    else:
        pico = "pico" in str(document.get("model.base_model", ""))
        sizes = _PICO_SIZES if pico else _SIZES
        counts = (1, 25) if pico else _FRAMES
        choices = [f"{size}x{frames}" for all_sizes in sizes.values() for size in all_sizes for frames in counts]
    fps = document.get("data.fps", 24)
    return [(bucket_label(one, fps), one) for one in dict.fromkeys([*own, *choices])]


def bucket_label(bucket: str, fps: Any) -> str:
    """A bucket in words: `960x544x49, wide, 2 s`."""
    parts = bucket.split("x")
    if len(parts) != 3 or not all(part.isdigit() for part in parts) or not isinstance(fps, int | float) or fps <= 0:
        return bucket
    width, height, frames = map(int, parts)
    shape = "wide" if width > height else "tall" if width < height else "square"
    return f"{bucket}, {shape}, {'still' if frames == 1 else f'{frames / fps:.3g} s'}"
