"""Every golden case is named in the `GOLDEN_CASES` of a test file that uses it, and none of those files skips."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest
from safetensors import safe_open

TESTS = Path(__file__).parent
SKIPPING = {"skip", "skipif", "xfail", "importorskip"}


def golden_cases() -> set[str]:
    """Names of the cases; a tensor is named `case.tensor`, a gradient `case.grad.weight`."""
    with safe_open(TESTS / "golden" / "golden.safetensors", "pt") as file:
        return {re.sub(r"(\.grad)?\.[^.]+$", "", re.sub(r"\.grad\..*", ".grad.x", name)) for name in file.keys()}  # noqa: SIM118


def assigns_cases(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "GOLDEN_CASES" for target in node.targets)


def golden_files() -> dict[str, ast.Module]:
    """Syntax trees of the test files with a list of cases, by path below tests/."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(TESTS.rglob("test_*.py"))}
    return {str(path.relative_to(TESTS)): tree for path, tree in trees.items() if any(map(assigns_cases, tree.body))}


def listed_cases(name: str) -> list[str]:
    """The `GOLDEN_CASES` of a test file, as it is at run time."""
    spec = importlib.util.spec_from_file_location(f"listing_{Path(name).stem}", TESTS / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.GOLDEN_CASES)


FILES = golden_files()


def test_every_case_is_listed_by_a_test_file():
    listed = {case for name in FILES for case in listed_cases(name)}
    assert listed == golden_cases()


@pytest.mark.parametrize("name", FILES)
def test_a_listed_case_is_used_outside_the_list(name):
    texts = {
        node.value
        for statement in FILES[name].body
        if not assigns_cases(statement)
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    unused = [
        case for case in listed_cases(name) if not any(text == case or text.startswith(f"{case}.") for text in texts)
    ]
    assert unused == []


@pytest.mark.parametrize("name", FILES)
def test_no_golden_test_can_be_skipped_or_put_off(name):
    nodes = list(ast.walk(FILES[name]))
    named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    named |= {node.id for node in nodes if isinstance(node, ast.Name)}
    assert named.isdisjoint(SKIPPING | {"slow", "gpu", "browser"})
