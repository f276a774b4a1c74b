"""Comparisons as a user types them, trained on a real Ray: spaces, and one choice in pairs."""

import json
from pathlib import Path

import pytest

from nas.store import open_store
from nas.study.trial import TrialState
from tests.cli.runner import call_here
from tests.compared import LEAN, RICH

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("cluster")]

TRAINED = ("--budget", "1.5M-flops", "--epochs", "1", "--limit", "100", "--max-concurrent", "2")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with the two families as files."""
    (tmp_path / "lean.toml").write_text(LEAN)
    (tmp_path / "rich.toml").write_text(RICH)
    return tmp_path


def test_spaces_are_drawn_trained_and_compared(directory: Path) -> None:
    words = ("compare-spaces", "lean.toml", "rich.toml", *TRAINED, "-n", "6", "--plot", "p.html")
    done = call_here(directory, *words)
    out = done.out
    assert (done.code, done.err) == (0, ""), done
    assert "12/12 finished" in out
    assert "lean against rich: " in out
    assert "Pareto front" not in out
    assert (directory / "p.html").stat().st_size > 10**6
    name = "compare-lean-rich-1_5m-madds-digits"
    with open_store(str(directory / "nas.db"), read_only=True) as store:
        trials = store.trials(name)
    assert all(trial.state is TrialState.COMPLETE for trial in trials)
    assert all(trial.counted == trial.cost for trial in trials)
    assert [trial.architecture.space for trial in trials] == ["lean", "rich"] * 6
    again = call_here(directory, "compare-spaces", "--study", name, "--json")
    assert (again.code, again.err) == (0, "")
    found = json.loads(again.out)
    errors = sorted(t.value("top1_error") for t in trials if t.final and t.number % 2)
    assert found["groups"][1]["errors"] == errors
    assert found["statements"][0] in out


@pytest.mark.slow
def test_a_choice_is_varied_in_pairs_from_one_seed(directory: Path) -> None:
    words = ("compare-spaces", "rich.toml", "--vary", "g2=1,4", *TRAINED, "-n", "6", "--json")
    done = call_here(directory, *words)
    assert (done.code, done.err) == (0, ""), done
    found = json.loads(done.out)
    assert found["varied"] == "g2"
    assert [group["n"] for group in found["groups"]] == [6, 6]
    with open_store(str(directory / "nas.db"), read_only=True) as store:
        trials = store.trials(found["study"])
    gaps = []
    for one, other in zip(trials[::2], trials[1::2], strict=True):
        assert one.seed == other.seed
        assert set(one.architecture.column("g2")) == {1}
        assert set(other.architecture.column("g2")) == {4}
        assert one.final is not None
        assert other.final is not None
        gaps.append(other.value("top1_error") - one.value("top1_error"))
    assert found["pairs"][0]["mean_difference"]["value"] == pytest.approx(sum(gaps) / 6)
