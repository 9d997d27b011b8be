"""Where decoded clips go."""

from pathlib import Path

from datamodules.batch import CachedClip
from datamodules.encoding.render import output_names
from datamodules.geometry import Bucket


def cached(name, frames=17):
    bucket = Bucket(width=64, height=64, frames=frames)
    return CachedClip(name=name, bucket=bucket, caption="", latent_key="v", audio_key=None, text_key="t", fps=24.0)


def test_every_clip_has_its_own_file():
    names = ["a b.mp4@0.00s", "a_b.mp4@0.00s", "a/b.mp4@0.00s", "a_b.mp4@0.00s", "A_b.mp4@0.00s"]
    assert output_names([cached(name) for name in names]) == [
        Path("a b.mp4@0.00s.mp4"),
        Path("a_b.mp4@0.00s.mp4"),
        Path("a/b.mp4@0.00s.mp4"),
        Path("a_b.mp4@0.00s-2.mp4"),
        Path("A_b.mp4@0.00s-3.mp4"),
    ]


def test_stills_that_differ_by_suffix_alone_are_told_apart():
    stills = [cached("a.jpg", frames=1), cached("a.webp", frames=1)]
    assert output_names(stills) == [Path("a.png"), Path("a-2.png")]


def test_no_clip_is_written_outside_the_directory():
    names = output_names([cached("/data/x.mp4@0.00s"), cached("../x.mp4@0.00s"), cached("what?.mp4@0.00s")])
    assert names == [Path("data/x.mp4@0.00s.mp4"), Path("x.mp4@0.00s.mp4"), Path("what_.mp4@0.00s.mp4")]


def test_rows_of_one_video_are_told_apart():
    clips = [cached("a.mp4@0.00s"), cached("a.mp4@0.00s #2"), cached("a.png", frames=1), cached("a.png #2", frames=1)]
    names = ["a.mp4@0.00s.mp4", "a.mp4@0.00s #2.mp4", "a.png", "a-2.png"]
    assert output_names(clips) == [Path(name) for name in names]
