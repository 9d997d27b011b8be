import pytest
import torch

from ltx_module.diffusion.guidance import Guidance
from ltx_module.diffusion.presets import PRESETS, exported_presets, find_preset

# The distilled schedule as published.
DISTILLED = (1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875, 0.0)


def test_fast_samples_as_the_distilled_workflow():
    fast = find_preset("fast")
    assert (fast.sampler, fast.schedule(), fast.distilled_lora_strength) == ("euler_ancestral_cfg_pp", DISTILLED, 0.5)
    assert fast.video == fast.audio == Guidance()
    assert fast.needs_distilled


def test_quality_guides_as_the_core_nodes_do():
    quality = find_preset("quality")
    assert quality.video == Guidance(cfg=3.0, stg=1.0, modality=3.0, rescale=0.0)
    assert quality.audio == Guidance(cfg=7.0, stg=1.0, modality=3.0, rescale=0.0)
    assert not quality.needs_distilled


def test_reference_is_quality_with_rescaling():
    quality, reference = find_preset("quality"), find_preset("reference")
    assert (reference.video.rescale, reference.audio.rescale) == (0.7, 0.7)
    assert (reference.video.cfg, reference.audio.cfg) == (quality.video.cfg, quality.audio.cfg)
    assert reference.schedule() == quality.schedule()


def test_quality_follows_the_golden_schedule(golden):
    names = [name for name in golden if name.startswith("schedule.") and "30" in name and "4096" in name]
    assert len(names) == 1
    torch.testing.assert_close(torch.tensor(PRESETS["quality"].schedule()), golden[names[0]], rtol=0, atol=1e-6)


def test_steps_of_quality_can_be_replaced():
    assert len(find_preset("quality").schedule(5)) == 6


def test_steps_of_fast_are_fixed():
    with pytest.raises(ValueError, match=r"`sample\.steps` is 5, but the preset fast has eight"):
        find_preset("fast").schedule(5)


def test_unknown_preset_is_refused_with_the_list():
    with pytest.raises(ValueError, match="'best', which is no preset: use fast, quality, reference, unguided"):
        find_preset("best")


def test_presets_are_found_under_their_own_names():
    assert [preset.name for preset in PRESETS.values()] == list(PRESETS)


def test_unguided_runs_one_pass_a_step_on_the_schedule_of_quality():
    unguided = find_preset("unguided")
    assert unguided.video == unguided.audio == Guidance()
    assert unguided.schedule() == find_preset("quality").schedule()


def test_an_export_has_the_recipes_own_preset_where_there_is_a_workflow_for_it():
    assert exported_presets("quality") == exported_presets("reference") == ("fast", "quality")
    assert exported_presets("unguided") == ("fast", "quality", "unguided")
