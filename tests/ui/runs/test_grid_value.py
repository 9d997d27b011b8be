import json

from hypothesis import given
from hypothesis import strategies as st

from tests.ui.runs.test_evaluations import CONTENT
from tests.ui.runs.written_run import record, write_run, write_samples
from ui.runs.favourite import Choice, mark_favourite
from ui.runs.grid_value import grid_value, line_up
from ui.runs.sample_names import Row
from ui.runs.samples import MAX_COLUMNS, GridRequest

HOSTILE = '<img src=x onerror="alert(1)">'


def test_the_value_is_json_with_a_cell_a_column(workspace, runs):
    write_run(runs / "mia-1")
    value = json.loads(json.dumps(grid_value(workspace, GridRequest(run="mia-1"))))
    assert [column["label"] for column in value["columns"]] == ["Before training", "Step 30", "Step 60"]
    assert [len(row["cells"]) for row in value["rows"]] == [3, 3]
    assert value["rows"][0]["prompt"] == "MIA a red car"
    cell = value["rows"][0]["cells"][1]
    assert (cell["sound"], cell["frames"], cell["fps"], cell["width"]) == (True, 25, 24.0, 128)
    assert ["Seed", "42"] in cell["facts"]


def test_the_favourite_and_what_the_evaluation_recommends_are_marked(workspace, runs):
    run = write_run(runs / "mia-1")
    write_samples(run / "samples" / "step_000030@0.75")
    (run / "evaluation").mkdir()
    (run / "evaluation" / "evaluation.json").write_text(json.dumps(CONTENT))
    sample = "samples/step_000060/02-a-blue-boat-seed42.mp4"
    mark_favourite(workspace, "mia-1", Choice(checkpoint="step_000060", sample=sample), "")
    value = grid_value(workspace, GridRequest(run="mia-1", view="all"))
    assert [column["detail"] for column in value["columns"] if column["favourite"]] == ["step_000060"]
    assert [column["detail"] for column in value["columns"] if column["best"]] == ["step_000030@0.75"]
    chosen = [cell["file"] for row in value["rows"] for cell in row["cells"] if cell and cell["favourite"]]
    assert chosen == [sample]


def test_two_runs_stand_side_by_side_with_equal_prompts_in_one_row(workspace, runs):
    write_run(runs / "mia-1", prompts=("a-red-car", "a-blue-boat"))
    write_run(runs / "mia-2", prompts=("a-blue-boat", "a-green-tree"), seed=7)
    value = grid_value(workspace, GridRequest(run="mia-1"), "mia-2")
    assert [column["run"] for column in value["columns"]] == ["mia-1"] * 3 + ["mia-2"] * 3
    there = {row["prompt"]: [cell is not None for cell in row["cells"]] for row in value["rows"]}
    assert there == {
        "MIA a red car": [True] * 3 + [False] * 3,
        "MIA a blue boat": [True] * 6,
        "MIA a green tree": [False] * 3 + [True] * 3,
    }
    assert value["rows"][1]["seeds"] == "seed 42 and 7"


def test_rows_say_how_they_were_sampled_where_that_differs(workspace, runs):
    run = write_run(runs / "mia-1", prompts=("a-red-car", "a-red-car-fast"))
    assert [row["seeds"] for row in grid_value(workspace, GridRequest(run="mia-1"))["rows"]] == ["seed 42"] * 2
    for path in run.glob("samples/*/*-fast-seed42.json"):
        path.write_text(json.dumps(record(prompt="MIA a red car", preset="fast")))
    rows = grid_value(workspace, GridRequest(run="mia-1"))["rows"]
    assert [(row["prompt"], row["seeds"]) for row in rows] == [
        ("MIA a red car", "quality, seed 42"),
        ("MIA a red car", "fast, seed 42"),
    ]


def test_windows_of_two_runs_turn_together_so_that_their_prompts_stay_lined_up(workspace, runs):
    for name in ("mia-1", "mia-2"):
        write_run(runs / name, prompts=[f"prompt-{number}" for number in range(30)])
    value = grid_value(workspace, GridRequest(run="mia-1", row_window=1), "mia-2")
    assert [row["prompt"] for row in value["rows"]] == [f"MIA prompt {number}" for number in range(12, 24)]
    assert all(None not in row["cells"] for row in value["rows"])


def test_a_run_is_not_compared_with_itself(workspace, runs):
    write_run(runs / "mia-1")
    assert grid_value(workspace, GridRequest(run="mia-1"), "mia-1")["runs"] == ["mia-1"]


def test_two_runs_have_no_more_columns_than_one(workspace, runs):
    for name in ("mia-1", "mia-2"):
        write_run(runs / name, steps=range(0, 600, 10))
    assert len(grid_value(workspace, GridRequest(run="mia-1"), "mia-2")["columns"]) == MAX_COLUMNS + 2


def test_texts_of_files_travel_as_they_are_for_the_page_to_show_as_text(workspace, runs):
    run = write_run(runs / "mia-1")
    path = run / "samples" / "step_000030" / "01-a-red-car-seed42.json"
    path.write_text(json.dumps(record(prompt=HOSTILE, preset=HOSTILE)))
    (run / "samples" / "step_000000" / "01-a-red-car-seed42.json").unlink()
    (run / "samples" / "step_000060" / "01-a-red-car-seed42.json").unlink()
    value = grid_value(workspace, GridRequest(run="mia-1"))
    assert value["rows"][0]["prompt"] == HOSTILE
    assert value["rows"][0]["cells"][0]["url"]


ROWS = st.lists(
    st.builds(Row, words=st.sampled_from("abc"), number=st.integers(1, 3), seed=st.integers(1, 2)), unique=True
)


@given(ROWS, ROWS)
def test_lining_up_loses_no_row_and_doubles_none(left, right):
    lines = line_up([left, right])
    assert [one for one, _ in lines if one is not None] == left
    assert sorted((other for _, other in lines if other is not None), key=repr) == sorted(right, key=repr)
    assert all(one is None or other is None or one.words == other.words for one, other in lines)


@given(ROWS)
def test_a_run_lines_up_with_itself(rows):
    assert all(one is not None and other is not None and one.seed == other.seed for one, other in line_up([rows, rows]))
