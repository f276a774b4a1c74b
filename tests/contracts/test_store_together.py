"""Several writes in one transaction, for every database that the store can use."""

from dataclasses import replace

import pytest

from nas.cost.model import Cost
from nas.errors import StoreError
from nas.store import Store, open_store
from nas.study.spec import StudySpec
from nas.study.trial import TrialState
from tests.messages import carrying
from tests.store.rows import COMPLETE, EPOCHS, trial


def test_what_is_written_together_is_there_at_the_end_and_counts_once(
    store: Store, store_url: str, spec: StudySpec
) -> None:
    store.create_study(replace(spec, name="other"), {})
    for name in ("small", "other"):
        store.insert_trial(name, trial(spec))
    seq = store.change_seq("small")
    with store.together("small"):
        store.record_count("small", 0, 1, Cost(1, 2, 3), "w")
        store.record_measurement("small", 0, 1, EPOCHS[0])
        store.record_measurement("other", 0, 1, EPOCHS[0])
        store.finish_trial("small", 0, 1, replace(COMPLETE, state=TrialState.STOPPED))
        with open_store(store_url, read_only=True) as reader:
            assert reader.trials("small") == [trial(spec)]
            assert reader.trials("other")[0].measurements == (EPOCHS[0],)
    (done,) = store.trials("small")
    assert (done.state, done.counted, done.worker) == (TrialState.STOPPED, Cost(1, 2, 3), "w")
    assert done.measurements == (EPOCHS[0],)
    assert store.change_seq("small") == seq + 1
    with store.together("small"):
        pass
    assert store.change_seq("small") == seq + 1


def test_what_is_written_together_happens_whole_or_not_at_all(
    store: Store, spec: StudySpec
) -> None:
    store.insert_trial("small", trial(spec))
    before, seq = store.trials("small"), store.change_seq("small")

    def late() -> None:
        with store.together("small"):
            store.record_measurement("small", 0, 1, EPOCHS[0])
            store.finish_trial("small", 0, 2, COMPLETE)

    with pytest.raises(StoreError, match=carrying("trial 0 … RUNNING … attempt 1")):
        late()
    assert (store.trials("small"), store.change_seq("small")) == (before, seq)
    store.record_measurement("small", 0, 1, EPOCHS[0])  # at once again
    assert store.trials("small")[0].measurements == (EPOCHS[0],)


def test_an_error_beside_it_leaves_what_was_written_together(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec))

    def ends_in_error() -> None:
        with store.together("small"):
            store.finish_trial("small", 0, 1, COMPLETE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ends_in_error()
    assert store.trials("small")[0].state is TrialState.COMPLETE
