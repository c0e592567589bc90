"""Rules about our own code that no linter knows."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import name_of, python_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 50
# Flask's context globals hide what a function needs; only the web kit may touch them (house rule 5).
CONTEXT_GLOBALS = {"g", "current_app"}


def functions_of(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def long_functions(source: str) -> list[str]:
    lengths = {node.name: node.end_lineno - node.lineno + 1 for node in functions_of(ast.parse(source))}
    return [f"{name}: {lines} lines" for name, lines in lengths.items() if lines > LONGEST_FUNCTION]


def context_globals(source: str) -> set[str]:
    """The context globals that a module takes from Flask, by either way of importing."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "flask":
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "flask":
            found.add(node.attr)
    return found & CONTEXT_GLOBALS


def ours() -> list[Path]:
    return python_files("idp", "examples")


def test_no_file_is_too_long_to_be_read_in_one_sitting():
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in ours()}

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_too_long_to_be_seen_on_one_screen():
    long = {name_of(path): functions for path in ours() if (functions := long_functions(path.read_text()))}

    assert long == {}


def test_a_function_of_51_lines_would_be_seen():
    body = "    pass\n" * LONGEST_FUNCTION

    assert long_functions(f"def rule():\n{body}") == ["rule: 51 lines"]


def test_context_globals_stay_in_the_web_kit():
    outside = [path for path in python_files("idp") if "idp/web/" not in name_of(path)]

    found = {name_of(path): names for path in outside if (names := context_globals(path.read_text()))}

    assert found == {}


@pytest.mark.parametrize(
    "source",
    ["from flask import g, request", "import flask\nflask.g.account = 1", "from flask.globals import g"],
)
def test_a_context_global_would_be_seen(source):
    assert context_globals(source) == {"g"}
