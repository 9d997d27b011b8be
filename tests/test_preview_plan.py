"""Which samples a run makes: as many as fit into their share, and the ones that matter most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltx_module.preview_plan import RunCost, plan_previews
from ltx_module.sample_config import SampleConfig

PROMPTS = ("a red car", "a blue boat")


def plan(max_share=0.05, prompts=PROMPTS, preset="quality", **cost):
    config = SampleConfig(prompts=prompts, preset=preset, max_share=max_share)
    settings = {"max_steps": 2000, "every_n_steps": 250, "at_start": True, "passes_a_step": 3.0, **cost}
    return plan_previews(config, RunCost(**settings))


def made(planned, step, prompts=PROMPTS, preset="quality"):
    """Names of the samples of a step."""
    config = SampleConfig(prompts=prompts, preset=preset)
    return [request.name for request in planned.requests(step, config.requests("", 24.0))]


def test_without_a_limit_every_prompt_is_sampled_at_every_checkpoint_in_the_recipes_way():
    planned = plan(None, has_distilled=True)
    names = ["01-a-red-car-seed42", "02-a-blue-boat-seed42"]
    assert [step for step in range(2001) if made(planned, step) == names] == list(range(0, 2001, 250))
    # 9 times 2 samples of 30 * (3 + 20 / 48) passes and 3 for decoding, by 2000 steps of 3 passes
    assert planned.share == pytest.approx(18 * 105.5 / 6000)


def test_a_long_run_gets_fast_previews_at_every_checkpoint_and_guided_samples_at_both_ends():
    planned = plan(passes_a_step=9.0, has_distilled=True)
    own, fast = (
        ["01-a-red-car-seed42", "02-a-blue-boat-seed42"],
        ["01-a-red-car-fast-seed42", "02-a-blue-boat-fast-seed42"],
    )
    assert made(planned, 0) == made(planned, 2000) == own + fast
    assert all(made(planned, step) == fast for step in range(250, 2000, 250))


def test_guided_samples_of_further_prompts_go_first_then_previews_then_the_guided_one_at_the_start():
    fast = ["01-a-red-car-fast-seed42", "02-a-blue-boat-fast-seed42"]
    shorter, shortest = plan(passes_a_step=5.0, has_distilled=True), plan(passes_a_step=2.9, has_distilled=True)
    assert made(shorter, 0) == made(shorter, 2000) == ["01-a-red-car-seed42", *fast]
    assert (made(shorter, 250), made(shorter, 500)) == ([], fast)
    assert made(shortest, 0) == fast
    assert made(shortest, 2000) == ["01-a-red-car-seed42", *fast]


def test_without_a_distilled_lora_checkpoints_go_first_then_prompts():
    assert [len(made(plan(passes_a_step=7.0), step)) for step in (0, 1000, 1250, 2000)] == [2, 2, 0, 2]
    assert [len(made(plan(), step)) for step in (0, 1000, 1250, 2000)] == [1, 0, 0, 1]


@given(
    limit=st.floats(0, 0.3),
    passes=st.floats(0.5, 40),
    prompts=st.integers(1, 5),
    steps=st.integers(1, 300),
    every=st.integers(1, 90),
    distilled=st.booleans(),
    streams=st.sampled_from(["av", "video", "audio"]),
)
def test_a_plan_keeps_its_share_and_always_ends_with_a_sample(limit, passes, prompts, steps, every, distilled, streams):
    texts = tuple(f"prompt {number}" for number in range(prompts))
    run = {"max_steps": steps, "every_n_steps": every, "passes_a_step": passes}
    planned = plan(limit, texts, has_distilled=distilled, streams=streams, **run)
    leanest = plan(0.0, texts, has_distilled=distilled, streams=streams, **run)
    assert planned.share <= limit or planned.series == leanest.series
    assert "01-prompt-0-seed42" in made(planned, steps, texts)


def test_more_ranks_or_more_training_never_mean_fewer_samples():
    shares = [plan(0.05, has_distilled=True, ranks=ranks) for ranks in (1, 2)]
    counts = [sum(len(made(one, step)) for step in range(0, 2001, 250)) for one in shares]
    assert counts[0] < counts[1]


def test_what_is_made_in_another_way_says_so_in_name_and_request():
    config = SampleConfig(prompts=PROMPTS, preset="quality", steps=12)
    (guided, *fast) = plan(passes_a_step=3.3, has_distilled=True).requests(2000, config.requests("", 24.0))
    assert (guided.preset, guided.steps) == ("quality", 12)
    assert {(request.preset, request.steps) for request in fast} == {("fast", None)}


def test_the_plan_is_told_with_what_it_leaves_out():
    text = plan(has_distilled=True, passes_a_step=3.3).text(2)
    assert text.startswith(
        "samples: quality of the first of 2 prompts at steps 0, 2000; fast of 2 prompts at steps 0, 1000, 2000: about 5"
    )
    assert "`sample.max_share: null`" in text
    assert "max_share" not in plan(None).text(2)
