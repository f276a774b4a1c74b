"""Completion in the shell, as bash asks for it: verbs, options and their values."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from nas.cli import app
from nas.store import open_store
from tests.cli.runner import run_nas
from tests.compared import spec_of


def bash(typed: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Return what the program answers when bash asks it to complete the last word of `typed`."""
    asked = {"COMP_WORDS": f"nas {typed}", "COMP_CWORD": str(len(typed.split(" ")))}
    return run_nas(folder, _NAS_COMPLETE="bash_complete", **asked)


def offered(*words: str) -> set[tuple[str, str]]:
    """Return the kinds and the values that complete the last of `words`."""
    *before, last = words
    items = ShellComplete(app, {}, "nas", "_NAS_COMPLETE").get_completions(before, last)
    return {(item.type, item.value) for item in items}


def values(*words: str) -> set[str]:
    return {value for _, value in offered(*words)}


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of two studies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAS_DB", raising=False)
    with open_store(str(tmp_path / "nas.db")) as store:
        for name in ("first", "second"):
            store.create_study(replace(spec_of("random", 2), name=name), {"nas": "1"})
    return tmp_path


def test_bash_is_told_a_verb_and_a_study(studies: Path) -> None:
    for typed, answer in (("db up", "upgrade"), ("show f", "first")):
        done = bash(typed, studies)
        assert answer in {line.partition(",")[2] for line in done.stdout.splitlines()}, done
        assert not done.stderr


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["se"], {"search"}),
        (["com"], {"compare-spaces"}),
        (["latency", "--device", "c"], {"cuda"}),
        (["search", "--sp"], {"--space"}),
        (["search", "--sampler", "ns"], {"nsga2"}),
        (["count", "--space", "mobilenetv"], {"mobilenetv1", "mobilenetv2"}),
        (["search", "--space", "igcv3,mobilenetv"], {"igcv3,mobilenetv1", "igcv3,mobilenetv2"}),
        (["space", "nas"], {"nasnet-a"}),
        (["compare-spaces", "igcv3", "shuf"], {"shufflenetv1"}),
        (["search", "--task", "cifar"], {"cifar10", "cifar100"}),
        (["train", "--recipe", "pa"], {"paper"}),
        (["search", "--sampler", "pred"], {"predictor"}),
        (["export", "--format", "source,on"], {"source,onnx"}),
        (["prove", "t.csv", "--samplers", "tpe,ra"], {"tpe,random"}),
        (["search", "--objective", "lat"], {"latency@cpu", "latency@cuda"}),
        (["count", "--arch", "igcv3-d"], {"igcv3-d-1.0"}),
        (["train", "--space", "nasnet-a", "--arch", "nasnet-a-6-7"], {"nasnet-a-6-768"}),
        (["train", "--arch", "igcv3-w", "--against", "mobilenetv2-1"], {"mobilenetv2-1.0"}),
    ],
)
def test_known_values_are_completed(words: list[str], answer: set[str]) -> None:
    assert values(*words) >= answer
    assert all(value.startswith(words[-1]) for value in values(*words))


def test_every_verb_completes_the_studies_of_its_database(studies: Path, tmp_path: Path) -> None:
    root = click.Context(app)
    verbs = [app.get_command(root, name) for name in app.list_commands(root)]
    taking = [verb for verb in verbs if any(one.name == "study" for one in verb.params)]
    assert len(taking) >= 12
    for verb in taking:
        option = [] if any(isinstance(one, click.Argument) and one.name == "study"
                           for one in verb.params) else ["--study"]  # fmt: skip
        assert values(verb.name, *option, "") >= {"first", "second"}, verb.name
    assert values("resume", "f") == {"first"}


def test_the_database_is_the_one_that_is_named(
    studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path.parent)
    assert values("show", "") == set()
    assert "first" in values("show", "--db", str(studies / "nas.db"), "")
    monkeypatch.setenv("NAS_DB", str(studies / "nas.db"))
    assert "first" in values("show", "")


@pytest.mark.parametrize("db", ["nowhere.db", "broken.db", "mysql://x/y", "sqlite:///", "."])
def test_a_database_that_cannot_be_read_offers_nothing_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], db: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.db").write_text("no database")
    assert values("show", "--db", db, "") == set()
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["broken.db"]


def test_files_are_offered_where_a_file_may_be_named(tmp_path: Path) -> None:
    for words in (["space", "./m"], ["search", "--recipe", "./r"], ["list", "--db", "n"],
                  ["count", "--space", "x"]):  # fmt: skip
        assert offered(*words) == {("file", words[-1])}
    assert offered("count", "--space", str(tmp_path / "none.toml"), "--arch", "i") == set()


def test_completion_imports_no_heavy_library(studies: Path) -> None:
    code = (
        "import sys; sys.argv = ['nas']\n"
        "from nas.cli import main\n"
        "try: main()\n"
        "finally: print({'torch', 'ray', 'optuna', 'plotly'}.isdisjoint(sys.modules))"
    )
    for typed in ("search --task c", "train --recipe c", "export f", "search --sampler t"):
        asked = {"COMP_WORDS": f"nas {typed}", "COMP_CWORD": str(len(typed.split()))}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "_NAS_COMPLETE": "bash_complete", **asked},
            capture_output=True, text=True, timeout=60, cwd=studies,
        )  # fmt: skip
        assert done.stdout.splitlines()[-1] == "True", done
        assert len(done.stdout.splitlines()) > 1, done


def test_the_names_are_those_that_are_read() -> None:
    from nas.samplers import SAMPLERS
    from nas.study import TASKS

    assert values("search", "--task", "") == set(TASKS.names())
    assert values("search", "--sampler", "") == set(SAMPLERS.names())
