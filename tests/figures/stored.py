"""Puts the trials of a made-up study into a real store, write by write, as a search does."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from nas.store import Store, open_store
from nas.study.spec import StudySpec
from nas.study.trial import Outcome, Trial, TrialState
from tests.faulted import lost


def store_study(path: Path | str, spec: StudySpec, trials: list[Trial]) -> None:
    """Create the database `path` with one study of `trials`."""
    with open_store(str(path)) as store:
        store.create_study(spec, {"nas": "0.1.0", "torch": "2.15.0"})
        for trial in trials:
            store_trial(store, spec.name, trial)


def store_trial(store: Store, study: str, trial: Trial, weights: Path | None = None) -> None:
    """Insert one trial, then everything that was measured of it, and the file of its weights."""
    begun = replace(trial, state=TrialState.RUNNING, measurements=(), counted=None, attempt=1)
    store.insert_trial(study, begun)
    if trial.counted:
        store.record_count(study, trial.number, 1, trial.counted, "worker-1")
    for measurement in trial.measurements:
        store.record_measurement(study, trial.number, 1, measurement)
    if trial.state.finished:
        outcome = Outcome(
            trial.state,
            trial.seconds or 0.0,
            trial.fail_reason,
            trial.fail_detail,
            str(weights) if weights else None,
            sha256(weights.read_bytes()).hexdigest() if weights else None,
        )
        store.finish_trial(study, trial.number, 1, outcome)
    elif trial.state is TrialState.WAITING:
        store.requeue_trial(study, trial.number, 1, lost())
