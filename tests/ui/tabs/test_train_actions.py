"""What the train page does to runs."""

import json

import pytest

from tests.ui.jobs.waiting import SLEEP, printed, until
from tests.ui.tabs.train_runs import RECIPE, write_run
from ui.tabs import train_actions as actions


def words_of(runner) -> tuple[str, ...]:
    return runner.views()[0].job.words


def test_a_stopped_run_goes_on_from_its_newest_recipe(workspace, runner, tmp_path):
    run = write_run(tmp_path, "mia-1", "stopped")
    (run / "recipe-resumed-step_000020.yaml").write_text(RECIPE)
    (run / "control").mkdir()
    (run / "control/stop").touch()
    runner.submit("fit", "Other", SLEEP, run="other", devices=1)
    assert actions.resume(workspace, runner, "mia-1", 0).startswith("It waits in the queue")
    recipe = "runs/mia-1/recipe-resumed-step_000020.yaml"
    assert words_of(runner) == ("-m", "ltx_module", "fit", "--config", recipe, "--ckpt_path", "last")
    assert not (run / "control/stop").exists()  # one that came too late would end it after a step


def test_more_steps_are_passed_on(workspace, runner, tmp_path):
    write_run(tmp_path, "mia-1", "finished", step=90)
    runner.submit("fit", "Other", SLEEP, run="other", devices=1)
    with pytest.raises(ValueError, match=r"Steps in all is 90, but mia-1 has done 90"):
        actions.resume(workspace, runner, "mia-1", 0)
    actions.resume(workspace, runner, "mia-1", 150)
    assert words_of(runner)[-2:] == ("--trainer.max_steps", "150")


def test_a_run_is_resumed_once_however_often_it_is_pressed(workspace, runner, tmp_path):
    write_run(tmp_path, "mia-1", "stopped")
    runner.submit("fit", "Other", SLEEP, run="other", devices=1)
    actions.resume(workspace, runner, "mia-1", 0)
    with pytest.raises(ValueError, match="queued"):
        actions.resume(workspace, runner, "mia-1", 0)
    assert len(runner.views(run="mia-1")) == 1


def test_a_run_that_ended_before_training_is_started_again_by_the_same_command(workspace, runner, tmp_path):
    job = runner.submit("fit", "Train mia-1", ["-c", "raise SystemExit(3)"], run="mia-1", env={"A": "1"}, devices=1)
    until(lambda: not runner.view(job.id).active)
    other = runner.submit("fit", "Other", SLEEP, run="other", devices=1)
    assert actions.resume(workspace, runner, "mia-1", 0) == "It waits in the queue, then starts again."
    again = runner.views()[0].job
    assert (again.words, again.env, again.devices, again.run) == (job.words, job.env, job.devices, "mia-1")
    assert other.id < again.id


def test_a_run_that_trains_or_never_began_cannot_be_resumed(workspace, runner, tmp_path):
    write_run(tmp_path, "mia-1", "training")
    with pytest.raises(ValueError, match="once it has ended"):
        actions.resume(workspace, runner, "mia-1", 0)
    (write_run(tmp_path, "mia-2", "failed") / "recipe.yaml").unlink()
    with pytest.raises(ValueError, match="ended before training began"):
        actions.resume(workspace, runner, "mia-2", 0)


def test_a_recipe_that_must_not_run_is_not_resumed(workspace, runner, tmp_path):
    run = write_run(tmp_path, "mia-1", "stopped")
    (run / "recipe.yaml").write_text(RECIPE + "  signals: !!python/object/apply:os.system [id]\n")
    with pytest.raises(ValueError, match="python"):
        actions.resume(workspace, runner, "mia-1", 0)
    assert runner.views() == []


