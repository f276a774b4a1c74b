"""One suite for every database that the store can use: trials, in SQLite and PostgreSQL."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nas.cost.model import Cost
from nas.errors import StoreError
from nas.store import Store, open_store
from nas.study.attempts import AttemptEnd
from nas.study.spec import StudySpec
from nas.study.trial import Measurement, Outcome, Trial, TrialState
from tests.classified import with_metrics
from tests.faulted import FULL, NODE_LOST, interrupted, lost
from tests.store.rows import COMPLETE, EPOCHS, VERSIONS, trial

# --- What goes in comes out ----------------------------------------------------------------------

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)
maybe_text = st.none() | texts
counts = st.integers(0, 2**62)
costs = st.builds(Cost, counts, counts, counts)
real = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(0, 1e9)
elsewhere = timezone(timedelta(hours=5))
moments = st.integers(1, 2**52).map(
    lambda us: datetime.fromtimestamp(0, elsewhere) + timedelta(microseconds=us)
)


@st.composite
def measured(draw: st.DrawFn) -> tuple[Measurement, ...]:
    epochs = sorted(draw(st.sets(st.integers(1, 1000), max_size=5)))
    rungs, seconds = st.none() | st.integers(0, 9), finite
    classification = st.fixed_dictionaries({"top1_error": real, "loss": real})
    others = st.dictionaries(st.sampled_from(["top1_error", "loss", "map", "mae"]), real)
    metrics = classification | others
    return tuple(
        Measurement(epoch, draw(rungs), draw(metrics), draw(real), draw(seconds))
        for epoch in epochs
    )


@given(data=st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_field_of_a_trial_survives(
    data: st.DataObject, store: Store, spec: StudySpec
) -> None:
    number = len(store.trials("small"))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    architecture = spec.space.published[number % 3].architecture
    for _ in range(data.draw(st.integers(0, 20))):
        architecture = spec.space.mutate(architecture, rng)
    written = Trial(
        number,
        architecture,
        data.draw(costs),
        data.draw(st.sampled_from(TrialState)),
        data.draw(st.integers(0, 2**63 - 1)),
        reference=data.draw(maybe_text),
        attempt=data.draw(st.integers(0, 5)),
        measurements=data.draw(measured()),
        counted=data.draw(st.none() | costs),
        fail_reason=data.draw(maybe_text),
        fail_detail=data.draw(maybe_text),
        created_at=data.draw(st.none() | moments),
        finished_at=data.draw(st.none() | moments),
        seconds=data.draw(st.none() | finite),
        worker=data.draw(maybe_text),
        weights_path=data.draw(maybe_text),
        weights_sha256=data.draw(maybe_text),
        proxies=data.draw(st.none() | st.dictionaries(texts, finite, max_size=4)),
        origin=data.draw(maybe_text),
        replicate_of=data.draw(st.none() | st.integers(0, 99)),
        replicate=data.draw(st.integers(0, 9)),
    )
    store.insert_trial("small", written)
    read = store.trials("small")[-1]

    def comparable(one: Trial) -> list[object]:
        floats = [
            [
                (k, "nan" if math.isnan(x) else x)
                for k, x in sorted({**m.metrics, "": m.train_loss}.items())
            ]
            for m in one.measurements
        ]
        steps = [(m.epoch, m.rung, m.seconds) for m in one.measurements]
        return [replace(one, measurements=()), floats, steps]

    assert comparable(read) == comparable(written)
    last = store.trials("small", curves=False)[-1]
    assert comparable(last) == comparable(replace(read, measurements=read.measurements[-1:]))
    assert comparable(store.with_curves("small", [last])[number]) == comparable(read)
    for moment in (read.created_at, read.finished_at):
        assert moment is None or moment.tzinfo is UTC
    store.insert_trial("small", written)  # again, as after a lost answer
    assert len(store.trials("small")) == number + 1


def test_text_that_no_database_holds_is_written_out(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec))
    outcome = Outcome(TrialState.FAILED, 1.0, "crash", "a\0b \udcff c")
    store.finish_trial("small", 0, 1, outcome)
    store.finish_trial("small", 0, 1, replace(outcome, fail_detail=r"a\x00b \udcff c"))
    assert store.trials("small")[0].fail_detail == r"a\x00b \udcff c"


def test_a_study_keeps_its_specification_and_versions(store: Store, spec: StudySpec) -> None:
    other = replace(spec, name="s-2_x", data_dir="/data/\N{GREEK SMALL LETTER PI}", seed=2**60)
    store.create_study(other, {})
    assert (store.spec("small"), store.spec("s-2_x")) == (spec, other)
    assert (store.versions("small"), store.versions("s-2_x")) == (VERSIONS, {})


def test_what_was_written_is_there_after_reopening(store_url: str, spec: StudySpec) -> None:
    with open_store(store_url) as first:
        first.create_study(spec, VERSIONS)
        first.insert_trial("small", trial(spec))
        before = first.trials("small")
    with open_store(store_url, read_only=True) as second:
        assert second.trials("small") == before
        assert second.spec("small") == spec


def test_the_last_measurement_is_that_of_the_current_attempt(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec, measurements=tuple(EPOCHS)))
    store.insert_trial("small", trial(spec, 1, measurements=tuple(EPOCHS)))
    store.requeue_trial("small", 0, 1, lost())
    store.start_trial("small", 0, 2)
    assert [t.last for t in store.trials("small", curves=False)] == [None, EPOCHS[-1]]
    store.record_measurement("small", 0, 2, EPOCHS[0])
    last = [trial.measurements for trial in store.trials("small", curves=False)]
    assert last == [(EPOCHS[0],), (EPOCHS[-1],)]


# --- The life of a trial -------------------------------------------------------------------------


def test_a_trial_runs_from_start_to_end(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec, state=TrialState.WAITING, attempt=0))
    store.start_trial("small", 0, 1)
    counted = Cost(1, 2, 3)
    store.record_count("small", 0, 1, counted, "host-a:77")
    for measurement in EPOCHS:
        store.record_measurement("small", 0, 1, measurement)
    before = datetime.now(UTC)
    store.finish_trial("small", 0, 1, COMPLETE)
    (done,) = store.trials("small")
    assert done.measurements == tuple(EPOCHS)
    assert (done.state, done.attempt) == (TrialState.COMPLETE, 1)
    assert (done.counted, done.worker, done.seconds) == (counted, "host-a:77", 7.25)
    assert (done.weights_path, done.weights_sha256) == (COMPLETE.weights_path, "ab" * 32)
    assert done.finished_at is not None
    assert abs(done.finished_at - before) < timedelta(seconds=5)


def test_only_the_current_attempt_is_shown(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec))
    store.record_measurement("small", 0, 1, EPOCHS[0])
    store.requeue_trial("small", 0, 1, lost())
    assert store.trials("small")[0].state is TrialState.WAITING
    store.start_trial("small", 0, 2)
    assert store.trials("small")[0].measurements == ()
    store.record_measurement("small", 0, 2, EPOCHS[1])
    assert store.trials("small")[0].measurements == (EPOCHS[1],)


def test_losses_are_counted_and_interruptions_are_not(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec))
    ends = [interrupted(), lost(1), interrupted(1), lost(2)]
    for attempt, (end, losses) in enumerate(zip(ends, (0, 1, 1, 2), strict=True), 1):
        store.requeue_trial("small", 0, attempt, end)
        assert store.trials("small")[0].lost == losses
        store.start_trial("small", 0, attempt + 1)


def test_every_attempt_has_a_row(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec, state=TrialState.WAITING, attempt=0))
    ends = [lost(1), interrupted(1), AttemptEnd(FULL, 1), AttemptEnd(NODE_LOST, 1, 2.0)]
    for attempt, end in enumerate(ends, 1):
        store.start_trial("small", 0, attempt)
        assert store.attempts("small", 0)[-1].outcome is None
        store.record_count("small", 0, attempt, Cost(1, 2, 3), f"host-{attempt}:7", "H200")
        store.requeue_trial("small", 0, attempt, end)
    store.start_trial("small", 0, 5)
    store.requeue_trial("small", 0, 5, AttemptEnd(FULL, 1, worker="host-5:7"))  # before an epoch
    store.start_trial("small", 0, 6)
    failed = Outcome(
        TrialState.FAILED, 1.0, "nan", "epoch 1: loss nan", device_seconds=7.0, worker="host-6:7"
    )
    store.finish_trial("small", 0, 6, failed)
    rows = store.attempts("small", 0)
    assert [row.number for row in rows] == [1, 2, 3, 4, 5, 6]
    outcomes = ["LOST", "INTERRUPTED", "ENVIRONMENT", "ENVIRONMENT", "ENVIRONMENT", "FAILED"]
    assert [str(row.outcome) for row in rows] == outcomes
    reasons = ["worker_lost", "user", "storage", "node", "storage", "nan"]
    assert [row.reason for row in rows] == reasons
    assert [row.detail for row in rows[:4]] == [end.fault.detail for end in ends]
    assert [row.device_seconds for row in rows] == [1.5, 1.5, None, 2.0, None, 7.0]
    assert [row.node for row in rows] == [f"host-{number}" for number in range(1, 7)]
    assert [row.device for row in rows] == [*["H200"] * 4, None, None]
    assert all(row.ended is not None and row.began <= row.ended for row in rows)


def test_a_failed_trial_can_be_repeated_and_keeps_its_attempts(
    store: Store, spec: StudySpec
) -> None:
    store.insert_trial("small", trial(spec, measurements=tuple(EPOCHS[:1])))
    store.requeue_trial("small", 0, 1, lost(2))
    store.start_trial("small", 0, 2)
    store.finish_trial("small", 0, 2, Outcome(TrialState.FAILED, 1.0, "worker_lost", "it ended"))
    for _ in range(2):  # the second time after a lost answer
        store.reopen_trial("small", 0, 2)
        (again,) = store.trials("small")
        assert (again.state, again.attempt, again.lost) == (TrialState.WAITING, 2, 0)
        assert (again.fail_reason, again.fail_detail, again.finished_at) == (None, None, None)
        assert again.seconds is None
    store.start_trial("small", 0, 3)
    with pytest.raises(StoreError, match="cannot be repeated"):
        store.reopen_trial("small", 0, 3)
    store.finish_trial("small", 0, 3, COMPLETE)
    rows = [str(row.outcome) for row in store.attempts("small", 0)]
    assert rows == ["LOST", "FAILED", "COMPLETE"]


@pytest.mark.parametrize("state", [state for state in TrialState if state != "FAILED"])
def test_no_other_trial_can_be_repeated(store: Store, spec: StudySpec, state: TrialState) -> None:
    store.insert_trial("small", trial(spec, state=state, attempt=2))
    before = store.trials("small")
    if state is not TrialState.WAITING:
        with pytest.raises(StoreError, match="cannot be repeated"):
            store.reopen_trial("small", 0, 2)
    assert store.trials("small") == before


def test_repeating_a_write_changes_nothing(store: Store, spec: StudySpec) -> None:
    def twice(method: str, *words: object) -> None:
        getattr(store, method)("small", *words)
        once = store.trials("small")
        getattr(store, method)("small", *words)
        assert store.trials("small") == once

    twice("insert_trial", trial(spec))
    twice("record_count", 0, 1, Cost(1, 2, 3), "w")
    twice("record_proxies", 0, 1, {"synflow": -3.5, "madds": 1.0})
    twice("record_measurement", 0, 1, EPOCHS[0])
    twice("requeue_trial", 0, 1, lost())
    twice("start_trial", 0, 2)
    twice("record_measurement", 0, 2, replace(EPOCHS[0], train_loss=math.inf))
    twice("finish_trial", 0, 2, COMPLETE)


STALE: dict[str, Callable[[Store], object]] = {
    "start again": lambda s: s.start_trial("small", 0, 1),
    "start below": lambda s: s.start_trial("small", 0, 0),
    "requeue": lambda s: s.requeue_trial("small", 0, 1, lost()),
    "measure": lambda s: s.record_measurement("small", 0, 1, EPOCHS[2]),
    "count": lambda s: s.record_count("small", 0, 1, Cost(9, 9, 9), "late"),
    "score": lambda s: s.record_proxies("small", 0, 1, {"synflow": 1.0}),
    "repeat": lambda s: s.reopen_trial("small", 0, 1),
    "finish": lambda s: s.finish_trial("small", 0, 1, Outcome(TrialState.STOPPED, 1.0)),
}


@pytest.mark.parametrize("state", TrialState)
def test_a_stale_writer_changes_nothing(store: Store, spec: StudySpec, state: TrialState) -> None:
    measurements = tuple(EPOCHS[:1])
    store.insert_trial("small", trial(spec, state=state, attempt=2, measurements=measurements))
    before, seq = store.trials("small"), store.change_seq("small")
    for deed in STALE.values():
        with pytest.raises(StoreError, match=r"trial 0 is .* at attempt 2"):
            deed(store)
        assert store.trials("small") == before
        assert store.change_seq("small") == seq


def test_a_finished_trial_is_immutable(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec, state=TrialState.COMPLETE))
    before = store.trials("small")
    writes: list[Callable[[], object]] = [
        lambda: store.finish_trial("small", 0, 1, Outcome(TrialState.FAILED, 1.0, "nan")),
        lambda: store.finish_trial("small", 0, 1, COMPLETE),
        lambda: store.record_measurement("small", 0, 1, EPOCHS[0]),
        lambda: store.record_count("small", 0, 1, Cost(9, 9, 9), "late"),
        lambda: store.requeue_trial("small", 0, 1, lost()),
        lambda: store.start_trial("small", 0, 2),
        lambda: store.insert_trial("small", trial(spec, seed=5)),
    ]
    for write in writes:
        with pytest.raises(StoreError):
            write()
    assert store.trials("small") == before


def test_an_epoch_is_measured_once(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec))
    store.record_measurement("small", 0, 1, EPOCHS[0])
    with pytest.raises(StoreError, match="epoch 1"):
        store.record_measurement("small", 0, 1, with_metrics(EPOCHS[0], loss=0.1))
    assert store.trials("small")[0].measurements == (EPOCHS[0],)


def test_a_trial_cannot_end_in_a_state_that_is_not_final(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec))
    with pytest.raises(ValueError, match="not a final state"):
        store.finish_trial("small", 0, 1, Outcome(TrialState.WAITING, 1.0))


def test_an_unknown_trial_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match="no trial 7"):
        store.start_trial("small", 7, 1)
