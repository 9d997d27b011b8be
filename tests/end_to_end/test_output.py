"""What a terminal shows: our lines, and help that explains the keys."""

import re
import subprocess
import sys

import pytest

from ltx_module.cli import VERBS, main
from tests.end_to_end.runs import SHORT, every

OURS = re.compile(
    r".*: \d+ clips to train on, \d+ held out, \d+ dropped"
    r"|bucket +with sound +without +held out"
    r"|\d+x\d+x\d+( +\d+){3}"
    r"|(stills|silent).*\(\d+\): .*"
    r"|cache .*: \d+ of \d+ entries present, .* to write, .* free"
    r"|(encoding video|encoding sound): \d+ clips in .* s"
    r"|(reading|encoding) captions: \d+ captions in .* s"
    r"|Gemma: .* parameters, .*, on cpu"
    r"|the warm-up of 50 steps is cut to 0 of 6"
    r"|samples: quality of 1 prompt at steps 0, 3, 6: about .*% of the time of training"
    r"|samples took \d+ s beside \d+ s of training"
    r"|step \d+/6  loss .*  lr .*"
    r"|saved runs/audio_video-1/lora/step_00000\d.safetensors \(.* MB\)"
    r"|exported .*|workflow .*|check: all .*|audio_video-1-000006.safetensors: .* keys load in ComfyUI; .*"
)


@pytest.mark.slow
def test_a_run_shows_our_lines_alone(arguments, demo_folder, tmp_path):
    options = (
        *SHORT,
        every(3, "SaveLoRA", "SaveResumeState", "SampleVideos"),
        f"--data.cache_dir={tmp_path / 'cache'}",
    )
    command = [sys.executable, "-m", "ltx_module", *arguments("fit", "audio_video", *options)]
    command += ["--trainer.callbacks+=callbacks.ExportComfyUI", "--data.num_workers=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = (done.stdout + done.stderr).splitlines()
    assert [line for line in lines if not OURS.fullmatch(line)] == []
    assert len(lines) > 12


@pytest.mark.parametrize("verb", VERBS)
def test_help_explains_the_keys(verb, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main([verb, "--help"])
    assert exit_info.value.code == 0
    shown = capsys.readouterr().out
    described = " ".join(shown.split())
    assert shown.startswith(f"usage: python -m ltx_module {verb} --config RECIPE")
    for key, about in (
        ("--model.lora.rank RANK", "Rank of the adapters: 8 to 16 for motion"),
        ("--data.buckets", "Training shapes WIDTHxHEIGHTxFRAMES"),
        ("--sample.size SIZE", "Width x height x frames of a sample"),
        ("--trainer.max_steps MAX_STEPS", "Optimizer steps of the run"),
        ("--run RUN", "Name of the run below runs/"),
    ):
        assert key in shown
        assert about in described


def test_the_main_help_names_every_verb(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(re.search(rf"^\s+{verb} +[A-Z]", shown, re.MULTILINE) for verb in VERBS)
