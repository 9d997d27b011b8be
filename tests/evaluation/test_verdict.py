from ltx_module.evaluation.verdict import give_verdict
from tests.evaluation.numbers import BEGUN, GOOD, facts, outcome, profiles

EARLY = profiles(train=BEGUN, held_out=BEGUN)


def test_a_good_checkpoint_gets_its_strength_with_the_reason_and_no_finding():
    verdict = give_verdict([outcome()], facts())
    assert (verdict.best.checkpoint, verdict.best.strength) == ("step_000500", 1.0)
    assert "concept with the trigger 90%" in verdict.best.reason
    assert verdict.findings == ()
    assert "No fault was found" in verdict.summary


def test_the_checkpoint_that_holds_for_new_clips_is_ranked_before_the_one_that_has_memorised():
    memorised = outcome("step_001000", 1000, profiles=profiles(train=(0.5, 1.0), held_out=(0.0, 1.0)))
    verdict = give_verdict([memorised, outcome()], facts())
    assert verdict.best.checkpoint == "step_000500"
    [finding] = verdict.findings
    assert (finding.fault, finding.checkpoint, finding.severity) == ("overfit", "step_001000", "warning")


def test_an_earlier_step_is_not_blamed_for_having_learnt_less():
    early = outcome("step_000050", 50, profiles=EARLY, adoption=0.1, leak=None, inconsistency=None)
    assert give_verdict([early, outcome()], facts()).findings == ()


def test_the_best_of_what_there_is_is_blamed_if_it_is_underfit():
    early = outcome("step_000050", 50, profiles=EARLY, adoption=0.1, leak=None, inconsistency=None)
    verdict = give_verdict([early], facts())
    assert [finding.fault for finding in verdict.findings] == ["underfit"]
    assert "it is underfit" in verdict.summary


def test_a_burnt_lora_is_recommended_at_the_strength_at_which_it_is_not():
    by_strength = {0.5: {**GOOD, "adoption": 1.0}, 1.0: {**GOOD, "burn": 0.9, "steering": 0.1}}
    verdict = give_verdict([outcome(by_strength=by_strength)], facts())
    assert verdict.best.strength == 0.5


def test_a_strength_that_is_hardly_better_is_not_preferred_to_the_trained_one():
    by_strength = {1.0: GOOD, 1.25: {**GOOD, "adoption": 0.91}}
    assert give_verdict([outcome(by_strength=by_strength)], facts()).best.strength == 1.0


def test_without_held_out_clips_the_summary_says_that_overfit_is_unknown():
    verdict = give_verdict([outcome(profiles=profiles(held_out=None))], facts(held_out_clips=0))
    assert "overfit is unknown" in verdict.summary
    assert "`data.validation_fraction`" in verdict.summary
