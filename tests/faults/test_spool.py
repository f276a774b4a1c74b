"""Results that the database does not take: kept in a file, and recorded exactly once."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from nas.cost import Cost
from nas.errors import StoreError
from nas.store import Store, open_store
from nas.study import Outcome, StudySpec, TrialState
from tests.conftest import PostgresServer
from tests.store.rows import COMPLETE, EPOCHS, VERSIONS, trial

pytestmark = pytest.mark.postgres
COUNTED = Cost(312_970_000, 3_491_688, 6_000_000)


def finish(store: Store) -> None:
    """Record the last report of trial 0, as an execution does."""
    with store.together("small"):
        store.record_count("small", 0, 1, COUNTED, "host:1")
        store.record_measurement("small", 0, 1, EPOCHS[0])
        store.finish_trial("small", 0, 1, COMPLETE)
        store.record_report("small", 0, "note", {"text": "in halves"})


def finish_in_outage(store: Store, postgres: PostgresServer) -> StoreError:
    """Record the last report while the server is stopped; return the error."""
    postgres.stop()
    try:
        with pytest.raises(StoreError, match="failed") as failed:
            finish(store)
    finally:
        postgres.start()
    return failed.value


def begun(url: str, spec: StudySpec, results: Path, patience: float) -> Store:
    store = open_store(url, patience=patience)
    store.create_study(spec, VERSIONS)
    store.claim_folder("small", results)
    store.insert_trial("small", trial(spec))
    return store


def test_results_of_an_outage_are_recorded_when_the_study_continues(
    postgres: PostgresServer, spec: StudySpec, tmp_path: Path
) -> None:
    url = postgres.new_url()
    with begun(url, spec, tmp_path, patience=0.3) as store:
        failed = finish_in_outage(store, postgres)
    (kept,) = tmp_path.rglob("unrecorded.json")
    assert str(kept) in "".join(failed.__notes__)
    with open_store(url) as store:  # as after a kill: the trial is still RUNNING
        assert store.trials("small")[0].state is TrialState.RUNNING
        assert store.record_kept("small") == 4
        (found,) = store.trials("small")
        assert (found.state, found.measurements, found.counted) == (
            TrialState.COMPLETE, (EPOCHS[0],), COUNTED,
        )  # fmt: skip
        assert found.weights_sha256 == COMPLETE.weights_sha256
        assert store.reports("small")[0] == {"note": {"text": "in halves"}}
        assert not kept.exists()
        assert store.record_kept("small") == 0


def test_results_that_were_recorded_after_all_or_are_late_change_nothing(
    postgres: PostgresServer, spec: StudySpec, tmp_path: Path
) -> None:
    url = postgres.new_url()
    with begun(url, spec, tmp_path, patience=0.3) as store:
        finish_in_outage(store, postgres)
        (kept,) = tmp_path.rglob("unrecorded.json")
        text = kept.read_text()
        finish(store)
        once = store.trials("small")
        kept.write_text(text)
        store.record_kept("small")
        assert store.trials("small") == once
        store.insert_trial("small", trial(spec, 1))
        kept.write_text(text.replace(" 0,", " 1,", 2))
        store.finish_trial("small", 1, 1, Outcome(TrialState.STOPPED, 1.0))
        before = store.trials("small")
        store.record_kept("small")  # another driver has gone on meanwhile
        assert [replace(t, counted=None, worker=None) for t in store.trials("small")] == [
            replace(t, counted=None, worker=None) for t in before
        ]


def test_an_outage_that_ends_leaves_no_file(
    postgres: PostgresServer, spec: StudySpec, tmp_path: Path
) -> None:
    with begun(postgres.new_url(), spec, tmp_path, patience=60.0) as store:
        postgres.stop()
        back = threading.Timer(0.4, postgres.start)
        back.start()
        try:
            finish(store)
        finally:
            back.join()
        assert store.trials("small")[0].state is TrialState.COMPLETE
    assert not list(tmp_path.rglob("unrecorded.json"))


def test_a_broken_file_is_left_alone(store_url: str, spec: StudySpec, tmp_path: Path) -> None:
    with begun(store_url, spec, tmp_path, patience=1.0) as store:
        (folder,) = store.folders("small")
        (folder / "unrecorded.json").write_text('[["finish_trial", [0, 1')
        assert store.record_kept("small") == 0
        assert store.trials("small")[0].state is TrialState.RUNNING