def test_a_recipe_that_leads_out_of_the_run_is_not_resumed(workspace, runner, tmp_path):
    run = write_run(tmp_path, "mia-1", "stopped")
    (run / "recipe.yaml").unlink()
    (tmp_path / "secret.yaml").write_text(RECIPE)
    (run / "recipe.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(ValueError, match="lies outside"):
        actions.resume(workspace, runner, "mia-1", 0)


@pytest.mark.parametrize("what", ["save", "sample"])
def test_a_training_is_asked_to_save_or_sample_through_an_empty_file(workspace, runner, tmp_path, what):
    run = write_run(tmp_path, "mia-1", "training")
    assert "after the running step" in actions.ask(workspace, runner, "mia-1", what)
    assert (run / "control" / what).read_bytes() == b""


def test_a_run_that_does_not_train_is_not_asked(workspace, runner, tmp_path):
    run = write_run(tmp_path, "mia-1", "finished")
    with pytest.raises(ValueError, match="mia-1 is finished: this works while it trains"):
        actions.ask(workspace, runner, "mia-1", "save")
    assert not (run / "control").exists()


def test_a_run_of_a_terminal_is_stopped_through_its_control_directory(workspace, runner, tmp_path):
    run = write_run(tmp_path, "mia-1", "training")
    assert "finishes the running step" in actions.stop(workspace, runner, "mia-1")
    assert (run / "control/stop").exists()
    write_run(tmp_path, "mia-2", "encoding")
    with pytest.raises(ValueError, match="press Ctrl-C there"):
        actions.stop(workspace, runner, "mia-2")
    with pytest.raises(ValueError, match="no process that was started here"):
        actions.kill(workspace, runner, "mia-1")


def test_control_that_leads_out_of_the_runs_is_refused(workspace, runner, tmp_path):
    run = write_run(tmp_path, "mia-1", "training")
    (tmp_path / "elsewhere").mkdir()
    (run / "control").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="lies outside"):
        actions.ask(workspace, runner, "mia-1", "save")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_job_of_the_page_is_stopped_and_killed_by_its_run(workspace, runner):
    runner.submit("fit", "Train mia-1", SLEEP, run="mia-1", devices=1)
    job = runner.views()[0].job.id
    until(lambda: printed(runner, job, "ready"))
    assert "ended" in actions.kill(workspace, runner, "mia-1")
    until(lambda: not runner.view(job).active)


def test_a_clone_takes_the_recipe_in_force(workspace, runner, tmp_path):
    run = write_run(tmp_path, "mia-1", "finished")
    assert actions.recipe_text(workspace, runner, "mia-1") == RECIPE
    (run / "recipe-resumed-step_000020.yaml").write_text("seed_everything: 7\n")
    assert actions.recipe_text(workspace, runner, "mia-1") == "seed_everything: 7\n"


def test_a_clone_of_a_run_that_never_began_takes_the_recipe_of_its_command(workspace, runner, tmp_path):
    path = workspace.state / "recipes/abc/mia.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(RECIPE)
    runner.submit("fit", "Other", SLEEP, run="other", devices=1)
    words = ["-m", "ltx_module", "fit", "--config", workspace.shown(path), "--run", "mia-1"]
    runner.submit("fit", "Train mia-1", words, run="mia-1", devices=1)
    assert actions.recipe_text(workspace, runner, "mia-1") == RECIPE
    with pytest.raises(ValueError, match="has no recipe"):
        actions.recipe_text(workspace, runner, "other")


def test_a_huge_recipe_is_not_read(workspace, runner, tmp_path):
    run = write_run(tmp_path, "mia-1", "finished")
    (run / "recipe.yaml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(ValueError, match="larger than a recipe can be"):
        actions.recipe_text(workspace, runner, "mia-1")


def test_a_status_that_is_resumed_and_fails_keeps_the_runs_state(workspace, runner, tmp_path):
    run = write_run(tmp_path, "mia-1", "stopped", heartbeat=1.0)
    before = json.loads((run / "status.json").read_text())
    job = runner.submit("fit", "Train mia-1", ["-c", "raise SystemExit('error: the rank changed')"], run="mia-1")
    until(lambda: not runner.view(job.id).active)
    summary = actions.summary_of(workspace, runner, "mia-1")
    assert (summary.state, summary.error.text) == ("stopped", "the rank changed")
    assert json.loads((run / "status.json").read_text()) == before
