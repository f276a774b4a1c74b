"""Wrong arguments: one line of cause, one of remedy, exit code 2 or a documented one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nas.store import open_store
from tests.cli.runner import Shell

pytestmark = pytest.mark.usefixtures("ray_ahead")

VERBS = [
    "search", "resume", "list", "show", "front", "report", "dashboard", "export", "count", "space",
    "db", "train", "published", "compare-spaces", "prove",
    "proxies",
]  # fmt: skip


def test_help_names_every_verb(nas: Shell) -> None:
    called = nas("--help")
    assert called.code == 0
    for verb in VERBS:
        assert f"\n  {verb} " in called.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_that_ends_with_an_example(nas: Shell, verb: Any) -> None:
    called = nas(verb, "--help")
    assert called.code == 0
    assert "Example:\n    nas " in called.out


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv = ['nas', '--help']\n"
        "from nas.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'optuna', 'sqlalchemy', 'plotly', 'dash', 'fvcore', 'numpy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frobnicate"], "frobnicate"),
        (["count", "--arch", "resnet-50"], "resnet-50"),
        (["count", "--arch", "depth=1"], "leaves out"),
        (["count", "--space", "nowhere", "--arch", "x"], "nowhere"),
        (["count", "--arch", "igcv3-d-1.0", "--input", "224"], "224"),
        (["space", "igcv3", "--budget", "300"], "300M-flops"),
        (["space", "igcv3", "--budget", "300M-watts"], "300M-watts"),
        (["space", "igcv3", "--budget", "1M-flops"], "the smallest costs"),
        (["space", "igcv3", "--budget", "300M-flops", "--budget", "200M-macs"], "two budgets"),
        (["search", "--space", "igcv3"], "no budget"),
        (["search", "--budget", "1M-flops"], "the smallest costs"),
        (["search", "--budget", "300M-flops", "--task", "mnist"], "mnist"),
        (["search", "--budget", "300M-flops", "--recipe", "magic"], "magic"),
        (["search", "--budget", "300M-flops", "--sampler", "oracle"], "oracle"),
        (["search", "--budget", "300M-flops", "--objective", "beauty"], "beauty"),
        (["search", "--budget", "300M-flops", "--trials", "0"], "--trials"),
        (["search", "--budget", "300M-flops", "--rungs", "4,2"], "4, 2"),
        (["search", "--budget", "300M-flops", "--rungs", "two"], "two"),
        (["search", "--budget", "300M-flops", "--time", "soon"], "soon"),
        (["search", "--budget", "300M-flops", "--task", "cifar10", "--data", "gone"], "gone"),
        (["export", "--best", "-o", "out"], "needs one network"),
        (["export", "study", "--best", "--trial", "3", "-o", "out"], "needs one network"),
        (["export", "--arch", "igcv3-d-1.0", "-o", "out", "--opset", "10"], "11<=x<=22"),
        (["report", "study"], "-o"),
        (["serch", "--budget", "300M-flops"], "Did you mean search?"),
        (["compare"], "Did you mean compare-spaces?"),
        (["front", "x", "--cvs"], "--csv"),
        (["space", "igvc3"], "Did you mean igcv3"),
        (["count", "--arch", "igcv3-d-1"], "Did you mean igcv3-d-1.0"),
        (["search", "--budget", "300M-flops", "--task", "cifar-10"], "Did you mean cifar10"),
        (["search", "--budget", "300M-flops", "--recipe", "cifar"], "Did you mean cifar10"),
        (["search", "--budget", "300M-flops", "--sampler", "Predictr"], "Did you mean predictor?"),
        (["search", "--budget", "300M-flops", "--objective", "top1-error"], "mean top1_error?"),
        (["search", "--budget", "5ms-latency@cuba"], "Use cpu, or cuda"),
    ],
)
def test_wrong_words_are_refused_with_cause_and_remedy(
    nas: Shell, words: list[str], said: str
) -> None:
    assert said in nas.refused(*words)


def test_malformed_space_file_is_refused_with_its_line(nas: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('schema = 1\nname = "mine\n')
    assert "line 2" in nas.refused("space", "mine.toml")


def test_results_directory_that_cannot_be_written(nas: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = nas.refused("search", "--budget", "300M-flops", "--results", "file/inside")
    assert "file/inside" in error


@pytest.mark.parametrize("words", [["show"], ["front"], ["resume"], ["report", "-o", "x.html"]])
def test_unknown_study_is_refused(nas: Shell, tmp_path: Path, words: list[str]) -> None:
    open_store(str(tmp_path / "new.db")).close()
    assert "nowhere" in nas.refused(*words, "nowhere", "--db", "new.db", code=4)


@pytest.mark.parametrize("words", [["list"], ["show", "x"], ["resume", "x"], ["front", "x"]])
def test_missing_database_is_refused_and_not_made(
    nas: Shell, tmp_path: Path, words: list[str]
) -> None:
    assert "nowhere.db" in nas.refused(*words, "--db", "nowhere.db", code=4)
    assert not (tmp_path / "nowhere.db").exists()


def test_file_that_is_no_database(nas: Shell, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_text("this is no database, just some text\n" * 100)
    assert "broken.db" in nas.refused("list", "--db", "broken.db", code=4)


def test_unreachable_database_server(nas: Shell) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/nas"
    assert "127.0.0.1" in nas.refused("list", "--db", url, code=4)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_directory(nas: Shell, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    nas.refused("search", "--budget", "300M-flops", "--db", "locked/nas.db", code=4)
