import pytest

from tests.ui.runs.written_run import write_run
from ui.runs.result_jobs import (
    MAX_STRENGTHS,
    checkpoints,
    evaluate_words,
    parse_strengths,
    sample_words,
    start_evaluation,
    start_samples,
)


class Queue:
    """Stands in for the runner: keeps what it is given, and refuses a key twice."""

    def __init__(self) -> None:
        self.jobs = []

    def submit(self, kind, title, words, **more):
        if more["unique"] in [job["unique"] for job in self.jobs]:
            raise ValueError(f"{title} is running already")
        self.jobs.append({"kind": kind, "words": words, **more})
        return title


@pytest.fixture
def run(runs):
    return write_run(runs / "mia-1")


def test_the_evaluation_is_the_command_of_the_manual(workspace, run):
    assert " ".join(evaluate_words(workspace, "mia-1")) == "-m ltx_module evaluate --config runs/mia-1/recipe.yaml"


def test_other_strengths_are_the_command_of_the_manual(workspace, run):
    words = sample_words(workspace, "mia-1", "step_000030", 0.75, base=True)
    assert " ".join(words) == (
        "-m ltx_module sample --config runs/mia-1/recipe.yaml --lora runs/mia-1/lora/step_000030.safetensors:0.75"
        " --sample.without_lora true"
    )
    assert "--sample.without_lora" not in sample_words(workspace, "mia-1", "step_000030", 1.5, base=False)


def test_each_strength_is_a_job_and_the_base_is_made_once(workspace, run):
    queue = Queue()
    start_samples(queue, workspace, "mia-1", "step_000060", "1.5, 0.5")
    assert [job["words"][6].rpartition(":")[2] for job in queue.jobs] == ["0.5", "1.5"]
    assert ["true" in job["words"] for job in queue.jobs] == [True, False]
    assert {(job["run"], job["devices"], job["kind"]) for job in queue.jobs} == {("mia-1", 1, "sample")}


def test_nothing_starts_where_one_strength_is_wrong(workspace, run):
    queue = Queue()
    with pytest.raises(ValueError, match="no strength"):
        start_samples(queue, workspace, "mia-1", "step_000060", "0.5, much")
    assert queue.jobs == []


def test_an_evaluation_starts_once(workspace, run):
    queue = Queue()
    start_evaluation(queue, workspace, "mia-1")
    with pytest.raises(ValueError, match="already"):
        start_evaluation(queue, workspace, "mia-1")


@pytest.mark.parametrize(("text", "strengths"), [("1", [1.0]), ("0.5,1 ;2", [0.5, 1.0, 2.0]), ("1 1.0 1e0", [1.0])])
def test_strengths_are_read_as_people_type_them(text, strengths):
    assert parse_strengths(text) == strengths


@pytest.mark.parametrize("text", ["", " , ", "a", "0", "-1", "nan", "inf", "11", "1:2", "1 --out /tmp", "0,5x"])
def test_what_is_no_strength_is_refused(text):
    with pytest.raises(ValueError, match="strength"):
        parse_strengths(text)


def test_too_many_strengths_are_refused():
    with pytest.raises(ValueError, match=f"at most {MAX_STRENGTHS}"):
        parse_strengths(" ".join(f"0.{number}1" for number in range(1, MAX_STRENGTHS + 2)))


@pytest.mark.parametrize("checkpoint", ["", "step_000099", "../../other-1/lora/step_000030", "--out=x"])
def test_a_checkpoint_that_is_not_of_the_run_is_refused(workspace, runs, run, checkpoint):
    write_run(runs / "other-1")
    with pytest.raises(ValueError, match="no LoRA file"):
        sample_words(workspace, "mia-1", checkpoint, 1.0, base=True)


def test_a_run_without_lora_or_recipe_says_why_it_cannot_be_evaluated(workspace, runs, run):
    (runs / "empty-1").mkdir()
    with pytest.raises(ValueError, match="no LoRA file yet"):
        evaluate_words(workspace, "empty-1")
    (run / "recipe.yaml").unlink()
    with pytest.raises(ValueError, match="has no recipe yet"):
        evaluate_words(workspace, "mia-1")


def test_checkpoints_are_listed_newest_first(workspace, run):
    assert checkpoints(workspace, "mia-1") == ["step_000060", "step_000030"]


def test_commands_follow_the_recipe_in_force_and_wait_for_the_gpus_that_it_names(workspace, runs, run):
    (run / "recipe-resumed-step_000030.yaml").write_text("trainer: { devices: [0, 1] }\n")
    queue = Queue()
    start_evaluation(queue, workspace, "mia-1")
    start_samples(queue, workspace, "mia-1", "step_000030", "0.5")
    assert [job["devices"] for job in queue.jobs] == [2, 2]
    assert all("runs/mia-1/recipe-resumed-step_000030.yaml" in job["words"] for job in queue.jobs)


def test_a_recipe_that_the_page_must_not_run_is_not_evaluated(workspace, runs, run):
    (run / "recipe.yaml").write_text("trainer: { callbacks: [{ class_path: os.system }] }\n")
    with pytest.raises(ValueError, match="does not run"):
        start_evaluation(Queue(), workspace, "mia-1")
