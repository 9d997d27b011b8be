"""Datasets for the doctor: one without a fault, and two in which every file has the fault that it is named after."""

import itertools
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules.media.write import write_video
from datamodules.world import Scene, draw_frames, play_tone
from tests.mixed_folder import truncate, write_timed, write_wav

TRIGGER = "zorb"
BUCKETS = ["128x96x33", "96x128x33", "128x96x1"]

PLANTED: dict[str, str] = {
    "corrupt.mp4": "unreadable",
    "truncated.mp4": "unreadable",
    "short.mp4": "too-short",
    "off the grid.mp4": "length-off-grid",
    "long.mp4": "mostly-unused",
    "small.mp4": "upscaled",
    "wide.mp4": "cropped",
    "variable.mkv": "variable-rate",
    "slow.mp4": "low-rate",
    "cut.mp4": "shot-cut",
    "letterbox.mp4": "black-bars",
    "pillarbox.png": "black-bars",
    "black.mp4": "black-clip",
    "begins black.mp4": "black-frames",
    "frozen.mp4": "frozen-clip",
    "freezes.mp4": "frozen-part",
    "the same.mp4": "exact-duplicate",
    "nearly the same.mp4": "near-duplicate",
    "without sound.mp4": "audio-missing",
    "silent.mp4": "audio-silent",
    "quiet.mp4": "audio-quiet",
    "loud.mp4": "audio-loud",
    "clipped.mp4": "audio-clipped",
    "late sound.mp4": "audio-offset",
    "sound ends.mp4": "audio-short",
    "uncaptioned.mp4": "caption-missing",
    "without trigger.mp4": "trigger-missing",
    "trigger twice.mp4": "trigger-repeated",
    "tells little.mp4": "caption-short",
    "generic.mp4": "caption-generic",
    "boilerplate.mp4": "caption-boilerplate",
    "too long.mp4": "caption-long",
    "another word.mp4": "subject-wording",
    "same caption 1.mp4": "caption-repeated",
    "same caption 2.mp4": "caption-repeated",
    "same caption 3.mp4": "caption-repeated",
    "orphan.txt": "caption-without-clip",
    "foreign.avi": "left-out",
    "alone.wav": "sound-alone",
}
"""Every faulty file, and what the doctor is to call its fault."""

PLANTED_PAIRS: dict[str, str] = {
    "no reference.mp4": "reference-missing",
    "short reference.mp4": "reference-short",
    "other shape.mp4": "reference-shape",
    "odd size.mp4": "reference-size",
    "other rate.mp4": "reference-rate",
    "itself.mp4": "reference-is-clip",
    "broken reference.mp4": "unreadable",
    "no mask.mp4": "mask-missing",
    "short mask.mp4": "mask-short",
    "mask of other shape.mp4": "mask-shape",
    "empty mask.mp4": "mask-empty",
    "short sound mask.mp4": "mask-audio-short",
    "references/edges/orphan.mp4": "reference-without-clip",
    "masks/orphan.png": "mask-without-clip",
}
"""The same of pairs with references and masks."""

_LOOKS = itertools.product(
    ("red", "yellow", "blue", "pink", "green", "white"),
    ("left", "down", "grow", "right", "up"),
    ("gray", "teal", "brown"),
)
_SCENES = [
    # most are circles, which are drawn ten times as fast as stars
    Scene(shape="star" if index % 8 == 7 else "circle", colour=colour, background=background, motion=motion, tone=tone)
    for index, ((colour, motion, background), tone) in enumerate(
        zip(_LOOKS, itertools.cycle(("low", "high", "rising", "middle")), strict=False)
    )
]


def caption(scene: Scene) -> str:
    """One subject, called by one word, with the trigger."""
    return f"{TRIGGER}, a woman with {scene.caption()}"


def write_clean(directory: Path, clips: int = 20, first: int = 0, *, with_still: bool = True) -> Path:
    """Clips of two sizes with sound, and a still, with captions that have the trigger."""
    directory.mkdir(parents=True, exist_ok=True)
    for index, scene in enumerate(_SCENES[first : first + clips]):
        width, height = (128, 96) if index % 2 == 0 else (96, 128)
        _write(directory / f"clean {index:02d}.mp4", scene, width=width, height=height)
    if with_still:
        scene = Scene(shape="triangle", colour="purple", background="navy", motion="spin")
        picture = draw_frames(scene, frames=1, width=128, height=96)[0].permute(1, 2, 0).numpy()
        Image.fromarray(picture).save(directory / "clean still.png")
        (directory / "clean still.txt").write_text(f"{TRIGGER}, a woman with a triangle over navy", encoding="utf-8")
    return directory


