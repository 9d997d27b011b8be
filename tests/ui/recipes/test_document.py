"""A recipe's text is edited without loss: what is set is read back, and what is set back is as it was."""

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recipe_files import RECIPES
from ui.recipes.document import RecipeDocument, key_of, key_text, same
from ui.recipes.reading import RecipeTextError

FILES = sorted(RECIPES.rglob("*.yaml"))
STYLE = (RECIPES / "style.yaml").read_text()

AWKWARD = [
    "", " ", "yes", "No", "on", "null", "~", "1e-4", "1.0e-4", "12", "0x1f", "0o17", "1_000", "12:30:45",
    "2026-01-01", "nan", ".inf", "#", "a #b", "a#b", "a: b", "a:", ":a", "- a", "-", "?", "? a", "!tag", "&a",
    "*a", "%a", "@a", "`a`", "'", '"', "it's", 'say "hi"', "[a]", "{a: 1}", "a, b", "a]", "a}", "|", ">",
    " leading", "trailing ", "tab\there", "line\nbreak", "\n", "\r\n", "back\\slash", "caf\u00e9",
    "\u65e5\u672c", "\U0001f600", "\u2028", "\u0085", "\ufeff", "\x00", "\x7f", "---", "...", "<<", "=", "true",
    "a,b", "960x544x49", "8s", "datasets/mia", "C:\\x", "a - b",
]  # fmt: skip
SCALARS = st.one_of(
    st.text(),
    st.sampled_from(AWKWARD),
    st.integers(),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
)
PROMPTS = st.lists(
    st.one_of(st.text(), st.fixed_dictionaries({"prompt": st.text(), "image": st.text(min_size=1)})), max_size=4
)
BUCKETS = st.lists(st.sampled_from(["960x544x49", "544x960x49", "768x768x1", "8s", "2.5s"]), max_size=5)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def leaves(value, key=()):
    if isinstance(value, dict):
        return [leaf for name, child in value.items() for leaf in leaves(child, (*key, name))]
    if isinstance(value, list):
        return [leaf for number, child in enumerate(value) for leaf in leaves(child, (*key, number))]
    return [key]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_text_that_is_not_changed_stays_as_it_is(path):
    text = path.read_text()
    document = RecipeDocument(text)
    assert document.values == yaml.safe_load(text)
    for key in leaves(document.values):
        document = document.set(key, document.get(key))
    assert document.text == text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_value_set_and_set_back_leaves_every_character_as_it_was(path):
    text = path.read_text()
    document = RecipeDocument(text)
    for key in leaves(document.values):
        changed = document.set(key, "another: value # here")
        assert changed.get(key) == "another: value # here"
        assert changed.set(key, document.get(key)).text == text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_edit_changes_its_own_line_and_no_other(path):
    text = path.read_text()
    document = RecipeDocument(text)
    for key in leaves(document.values):
        before, after = text.splitlines(), document.set(key, 7).text.splitlines()
        assert len(before) == len(after)
        assert sum(one != other for one, other in zip(before, after, strict=True)) == (document.get(key) != 7)


