from pathlib import Path

import pytest

from ltx_module.evaluation.candidates import choose_candidates, spread
from ltx_module.evaluation.config import EvaluationConfig
from ltx_module.evaluation.plan import Trigger, base_jobs, checkpoint_jobs, choose_prompts, sweep_jobs
from ltx_module.run_directory import RunDirectory
from ltx_module.sample_config import SampleConfig

CONFIG = EvaluationConfig(off_topic=("a cat sleeps",))
PROMPTS = choose_prompts(["blorp a red circle", "blorp a blue star"], Trigger("blorp"), CONFIG, ("a pink moon",))
SEEDS = (42, 43)


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    (tmp_path / "lora").mkdir()
    for step in range(250, 2001, 250):
        (tmp_path / f"lora/step_{step:06d}.safetensors").touch()
    return RunDirectory(tmp_path)


def test_captions_are_sampled_with_and_without_the_trigger_and_new_prompts_with_it():
    assert PROMPTS.trigger == ("blorp a red circle", "blorp a blue star")
    assert PROMPTS.no_trigger == ("a red circle", "a blue star")
    assert PROMPTS.novel == ("blorp a pink moon",)
    assert PROMPTS.off_topic == ("a cat sleeps",)


def test_a_class_word_stands_in_place_of_the_trigger():
    prompts = choose_prompts(["mia laughs"], Trigger("mia", "a woman"), CONFIG, ())
    assert prompts.no_trigger == ("a woman laughs",)


def test_a_recipe_without_a_trigger_has_no_prompts_without_it():
    assert choose_prompts(["a red circle"], Trigger(""), CONFIG, ()).no_trigger == ()


def test_every_sample_of_a_checkpoint_has_its_partner_without_the_lora():
    base = {job.place: job for job in base_jobs(PROMPTS, SEEDS)}
    for job in (*checkpoint_jobs("a", PROMPTS, SEEDS), *sweep_jobs("a", PROMPTS, SEEDS, CONFIG.sweep)):
        assert base[job.place].prompt == job.prompt
        assert base[job.place].strength == 0


def test_the_number_of_samples_is_as_documented():
    made = [*base_jobs(PROMPTS, SEEDS), *checkpoint_jobs("a", PROMPTS, SEEDS)]
    assert len(made) == 2 * 2 * (2 * 2 + 1 + 1)  # (1 checkpoint + base) * seeds * (2 * captions + off-topic + novel)
    assert len(sweep_jobs("a", PROMPTS, SEEDS, CONFIG.sweep)) == 3 * 2 * (2 + 1)


def test_no_two_samples_share_a_file():
    jobs = [*base_jobs(PROMPTS, SEEDS), *checkpoint_jobs("a", PROMPTS, SEEDS)]
    jobs += sweep_jobs("a", PROMPTS, SEEDS, CONFIG.sweep)
    assert len({job.name for job in jobs}) == len(jobs)


def test_strength_1_is_always_among_the_strengths():
    assert EvaluationConfig(strengths=(0.5,)).sweep == (0.5, 1.0)


def test_strength_0_is_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"`evaluate\.strengths` has 0, .*always sampled"):
        EvaluationConfig(strengths=(0.0, 1.0))


def test_a_missing_clip_model_is_named_before_anything_is_sampled(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`evaluate\.clip_model` is .*no config\.json"):
        EvaluationConfig(clip_model=tmp_path)


def test_a_run_is_compared_at_evenly_spread_steps_with_the_last_among_them(run):
    assert [candidate.step for candidate in choose_candidates(None, run, 4)] == [500, 1000, 1500, 2000]
    assert [candidate.step for candidate in choose_candidates(None, run, 20)] == list(range(250, 2001, 250))


@pytest.mark.parametrize("most", range(1, 9))
def test_spread_files_are_all_different(most):
    files = [Path(str(number)) for number in range(8)]
    assert len(set(spread(files, most))) == most
    assert spread(files, most)[-1] == files[-1]


def test_named_files_are_candidates_of_their_own(run):
    file = run.lora(500)
    names = [candidate.name for candidate in choose_candidates([str(file), f"{file}:0.5"], run, 4)]
    assert names == ["step_000500", "step_000500@0.5"]


def test_files_of_two_runs_are_told_apart(run, tmp_path):
    other = tmp_path / "other/lora/step_000500.safetensors"
    other.parent.mkdir(parents=True)
    other.touch()
    names = [candidate.name for candidate in choose_candidates([str(run.lora(500)), str(other)], run, 4)]
    assert names == [f"{run.name}-step_000500", "other-step_000500"]


def test_the_base_alone_cannot_be_evaluated(run):
    with pytest.raises(ValueError, match="nothing to evaluate"):
        choose_candidates(["none"], run, 4)


def test_a_job_samples_as_the_recipe_does():
    config = SampleConfig(attention_strength=0.4, image_strength=0.3, preset="unguided", steps=5)
    request = base_jobs(PROMPTS, SEEDS)[0].request(config, 24.0)
    assert (request.attention_strength, request.image_strength) == (0.4, 0.3)
    assert (request.preset, request.steps) == ("unguided", 5)
