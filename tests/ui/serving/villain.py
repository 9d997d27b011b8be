"""The grounds on which attacks are tried: a workspace, and beside it what nobody may see or change."""

import wave
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

SECRET = "the secret of the house next door 7f3a"


@dataclass(frozen=True)
class Grounds:
    root: Path
    outside: Path

    @property
    def secret(self) -> Path:
        return self.outside / "secret.txt"

    @property
    def clips(self) -> Path:
        return self.root / "datasets" / "mia"

    @property
    def run(self) -> Path:
        return self.root / "runs" / "mia-1"

    def outside_listing(self) -> dict[str, int]:
        return {str(path): path.lstat().st_mtime_ns for path in sorted(self.outside.rglob("*"))}

    @classmethod
    def lay_out(cls, place: Path) -> "Grounds":
        grounds = cls(place / "workspace", place / "next door")
        grounds.outside.mkdir()
        for name in ("secret.txt", "secret.json", "secret.mp4", "secret.png", "secret.yaml", "secret.html"):
            (grounds.outside / name).write_text(SECRET)
        grounds.clips.mkdir(parents=True)
        write_png(grounds.clips / "still.png")
        (grounds.clips / "still.txt").write_text("a red square")
        (grounds.clips / "link.png").symlink_to(grounds.outside / "secret.png")
        (grounds.clips / "folder").symlink_to(grounds.outside)
        for hidden in (".ltx-cache", ".git"):
            (grounds.clips / hidden).mkdir()
            (grounds.clips / hidden / "entry.json").write_text(SECRET)
        (grounds.clips / ".hidden.json").write_text(SECRET)
        (grounds.clips / "run.py").write_text(SECRET)
        (grounds.clips / "page.html").write_text("<script>1</script>")
        evaluation = grounds.run / "evaluation"
        evaluation.mkdir(parents=True)
        (evaluation / "evaluation.html").write_text("<!doctype html><title>Evaluation</title>")
        (grounds.run / "status.json").write_text("{}")
        write_wav(grounds.run / "tone.wav")
        return grounds


def write_png(path: Path, size: tuple[int, int] = (64, 48)) -> Path:
    Image.new("RGB", size, (200, 30, 30)).save(path)
    return path


def write_wav(path: Path, seconds: float = 0.2) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * round(8000 * seconds))
    return path
