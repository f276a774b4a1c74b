"""What an open page knows of a study after each change equals what is read as a whole."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nas.dashboards.reader import Reader, StudyRecord
from nas.results import StudyResults
from nas.store import Store, open_store
from nas.study.trial import Outcome, TrialState
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study, store_trial
from tests.studies import study_view

SPEC = make_spec()
TRIALS = make_trials(SPEC)
RUNNING, WAITING, FAILED = TRIALS[-2].number, TRIALS[-1].number, TRIALS[-3].number
DONE = next(t.number for t in TRIALS if t.state is TrialState.COMPLETE and t.candidate)
NEW = len(TRIALS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store_study(tmp_path / "nas.db", SPEC, TRIALS)
    return tmp_path / "nas.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(str(path)) as store:
        yield store


def ended(store: Store) -> None:
    last = TRIALS[RUNNING].measurements[-1]
    store.record_measurement(SPEC.name, RUNNING, 1, replace(last, epoch=last.epoch + 1))
    store.finish_trial(SPEC.name, RUNNING, 1, Outcome(TrialState.COMPLETE, 9.0))


def added_out_of_order(store: Store) -> None:
    store_trial(store, SPEC.name, replace(TRIALS[DONE], number=NEW + 1))
    store_trial(store, SPEC.name, replace(TRIALS[DONE], number=NEW))


def made_again(store: Store) -> None:
    with store.acquire(SPEC.name):
        store.delete_study(SPEC.name)
    store.create_study(SPEC, {})
    for trial in TRIALS:
        store_trial(store, SPEC.name, replace(trial, seed=trial.seed + 1))


CHANGES: dict[str, Callable[[Store], None]] = {
    "nothing": lambda store: None,
    "a measurement and an end": ended,
    "a start": lambda store: store.start_trial(SPEC.name, WAITING, 2),
    "new trials": added_out_of_order,
    "a further seed": lambda store: store_trial(
        store, SPEC.name, replace(TRIALS[DONE], number=NEW, replicate_of=DONE, replicate=1)
    ),
    "scores of a finished trial": lambda store: store.record_proxies(
        SPEC.name, DONE, 1, {"synflow": 1.0}
    ),
    "a failed trial that is repeated": lambda store: store.reopen_trial(SPEC.name, FAILED, 1),
    "a report": lambda store: store.record_report(SPEC.name, DONE, "test", {"top1_error": 0.1}),
    "another study of the same name": made_again,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_record_follows_every_change(path: Path, store: Store, change: str) -> None:
    store.record_report(SPEC.name, 0, "test", {"top1_error": 0.2})
    reading = open_store(str(path), read_only=True)
    record = StudyRecord.read(reading, SPEC.name, None)
    columns = ("state", "epoch", "final", "first", "scored", "attempt")
    for column in columns:
        record.table.column(column)
    before = StudyResults(SPEC, record.table).means("top1_error").copy()
    CHANGES[change](store)
    now = StudyRecord.read(reading, SPEC.name, record)
    whole = StudyRecord.read(reading, SPEC.name, None)
    assert list(now.table) == list(whole.table) == store.trials(SPEC.name, curves=False)
    assert now.reports == whole.reports == store.reports(SPEC.name)
    for column in columns:
        assert now.table.column(column).tolist() == whole.table.column(column).tolist()
    unchanged = StudyResults(SPEC, record.table).means("top1_error")
    assert before.tolist() == pytest.approx(unchanged.tolist(), nan_ok=True)


def test_a_change_reads_only_what_changed(path: Path, store: Store) -> None:
    reading = open_store(str(path), read_only=True)
    first = reading.changes(SPEC.name)
    assert len(first.trials) == len(TRIALS)
    store.start_trial(SPEC.name, WAITING, 2)
    assert {trial.number for trial in reading.changes(SPEC.name, first.bookmark).trials} == {
        RUNNING, WAITING,
    }  # fmt: skip


def test_a_snapshot_has_the_view_of_the_whole_study_with_its_curves(path: Path) -> None:
    snapshot = Reader(open_store(str(path), read_only=True)).snapshot(SPEC.name)
    with open_store(str(path)) as store:
        expected = study_view(SPEC, store.trials(SPEC.name))
    assert list(snapshot.view.points) == list(expected.points)
    assert snapshot.view.summary == expected.summary
