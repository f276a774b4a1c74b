"""Tests go through public names: no private name of the package is imported, read or replaced."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PUBLIC = {"_replace", "_asdict", "_fields", "_make", "_exit"}  # of namedtuple and os
REPLACED = ("setattr", "getattr", "delattr", "hasattr", "patch", "object")


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def private_names(tree: ast.AST) -> Iterator[str]:
    """Yield the private names of others that a module uses, also in the programs that it starts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            if ast.unparse(node.value) not in ("self", "cls"):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in REPLACED:
            named = [one.value for one in node.args if isinstance(one, ast.Constant)]
            yield from (str(one) for one in named if is_private(str(one).split(".")[-1]))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _in_program(node.value)


def _in_program(text: str) -> Iterator[str]:
    if re.search(r"^(from|import) nas\b", text, re.MULTILINE):
        try:
            program = ast.parse(text)
        except SyntaxError:  # a part of a program, or no Python
            return
        yield from private_names(program)


@pytest.mark.parametrize(
    "code",
    ["from nas.units import _percent", "study._store.close()", "setattr(study, '_store', None)",
     "monkeypatch.setattr('nas.units._percent', str)", "run('from nas import x\\nx._y()')"],
)  # fmt: skip
def test_a_private_name_is_found(code: str) -> None:
    assert list(private_names(ast.parse(code)))


@pytest.mark.parametrize("code", ["self._store", "shape._replace(height=3)", "__name__", "_ = 3"])
def test_names_of_ones_own_are_none(code: str) -> None:
    assert not list(private_names(ast.parse(code)))


def test_no_test_uses_a_private_name() -> None:
    found = {
        path.relative_to(TESTS).as_posix(): names
        for path in TESTS.rglob("*.py")
        if path != Path(__file__)
        and (names := sorted(set(private_names(ast.parse(path.read_text(encoding="utf-8"))))))
    }
    assert found == {}
