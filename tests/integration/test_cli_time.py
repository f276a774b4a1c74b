"""`nas search --time` as a user types it, and what `nas resume` does afterwards."""

from pathlib import Path

import pytest

from nas.study.trial import TrialState
from tests.cli.runner import call_here
from tests.integration.searches import STUDY, search_words, stored
from tests.members import TINY


@pytest.mark.timeout(200)
@pytest.mark.usefixtures("cluster")
def test_a_search_of_seconds_ends_by_itself_and_stays_ended(tmp_path: Path) -> None:
    limits = ["--time", "4s", "--limit", "100"]
    words = [*limits, "--rungs", "1,2", "--confirm", "1", "--seeds", "2", "--no-published"]
    (tmp_path / "my space.toml").write_text(TINY)
    done = call_here(tmp_path, *search_words(*words))
    assert done.code == 0, done
    assert "started within 4.0 s" in " ".join(done.out.split())
    trials = stored(tmp_path / "nas.db", STUDY)
    assert any(trial.candidate for trial in trials.values())
    assert [trial.replicate_of is not None for trial in trials.values()].count(True) == 1
    assert all(trial.state is not TrialState.FAILED for trial in trials.values())
    assert f"{len(trials)}/{len(trials)} finished" in done.out
    again = call_here(tmp_path, "resume", STUDY, "--json")
    assert again.code == 0, again
    assert stored(tmp_path / "nas.db", STUDY) == trials
    assert "trials      started within 4" in call_here(tmp_path, "show", STUDY).out