def write_faulty(directory: Path, clean: Path) -> Path:
    """A copy of the clean dataset, and beside it one file for each fault of `PLANTED`."""
    shutil.copytree(clean, directory, ignore=shutil.ignore_patterns(".*"))
    scenes = dict(zip(PLANTED, _SCENES[20:], strict=False))
    assert len(scenes) == len(PLANTED)

    def plain(name: str, edit: Callable[[Tensor], Tensor] | None = None, **options) -> None:
        _write(directory / name, scenes[name], edit=edit, **options)

    for name in PLANTED:
        if name.endswith(".mp4"):
            (directory / name).with_suffix(".txt").write_text(caption(scenes[name]), encoding="utf-8")
    (directory / "corrupt.mp4").write_bytes(b"this is not a video\n" * 500)
    plain("truncated.mp4")
    truncate(directory / "truncated.mp4", 0.6)
    plain("short.mp4", frames=17)
    plain("off the grid.mp4", frames=38)
    plain("long.mp4", frames=97)
    plain("small.mp4", width=64, height=48)
    plain("wide.mp4", width=256, height=96)
    _write_ragged(directory / "variable.mkv", scenes["variable.mkv"])
    plain("slow.mp4", frames=22, fps=16)
    plain("cut.mp4", lambda frames: torch.cat([frames[:15], _drawn(Scene(shape="star", background="teal"), 18)]))
    plain("letterbox.mp4", lambda frames: _barred(frames, slice(12, 84), slice(None)))
    _write_pillarbox(directory / "pillarbox.png")
    plain("black.mp4", lambda frames: frames * 0)
    plain("begins black.mp4", lambda frames: frames * (torch.arange(33) >= 8)[:, None, None, None])
    plain("frozen.mp4", lambda frames: frames[16:17].expand_as(frames).contiguous())
    plain("freezes.mp4", lambda frames: torch.cat([frames[:18], frames[17:18].expand(31, -1, -1, -1)]), frames=49)
    for suffix in (".mp4", ".txt"):
        shutil.copy(directory / f"clean 00{suffix}", directory / f"the same{suffix}")
    _write(
        directory / "nearly the same.mp4",
        _SCENES[2],
        edit=lambda frames: (frames.float() * 0.97 + 6).byte(),
        sound="tone",
    )
    plain("without sound.mp4", sound="none")
    plain("silent.mp4", sound="silence")
    plain("quiet.mp4", distort=lambda wave: wave * 0.01)
    plain("loud.mp4", distort=lambda wave: (wave * 4).clamp(-0.62, 0.62))
    plain("clipped.mp4", distort=torch.sign)
    _write_shifted(directory / "late sound.mp4", scenes["late sound.mp4"], delay=0.4)
    _write_shifted(directory / "sound ends.mp4", scenes["sound ends.mp4"], delay=0.0)
    for name in _CAPTIONS:
        plain(name)
        (directory / name).with_suffix(".txt").write_text(
            _CAPTIONS[name].format(caption(scenes[name])), encoding="utf-8"
        )
    (directory / "uncaptioned.txt").unlink()
    (directory / "orphan.txt").write_text("a clip that was lost", encoding="utf-8")
    (directory / "foreign.avi").write_bytes(b"RIFF")
    write_wav(directory / "alone.wav", play_tone(scenes["alone.wav"], frames=33))
    (directory / "alone.txt").write_text(f"{TRIGGER}, a woman whistles a low tone", encoding="utf-8")
    return directory


_CAPTIONS = {
    "uncaptioned.mp4": "{}",
    "without trigger.mp4": "a woman behind a slowly turning wheel",
    "trigger twice.mp4": "{}, and zorb moves again",
    "tells little.mp4": "zorb, dancing",
    "generic.mp4": "zorb, a nice video of something",
    "boilerplate.mp4": "zorb, The video shows a woman beside a moving wheel",
    "too long.mp4": "{}" + ", seen from far away over the hills" * 110,
    "another word.mp4": "zorb, a lady walks along the shore",
    "same caption 1.mp4": "zorb, a woman opens the window",
    "same caption 2.mp4": "zorb, a woman opens the window",
    "same caption 3.mp4": "zorb, a woman opens the window",
}


def write_pairs(directory: Path, clips: int) -> Path:
    """Clips with edges as references, and masks of picture and sound: all of them fit."""
    write_clean(directory, clips, with_still=False)
    for clip in sorted(directory.glob("*.mp4")):
        _write_companions(directory, clip)
    return directory