@pytest.mark.slow
@pytest.mark.parametrize("new", [["a", "b, c"], {"a": [1, {"b": None}]}, None], ids=["list", "mapping", "null"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_any_value_set_and_set_back_like_the_original_leaves_every_character_as_it_was(path, new):
    text = path.read_text()
    document = RecipeDocument(text)
    keys = {key[:depth] for key in leaves(document.values) for depth in range(1, len(key) + 1)}
    for key in sorted(keys, key=str):
        changed = document.set(key, new)
        assert same(changed.get(key), new)
        back = RecipeDocument(changed.text, like=document).set(key, document.get(key))
        assert same(back.values, document.values)
        assert back.text == text or isinstance(document.get(key), (dict, list))


@pytest.mark.parametrize("key", ["data.trigger", "trainer.max_steps", "model.optimizer.init_args.lr", "data.buckets"])
@QUICK
@given(value=SCALARS)
def test_what_is_set_is_what_yaml_reads(key, value):
    document = RecipeDocument(STYLE).set(key, value)
    expected = yaml.safe_load(STYLE)
    place = expected
    for name in key.split(".")[:-1]:
        place = place[name]
    place[key.rpartition(".")[2]] = value
    assert same(yaml.safe_load(document.text), expected)


@settings(QUICK, max_examples=25)
@given(prompts=PROMPTS, buckets=BUCKETS)
def test_lists_of_prompts_and_buckets_are_read_back(prompts, buckets):
    original = RecipeDocument(STYLE)
    document = original.set("sample.prompts", prompts).set("data.buckets", buckets)
    read = yaml.safe_load(document.text)
    assert same(read["sample"]["prompts"], prompts)
    assert same(read["data"]["buckets"], buckets)
    back = RecipeDocument(document.text, like=original)
    for key in ("sample.prompts", "data.buckets"):
        back = back.set(key, original.get(key))
    assert back.text == STYLE


@QUICK
@given(
    value=st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(min_size=1), SCALARS, max_size=3))
)
def test_a_key_that_was_missing_is_made_and_removed_again(value):
    document = RecipeDocument(STYLE).set("evaluate.seeds", value)
    assert same(document.get("evaluate.seeds"), value)
    assert document.remove("evaluate.seeds").text == STYLE


@pytest.mark.parametrize("value", [1e-4, 5e-5, 1e-08, 0.001, 3e22, 1.0, -2.5e-7, 123456.789])
def test_numbers_are_written_so_that_every_yaml_reader_takes_them_for_numbers(value):
    written = RecipeDocument("a: 1\n").set("a", value).text.removeprefix("a: ").strip()
    assert float(written) == value
    assert "e" not in written or ("." in written.partition("e")[0] and written.partition("e")[2][0] in "+-")


def test_the_rate_is_written_as_in_the_recipes():
    assert "lr: 2.0e-4\n" in RecipeDocument(STYLE).set("model.optimizer.init_args.lr", 2e-4).text


@pytest.mark.parametrize("text", ["1e-4", "1e5", "0x10", "0o7", "1_0"])
def test_a_text_that_some_reader_takes_for_a_number_is_quoted(text):
    assert RecipeDocument("a: b\n").set("a", text).text == f'a: "{text}"\n'


@pytest.mark.parametrize("value", [{"k": {"m": [1, {"n": 2}]}}, ["a b", {"k": 1}], {"c": [{"z": 1}]}])
@pytest.mark.parametrize("key", ["a", "a.b"])
def test_a_block_is_replaced_in_a_text_with_other_indents(key, value):
    document = RecipeDocument("a:\n    b:\n        c: 1 # x\n    d: 2\n").set(key, value)
    assert RecipeDocument(document.text).get(key) == value


def test_a_callback_is_found_by_its_class():
    document = RecipeDocument(STYLE)
    place = document.with_class("trainer.callbacks", "callbacks.SampleVideos")
    assert document.get((*place, "init_args", "every_n_steps")) == 250
    assert document.with_class("trainer.callbacks", "callbacks.AdapterEMA") is None


def test_a_value_that_an_alias_shares_is_not_edited_in_two_places():
    document = RecipeDocument("a: &x {b: 1}\nc: *x\n")
    with pytest.raises(ValueError, match="alias"):
        document.set("c.b", 2)


@pytest.mark.parametrize(
    ("text", "line"), [("a: 1\nb: 2\nc: d: e\n", 3), ("a: [1\nb: 2\n", 2), ("a: 1\n\nb: !x 1\n", 3)]
)
def test_an_error_names_the_line(text, line):
    with pytest.raises(RecipeTextError, match=f"^Line {line}: ") as raised:
        _ = RecipeDocument(text).values
    assert raised.value.line == line


def test_windows_line_ends_and_a_missing_last_line_end_stay():
    text = "a: 1\r\nb:\r\n  c: 2"
    assert RecipeDocument(text).set("a", 5).text == "a: 5\r\nb:\r\n  c: 2"
    assert RecipeDocument(text).set("b.d", 3).get("b.d") == 3


@pytest.mark.parametrize("key", ["data.sets[0].path", "model.lora.rank", "sample.prompts[3]"])
def test_a_key_is_its_parts_and_back(key):
    assert key_text(key_of(key)) == key
