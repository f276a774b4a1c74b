"""The hypervolume in the list of studies is that of the page of each."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.dashboards.progress import ProgressOfStudies
from nas.store import open_store
from nas.study import TrialState
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study, store_trial
from tests.studies import study_view

SPEC = make_spec()
TRIALS = make_trials(SPEC)


def test_it_grows_with_the_study_to_the_hypervolume_of_its_page(tmp_path: Path) -> None:
    path = tmp_path / "nas.db"
    complete = [t for t in TRIALS if t.state is TrialState.COMPLETE]
    store_study(path, SPEC, complete[:6])
    store_study(path, replace(SPEC, name="empty"), [])
    with open_store(str(path)) as store:
        progress = ProgressOfStudies(store)
        first = progress.read(store.studies())
        for trial in complete[6:]:
            store_trial(store, SPEC.name, trial)
        then = progress.read(store.studies())
        assert progress.read(store.studies()) == then
        again = ProgressOfStudies(store).read(store.studies())
        wanted = study_view(SPEC, store.trials(SPEC.name)).progress[-1].share
    assert first["empty"] == [0.0]
    assert then == again
    assert then[SPEC.name][-1] == pytest.approx(wanted)
    assert first[SPEC.name][-1] <= then[SPEC.name][-1]
    assert sorted(then[SPEC.name]) == then[SPEC.name]
