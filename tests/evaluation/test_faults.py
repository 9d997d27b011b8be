"""Which numbers are which fault; what they are for real LoRAs is shown by test_bad_loras."""

from ltx_module.evaluation.faults import judge
from tests.evaluation.numbers import BEGUN, facts, outcome, profiles, with_audio


def faults(made, **recipe):
    return [finding.fault for finding in judge(made, facts(**recipe))]


def test_a_good_checkpoint_has_no_fault():
    assert faults(outcome()) == []


def test_a_lora_best_at_a_third_of_its_strength_is_too_strong():
    scaled = profiles(train=(0.2, 1 / 3))  # best at 1 before it was scaled by 3
    [finding] = judge(outcome(profiles=scaled, steering=0.2, leak=1.0), facts())
    assert finding.fault == "too_strong"
    assert finding.evidence["best_measured_strength"] == 0.25  # of 0.25 and 0.5
    assert "strength 0.25" in finding.remedy


def test_burnt_pictures_are_too_strong_whatever_the_loss_says():
    assert faults(outcome(burn=0.8)) == ["too_strong"]


def test_little_concept_and_a_loss_that_still_falls_is_underfit():
    begun = profiles(train=BEGUN, held_out=BEGUN)
    assert faults(outcome(profiles=begun, adoption=0.3, leak=1.0)) == ["underfit"]


def test_an_underfit_lora_is_told_to_train_four_times_as_long():
    begun = profiles(train=BEGUN, held_out=BEGUN)
    [finding] = judge(outcome("step_000020", 20, profiles=begun, adoption=0.1, leak=None), facts())
    assert "`trainer.max_steps: 80`" in finding.remedy


def test_learnt_clips_without_the_concept_in_samples_is_no_trigger_response():
    assert faults(outcome(adoption=0.05, leak=None, inconsistency=None)) == ["no_trigger_response"]


def test_a_gain_on_the_training_clips_alone_is_overfit():
    assert faults(outcome(profiles=profiles(held_out=(0.02, 1.0)))) == ["overfit"]


def test_clips_learnt_by_heart_are_overfit_even_if_others_gain_too():
    by_heart = profiles(train=(0.98, 1.0), held_out=(0.6, 1.0))  # 2 % of the loss is left against 40 %
    assert faults(outcome(profiles=by_heart)) == ["overfit"]


def test_samples_nearer_to_the_training_clips_than_held_out_clips_are_copies():
    assert faults(outcome(nearest_latents=0.2)) == ["overfit"]


def test_without_held_out_clips_overfit_is_not_guessed_from_losses():
    assert faults(outcome(profiles=profiles(held_out=None), nearest_latents=None), held_out_clips=0) == []


def test_a_concept_that_comes_without_the_trigger_bleeds():
    [finding] = judge(outcome(leak=0.9, adoption_no_trigger=0.8), facts())
    assert finding.fault == "bleeds"
    assert finding.evidence["adoption_no_trigger"] == 0.8


def test_pictures_that_change_without_the_trigger_bleed_though_not_with_the_concept():
    [finding] = judge(outcome(side_effects=0.9), facts())
    assert finding.fault == "bleeds"
    assert "pictures change 90% as much" in finding.text


def test_where_the_empty_caption_has_changed_it_is_the_one_to_preserve():
    made = outcome(side_effects=0.9)
    made.profile.changes["video"] = {"trigger": 2.0, "no_trigger": 0.1, "empty": 2.2}
    [finding] = judge(made, facts(keeps_base="model.preservation.init_args.weight"))
    assert "`model.preservation.init_args.blank_probability: 0.25`" in finding.remedy


def test_a_concept_that_comes_with_the_clips_captions_alone_is_narrow():
    assert faults(outcome(adoption_novel=0.1)) == ["no_novel_response"]


def test_the_remedy_for_bleeding_names_the_preservation_that_is_on():
    [finding] = judge(outcome(leak=0.9), facts(keeps_base="model.preservation.init_args.weight"))
    assert "`model.preservation.init_args.weight`" in finding.remedy


def test_sound_that_has_not_moved_while_the_picture_has_is_dead_audio():
    silent = with_audio(outcome(), gain=0.001)
    [finding] = judge(silent, facts(with_audio=True, audio_loss_weight=0.0, base_sound_gap=4.0))
    assert finding.fault == "dead_audio"
    assert "`model.audio_loss_weight: auto` (it is 0)" in finding.remedy


def test_sound_with_nothing_to_learn_is_not_dead():
    assert faults(with_audio(outcome(), gain=0.0), with_audio=True, base_sound_gap=0.8) == []


def test_samples_that_are_not_finite_are_all_there_is_to_say():
    assert faults(outcome(broken=0.25, leak=1.0)) == ["broken"]


def test_every_finding_names_a_key_of_the_recipe_and_shows_figures():
    made = with_audio(outcome(profiles=profiles(held_out=(0.0, 1.0)), leak=0.9, adoption_novel=0.0), gain=0.0)
    findings = judge(made, facts(with_audio=True, base_sound_gap=4.0))
    assert [finding.fault for finding in findings] == ["dead_audio", "overfit", "bleeds", "no_novel_response"]
    assert all("`" in finding.remedy and finding.evidence for finding in findings)
