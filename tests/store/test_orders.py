"""Orders: a study is queued, paused and given up by its record, also while it has a driver."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from nas.store import MAX_FAILURES, DesiredState, Order, StudyState, open_store, upgrade
from nas.study.spec import StudySpec
from tests.store.rows import EPOCHS, VERSIONS, trial
from tests.store.test_schema import fill, make_old


def test_an_order_is_open_until_it_has_a_driver_or_is_paused(
    store_url: str, spec: StudySpec
) -> None:
    with open_store(store_url) as store, open_store(store_url) as other:
        store.create_study(spec, VERSIONS)
        assert store.order("small") is None
        assert store.desired_state("small") is None
        store.unpause("small")  # nothing to take back
        store.submit("small", '{"priority": 2.0}')
        assert store.orders() == [
            Order("small", DesiredState.RUN, '{"priority": 2.0}', 0, None, None)
        ]
        assert store.order("small").open
        assert store.activity("small") == (StudyState.QUEUED, None)

        with store.acquire("small"):
            store.set_state("small", "RUNNING")
            assert not other.order("small").open
            other.pause("small")  # although another process holds it
            assert store.desired_state("small") is DesiredState.PAUSE
            assert store.activity("small")[0] is StudyState.RUNNING
        assert not store.order("small").open
        store.submit("small", "{}")
        other.pause("small")
        assert store.activity("small")[0] is StudyState.INTERRUPTED
        store.unpause("small")
        assert store.order("small").open
        store.fulfil("small")
        assert store.orders() == []
        store.submit("small", "{}")
        store.delete_study("small")
        assert store.orders() == []


def test_a_study_that_was_paused_without_a_submission_waits_for_no_driver(
    store_url: str, spec: StudySpec
) -> None:
    with open_store(store_url) as store:
        store.create_study(spec, VERSIONS)
        store.pause("small")
        store.unpause("small")
        assert not store.order("small").open


def test_starts_without_progress_are_counted_and_end_the_order(
    store_url: str, spec: StudySpec
) -> None:
    with open_store(store_url) as store:
        store.create_study(spec, VERSIONS)
        store.submit("small", "{}")
        assert [store.record_end("small", "it died") for _ in range(2)] == [1, 2]
        store.insert_trial("small", trial(spec, measurements=tuple(EPOCHS)))
        assert store.record_end("small", "it died") == 0
        for failures in range(1, MAX_FAILURES + 1):
            assert store.order("small").open
            assert store.record_end("small", "it died again") == failures
        assert not store.order("small").open
        assert store.order("small").note == "it died again"
        store.submit("small", "{}")
        assert store.order("small").open
        assert store.record_end("small", None) == 1


def test_a_database_of_the_schema_before_orders_takes_them(
    spec: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, new = str(tmp_path / "old.db"), str(tmp_path / "new.db")
    fill(new, spec)
    make_old(url, "0011", tmp_path, monkeypatch)
    with contextlib.closing(sqlite3.connect(url)) as old:
        old.execute("ATTACH ? AS new", (new,))
        for table in ("nas_study", "nas_trial", "nas_attempt", "nas_measurement"):
            columns = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
        old.commit()
    assert upgrade(url).before == "0011"
    with open_store(url) as store:
        assert [len(each.measurements) for each in store.trials("small")] == [len(EPOCHS)]
        assert store.storage("small") is None  # nor had it a storage of its own
        store.submit("small", "{}")
        assert store.activity("small")[0] is StudyState.QUEUED
