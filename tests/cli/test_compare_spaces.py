"""`nas compare-spaces`: what it refuses, and a stored study read again."""

import json
from pathlib import Path
from typing import Any

import pytest

from nas.store import open_store
from nas.study.spec import StudySpec
from tests.cli.runner import Shell
from tests.compared import LEAN, RICH, measured, noise, spec_of
from tests.messages import carries

pytestmark = pytest.mark.usefixtures("ray_ahead")

BUDGET = ("--budget", "1.5M-flops")


@pytest.fixture
def spaces(tmp_path: Path) -> None:
    """Two families as files of the working directory."""
    (tmp_path / "lean.toml").write_text(LEAN)
    (tmp_path / "rich.toml").write_text(RICH)
    (tmp_path / "other.toml").write_text(
        RICH.replace('"rich"', '"other"').replace("classes = 10", "classes = 12")
    )


@pytest.fixture
def stored(tmp_path: Path) -> StudySpec:
    """A finished comparison of the two in the database of the working directory."""
    spec = spec_of("matched", 24)
    with open_store(str(tmp_path / "nas.db")) as store:
        store.create_study(spec, {})
        measured(
            spec,
            lambda t: 0.3 - 0.1 * (t.architecture.space == "rich") + 0.02 * noise(t),
            store=store,
        )
    return spec


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no spaces to compare"),
        (["lean.toml", *BUDGET], "lean.toml alone"),
        (["lean.toml", "lean.toml", *BUDGET], "named twice"),
        (["lean.toml", "rich.toml"], "no budget"),
        (["lean.toml", "rich.toml", "--budget", "900G-flops"], "cannot be matched"),
        (["lean.toml", "rich.toml", "--budget", "10K-flops"], "the smallest costs"),
        (["lean.toml", "other.toml", *BUDGET], "different inputs or classes"),
        (["lean.toml", "nowhere", *BUDGET], "nowhere"),
        (["lean.toml", "rich.toml", *BUDGET, "--vary", "g1"], "in one space"),
        (["rich.toml", *BUDGET, "--vary", "beauty"], "no choice 'beauty'"),
        (["rich.toml", *BUDGET, "--vary", "permute2"], "no two values"),
        (["rich.toml", *BUDGET, "--vary", "g1=2"], "names only one value"),
        (["rich.toml", *BUDGET, "--vary", "g1=2,8"], "'8' is not a value of g1"),
        (["lean.toml", "rich.toml", *BUDGET, "-n", "5"], "-n 5 is too small"),
        (["lean.toml,rich.toml", *BUDGET, "-n", "5"], "-n 5 … 2 spaces"),
        (["rich.toml", *BUDGET, "--vary", "g1", "-n", "6"], "-n 6 is too small"),
        (["lean.toml", "rich.toml", *BUDGET, "-n", "1"], "'-n' … 1"),
        (["lean.toml", "rich.toml", *BUDGET, "--task", "mnist"], "mnist"),
        (["lean.toml", "rich.toml", *BUDGET, "--study", "No Name"], "name of a study"),
        (["--study", "x", "--vary", "g1"], "no space was named"),
    ],
)
def test_wrong_words_are_refused_and_nothing_is_begun(
    nas: Shell, spaces: None, tmp_path: Path, words: list[Any], said: str
) -> None:
    assert carries(nas.refused("compare-spaces", *words), said)
    if (tmp_path / "nas.db").exists():
        assert json.loads(nas("list", "--json").out) == []


def test_a_stored_comparison_is_read_again(nas: Shell, stored: StudySpec) -> None:
    called = nas("compare-spaces", "--study", stored.name)
    assert (called.code, called.err) == (0, "")
    assert carries(called.out, "rich … lower")
    assert carries(called.out, "n = 12 … 1 seed … digits … 1 epoch")
    assert not any(line != line.rstrip() for line in called.out.splitlines())
    again = nas("compare-spaces", "--study", stored.name, "--json", "--below", "25")
    found = json.loads(again.out)
    assert [group["n"] for group in found["groups"]] == [12, 12]
    assert [part["threshold"] for part in found["groups"][0]["below"]] == [0.25]
    assert found["pairs"][0]["significant"]
    assert nas("compare-spaces", "--study", stored.name, "--json", "--below", "25") == again


def test_the_page_is_written_and_its_absence_explained(
    nas: Shell, stored: StudySpec, tmp_path: Path
) -> None:
    words = ("compare-spaces", "--study", stored.name, "--plot")
    assert nas(*words, "page.html").code == 0
    page = (tmp_path / "page.html").read_text()
    assert carries(page, "rich … lower")
    assert "nowhere/page.html" in nas.refused(*words, "nowhere/page.html")


def test_a_search_is_no_comparison(nas: Shell, tmp_path: Path) -> None:
    spec = spec_of("random", 8, name="searched")
    with open_store(str(tmp_path / "nas.db")) as store:
        store.create_study(spec, {})
    assert "is not a comparison" in nas.refused("compare-spaces", "--study", "searched")


def test_an_unfinished_comparison_says_how_to_go_on(nas: Shell, tmp_path: Path) -> None:
    spec = spec_of("matched", 16)
    with open_store(str(tmp_path / "nas.db")) as store:
        store.create_study(spec, {})
        measured(spec, lambda t: 0.3, store=store)
        longer = spec_of("matched", 24, name="longer")
        store.create_study(longer, {})
    missing = nas.refused("compare-spaces", "--study", "longer")
    assert "nas resume longer" in missing
    assert "0 complete networks" in missing