def write_faulty_pairs(directory: Path) -> Path:
    """Clean pairs, and beside them one clip for each fault of `PLANTED_PAIRS`."""
    write_pairs(directory, 8)
    names = [name for name in PLANTED_PAIRS if "/" not in name]
    for name, scene in zip(names, _SCENES[8:], strict=False):
        _write(directory / name, scene)
        _write_companions(directory, directory / name)
    edges, masks = directory / "references" / "edges", directory / "masks"
    scene = Scene(shape="star", colour="white", background="black", motion="left")
    (edges / "no reference.mp4").unlink()
    write_video(edges / "short reference.mp4", _drawn(scene, 17), 24)
    write_video(edges / "other shape.mp4", _drawn(scene, 33, width=96, height=96), 24)
    write_video(edges / "odd size.mp4", _drawn(scene, 33, width=96, height=72), 24)
    write_video(edges / "other rate.mp4", _drawn(scene, 25, width=128, height=96), 18)
    shutil.copy(directory / "itself.mp4", edges / "itself.mp4")
    (edges / "broken reference.mp4").write_bytes(b"nothing")
    (masks / "no mask.png").unlink()
    (masks / "short mask.png").unlink()
    write_video(masks / "short mask.mp4", _drawn(scene, 9), 24)
    Image.new("L", (96, 96), 255).save(masks / "mask of other shape.png")
    Image.new("L", (128, 96), 0).save(masks / "empty mask.png")
    write_wav(masks / "short sound mask.wav", torch.ones(1, 24000))
    write_video(edges / "orphan.mp4", _drawn(scene, 9), 24)
    Image.new("L", (128, 96), 255).save(masks / "orphan.png")
    return directory


def _write_companions(directory: Path, clip: Path) -> None:
    for folder in ("references/edges", "masks"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    pictures = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    edges = (pictures.float().diff(dim=3, append=pictures[..., -1:].float()).abs() * 4).clamp(0, 255).byte()
    write_video(directory / "references" / "edges" / clip.name, edges, 24)
    mask = np.zeros(pictures.shape[2:], dtype=np.uint8)
    mask[:, : mask.shape[1] // 2] = 255
    Image.fromarray(mask).save(directory / "masks" / f"{clip.stem}.png")
    write_wav(directory / "masks" / f"{clip.stem}.wav", torch.ones(1, 33 * 2000))


def _write(
    path: Path,
    scene: Scene,
    *,
    edit: Callable[[Tensor], Tensor] | None = None,
    width: int = 128,
    height: int = 96,
    frames: int = 33,
    fps: float = 24,
    sound: str = "tone",
    distort: Callable[[Tensor], Tensor] | None = None,
) -> None:
    pictures = draw_frames(scene, frames=frames, width=width, height=height)
    pictures = pictures if edit is None else edit(pictures)
    waveform = play_tone(scene, frames=frames, fps=fps) * (sound == "tone")
    waveform = waveform if distort is None else distort(waveform)
    write_video(path, pictures, fps, None if sound == "none" else waveform)
    path.with_suffix(".txt").write_text(caption(scene), encoding="utf-8")


def _write_ragged(path: Path, scene: Scene) -> None:
    times = [index / 24 + 0.015 * (index % 2) for index in range(33)]
    write_timed(path, _drawn(scene, len(times)), times, waveform=play_tone(scene, frames=33))
    path.with_suffix(".txt").write_text(caption(scene), encoding="utf-8")


def _write_shifted(path: Path, scene: Scene, *, delay: float) -> None:
    waveform = play_tone(scene, frames=round(33 - 24 * 0.4))
    write_timed(path, _drawn(scene, 33), [index / 24 for index in range(33)], waveform=waveform, sound_delay=delay)
    path.with_suffix(".txt").write_text(caption(scene), encoding="utf-8")


def _write_pillarbox(path: Path) -> None:
    picture = np.zeros((96, 128, 3), dtype=np.uint8)
    scene = Scene(shape="diamond", colour="orange", background="teal")
    picture[:, 16:112] = _drawn(scene, 1, width=96)[0].permute(1, 2, 0).numpy()
    Image.fromarray(picture).save(path)
    path.with_suffix(".txt").write_text(f"{TRIGGER}, a woman with an orange diamond over teal", encoding="utf-8")


def _drawn(scene: Scene, frames: int, *, width: int = 128, height: int = 96) -> Tensor:
    return draw_frames(scene, frames=frames, width=width, height=height)


def _barred(frames: Tensor, rows: slice, columns: slice) -> Tensor:
    barred = torch.zeros_like(frames)
    barred[..., rows, columns] = frames[..., rows, columns]
    return barred


def write_long(path: Path, scenes: list[Scene], seconds_each: float, fps: int = 24) -> None:
    """A long film of several shots, encoded quickly."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "23", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        shots = [_drawn(scene, 24) for scene in scenes]
        for index in range(round(len(scenes) * seconds_each * fps)):
            shot = shots[int(index / (seconds_each * fps))]
            # to and fro, so that nothing jumps
            picture = shot[abs(index % 46 - 23)].permute(1, 2, 0).contiguous().numpy()
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
