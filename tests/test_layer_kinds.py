"""Readers of layers handle every kind: the type checker reports a missing one."""

import ast
import typing
from collections.abc import Iterator
from pathlib import Path

import nas
from nas.space.layers import Layer

KINDS = {kind.__name__ for kind in typing.get_args(Layer)}


def matches_of_layers() -> Iterator[tuple[str, ast.Match]]:
    """The statements of the package that tell kinds of layers apart, and where they are."""
    for file in sorted(Path(nas.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Match)
                and {
                    ast.unparse(pattern.cls).rpartition(".")[2]
                    for case in node.cases
                    for pattern in ast.walk(case.pattern)
                    if isinstance(pattern, ast.MatchClass) and "nn." not in ast.unparse(pattern.cls)
                }
                & KINDS
            ):
                yield f"{file.name}:{node.lineno}", node


def is_safe(match: ast.Match) -> bool:
    """Tell whether the last case asserts that it is never reached, hands the layer on, or stops."""
    last = match.cases[-1]
    if not (isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None):
        return False
    subject = ast.unparse(match.subject)
    calls = [node for node in ast.walk(last) if isinstance(node, ast.Call)]
    return isinstance(last.body[0], ast.Break) or any(
        subject in map(ast.unparse, call.args) for call in calls
    )


def test_every_reader_names_the_kinds_that_it_knows() -> None:
    found = dict(matches_of_layers())
    assert len(found) >= 10
    assert [where for where, match in found.items() if not is_safe(match)] == []
