"""A slow disk or network of the database: the study takes longer, and nothing else changes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from nas.errors import StudyBusyError
from nas.store import open_store
from nas.study.evaluator import WorkerPlan
from nas.study.ports import StudyStore
from nas.study.study import Study
from nas.study.trial import Trial
from tests.memory_store import MemoryStore
from tests.store.rows import VERSIONS
from tests.studies import run_serial
from tests.tuner.fakes import AnalyticEvaluator, Wanderer, spec_of

LATENCY = 0.03  # seconds of each statement and each commit
LEASE = 1.0  # seconds: in proportion to the latency, shorter than that of a study
SPEC = spec_of(rungs=(2,), num_trials=3)


@contextmanager
def slow(seconds: float) -> Iterator[None]:
    """Let each statement and each commit of any database take so long."""

    def wait(*_: Any) -> None:
        time.sleep(seconds)

    for event in ("before_cursor_execute", "commit"):
        sa.event.listen(sa.Engine, event, wait)
    try:
        yield
    finally:
        for event in ("before_cursor_execute", "commit"):
            sa.event.remove(sa.Engine, event, wait)


def measured(store: StudyStore) -> list[tuple[Any, ...]]:
    """Run the study; return what does not depend on time."""
    study = Study(SPEC, store, Wanderer(SPEC))
    run_serial(study, AnalyticEvaluator(WorkerPlan(SPEC.to_json(), "", None, "", "0")))
    return facts(store.trials(SPEC.name))


def facts(trials: list[Trial]) -> list[tuple[Any, ...]]:
    errors = [[m.value("top1_error") for m in trial.measurements] for trial in trials]
    return [
        (t.number, t.arch_id, t.state, t.attempt, own)
        for t, own in zip(trials, errors, strict=True)
    ]


def refused(url: str) -> None:
    with open_store(url) as other, pytest.raises(StudyBusyError):
        other.acquire(SPEC.name)


def test_a_slow_database_costs_only_time(store_url: str) -> None:
    expected = measured(MemoryStore())
    with open_store(store_url) as store:
        store.create_study(SPEC, VERSIONS)
        with store.acquire(SPEC.name, seconds=LEASE):
            with slow(LATENCY):
                began = time.monotonic()
                found = measured(store)
                assert time.monotonic() - began > LEASE
            refused(store_url)
        assert found == expected == facts(store.trials(SPEC.name))
