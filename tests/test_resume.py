"""What a run made beyond the step it resumes from."""

from pathlib import Path

import pytest

from ltx_module.resume import find_state, set_aside
from ltx_module.run_directory import RunDirectory


def test_the_abandoned_branch_is_set_aside_and_nothing_is_lost(tmp_path: Path):
    run = RunDirectory(tmp_path)
    for step in (20, 40, 60):
        for path in (run.lora(step), run.state(step), run.samples(step) / "a.mp4"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    set_aside(run, 40)
    assert run.loras()[-1] == run.lora(40)
    assert run.states()[-1] == run.state(40)
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == ["step_000020", "step_000040"]
    kept = {str(path.relative_to(tmp_path / "superseded-1")) for path in (tmp_path / "superseded-1").rglob("*.*")}
    assert kept == {"lora/step_000060.safetensors", "checkpoints/step_000060.ckpt", "samples/step_000060/a.mp4"}


def test_what_is_no_resume_state_is_refused_by_name(tmp_path: Path):
    junk = tmp_path / "step_000001.ckpt"
    junk.write_text("not a state")
    with pytest.raises(ValueError, match=r"step_000001\.ckpt, which is not a resume state"):
        find_state(RunDirectory(tmp_path), str(junk))
