import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltx_module.sample_config import sample_name
from ui.runs.sample_names import GROUPS, Row, parse_folder, parse_stem


@given(st.integers(1, 500), st.text(max_size=60), st.integers(0, 2**31), st.sampled_from(["", *GROUPS]), st.booleans())
def test_a_name_of_the_program_is_read_back(number, prompt, seed, group, bare):
    name = sample_name(number, prompt, seed)
    stem = f"{group}-{name}" if group else name
    row, is_bare = parse_stem(f"{stem}-without-lora" if bare else stem)
    assert (row.number, row.seed, row.group, is_bare) == (number, seed, group, bare)
    assert sample_name(number, row.words, seed) == name


@given(st.text(max_size=80))
def test_any_name_makes_a_row(stem):
    row, bare = parse_stem(stem)
    assert row.number > 0 or row.words == stem.removesuffix("-without-lora")
    assert bare == stem.endswith("-without-lora")


@pytest.mark.parametrize(
    ("name", "kind", "step", "strength"),
    [
        ("step_000000", "base", 0, None),
        ("base", "base", None, None),
        ("step_000250", "step", 250, None),
        ("step_000250@0.75", "strength", 250, 0.75),
        ("step_000250@1", "strength", 250, 1.0),
        ("step_000250@1+other@0.5", "other", None, None),
        ("mia-2-step_000250@1", "other", None, None),
        ("<script>", "other", None, None),
    ],
)
def test_a_folder_says_what_its_column_is(name, kind, step, strength):
    column = parse_folder(f"samples/{name}")
    assert (column.kind, column.step, column.strength, column.name) == (kind, step, strength, name)


def test_columns_are_sorted_by_step_and_strength_with_the_base_first():
    names = ["zoo", "step_000100@1.5", "step_000100", "step_000020", "base", "step_000100@0.5"]
    ordered = sorted(map(parse_folder, names), key=lambda column: column.order)
    assert [column.name for column in ordered] == [
        "base", "step_000020", "step_000100", "step_000100@0.5", "step_000100@1.5", "zoo",
    ]  # fmt: skip


def test_two_prompts_that_begin_alike_are_two_rows():
    assert parse_stem("01-a-car-seed1")[0] != parse_stem("02-a-car-seed1")[0]


def test_rows_are_sorted_by_group_and_place_in_the_recipe():
    rows = [
        Row(group="novel", number=1),
        Row(group="trigger", number=10),
        Row(group="trigger", number=2),
        Row(number=3),
    ]
    assert sorted(rows, key=lambda row: row.order) == [rows[3], rows[2], rows[1], rows[0]]
