"""Imports: the command line and the rules load no heavy library."""

import ast
import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import nas
from tests.test_private_names import is_private

HEAVY = {
    "alembic", "dash", "fvcore", "onnx", "onnxruntime", "optuna", "pandas", "plotly", "psycopg",
    "pyarrow", "ray", "scipy", "sklearn", "sqlalchemy", "torch", "torchvision",
}  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "module",
    [
        "nas",
        "nas.cli",
        "nas.study.study",
        "nas.results.findings",
        "nas.space.file",
        "nas.cost.model",
        "nas.study.rungs",
    ],
)
def test_no_heavy_library_comes_with(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert "nas" in loaded
    assert loaded & HEAVY == set()


def test_the_check_sees_a_heavy_library() -> None:
    assert "sqlalchemy" in loaded_by("import sqlalchemy")


@pytest.mark.parametrize("command", ["list", "show", "front"])
def test_a_command_that_reads_the_record_loads_neither_torch_nor_ray(
    command: str, tmp_path: Path
) -> None:
    database = tmp_path / "nas.db"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executescript((Path(__file__).parent / "pinned" / "study.sql").read_text())
    study = ["igcv3-20m-madds-digits"] if command != "list" else []
    calls = [
        ["nas", *words, "--db", str(database)] for words in (["db", "upgrade"], [command, *study])
    ]
    loaded = loaded_by(
        "from contextlib import redirect_stdout, suppress\n"
        "import io, sys\n"
        "from nas.cli import main\n"
        f"for sys.argv in {calls!r}:\n"
        "    with redirect_stdout(io.StringIO()) as out, suppress(SystemExit):\n"
        "        main()\n"
        "assert 'madds' in out.getvalue(), out.getvalue()"
    )
    assert loaded & {"torch", "ray", "plotly", "optuna"} == set()


def test_a_search_loads_torch_only_while_its_ray_starts() -> None:
    loaded = loaded_by(
        "import nas.cli.search, nas.cli.train, nas.cli.study_screen\n"
        "from nas.workflows import resume, search, train\n"
        "from nas.tuner import started_ahead"
    )
    assert "ray" in loaded
    assert "torch" not in loaded


def test_a_search_loads_what_only_detectors_or_teams_of_workers_need_no_earlier() -> None:
    loaded = loaded_by(
        "import nas.cli.search, nas.workflows.search_run, nas.workflows.preflight_checks\n"
        "import nas.workflows.finish_study, nas.workflows.report_file\n"
        "import sys\n"
        "assert 'ray.train' not in sys.modules"
    )
    assert "torch" in loaded
    assert loaded & {"dash", "pandas", "sklearn", "torchvision"} == set()


def test_the_help_loads_none_either() -> None:
    loaded = loaded_by(
        "from contextlib import redirect_stdout, suppress\n"
        "import io, sys\n"
        "sys.argv = ['nas', '--help']\n"
        "from nas.cli import main\n"
        "with redirect_stdout(io.StringIO()) as out, suppress(SystemExit):\n"
        "    main()\n"
        "assert 'search' in out.getvalue(), out.getvalue()"
    )
    assert loaded & HEAVY == set()


def imported(path: Path) -> set[str]:
    """Return the full names of what a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_no_private_part_of_a_dependency_is_imported() -> None:
    files = list(Path(nas.__file__).parent.rglob("*.py"))
    names = {name for path in files for name in imported(path) if not name.startswith("nas.")}
    assert "ray.tune.Stopper" in names  # the check reads the files that it is about
    parts = {name: name.split(".") for name in names - {"__future__.annotations"}}
    assert [name for name in parts if any(part.startswith("_") for part in parts[name])] == []


def test_no_private_attribute_of_a_dependency_is_used() -> None:
    """Every private attribute that the package reads of another object is one that it defines."""
    trees = [
        ast.parse(path.read_text(encoding="utf-8"))
        for path in Path(nas.__file__).parent.rglob("*.py")
    ]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {node.attr for node in nodes if _assigned(node) and isinstance(node, ast.Attribute)}
    own |= {node.id for node in nodes if _assigned(node) and isinstance(node, ast.Name)}
    read = {
        ast.unparse(node): node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and is_private(node.attr)
    }
    assert {text: name for text, name in read.items() if name not in own} == {}


def _assigned(node: ast.AST) -> bool:
    """Tell whether a node is the target of an assignment."""
    return isinstance(getattr(node, "ctx", None), ast.Store)
