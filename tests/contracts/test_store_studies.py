"""One suite for every database that the store can use: studies, their summaries and results."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from nas.cost.model import Cost
from nas.errors import NasError, StoreError
from nas.store import Store, StudyState
from nas.study.spec import StudySpec
from nas.study.trial import Outcome, TrialState
from tests.classified import classified
from tests.distributions import install
from tests.faulted import interrupted, lost
from tests.store.rows import COMPLETE, EPOCHS, VERSIONS, trial


def test_a_name_is_taken_once(store: Store, spec: StudySpec) -> None:
    with pytest.raises(StoreError, match="exists already"):
        store.create_study(spec, VERSIONS)
    with pytest.raises(StoreError, match="seed: 3, not 0") as other:
        store.create_study(replace(spec, seed=3), VERSIONS)
    assert "--study" in other.value.remedy
    assert store.spec("small").seed == 0


def test_a_bad_name_is_refused(store: Store, spec: StudySpec) -> None:
    for name in ["", "-a", "A", "a b", "a\n", "é", "x" * 65, "a/b"]:
        with pytest.raises(NasError, match="name of a study") as refused:
            store.create_study(replace(spec, name=name), VERSIONS)
        assert refused.value.exit_code == 2
    assert [study.name for study in store.studies()] == ["small"]


@pytest.mark.parametrize("name", ["smal", "nothing-like-it", "a\0b"])
def test_an_unknown_study_is_refused_everywhere(store: Store, spec: StudySpec, name: str) -> None:
    for call in (
        lambda: store.spec(name),
        lambda: store.versions(name),
        lambda: store.trials(name),
        lambda: store.reports(name),
        lambda: store.change_seq(name),
        lambda: store.acquire(name),
        lambda: store.set_state(name, "COMPLETE"),
        lambda: store.insert_trial(name, trial(spec)),
    ):
        with pytest.raises(StoreError, match="there is no study") as unknown:
            call()
        assert "nas list" in unknown.value.remedy
        assert ("Did you mean small?" in unknown.value.remedy) is (name == "smal")


def test_the_summary_counts_and_finds_the_best(store: Store, spec: StudySpec) -> None:
    store.create_study(replace(spec, name="empty"), {})
    number = count()

    def add(state: TrialState, errors: list[float], reference: str | None = None) -> None:
        epochs = tuple(
            classified(epoch, None, error, 1.0, 1.0, 1.0) for epoch, error in enumerate(errors, 1)
        )
        fields = {"state": state, "measurements": epochs, "reference": reference}
        store.insert_trial("small", trial(spec, next(number), **fields))

    add(TrialState.COMPLETE, [0.1, 0.4])  # the last epoch counts, not the best one
    add(TrialState.COMPLETE, [0.9, 0.35])
    add(TrialState.COMPLETE, [0.9, math.nan])
    add(TrialState.COMPLETE, [0.2], "igcv3-d-1.0")
    add(TrialState.STOPPED, [0.01])
    add(TrialState.RUNNING, [])
    store.set_state("small", StudyState.INTERRUPTED)
    small, empty = store.studies()
    assert small.best == 0.35
    assert (small.counts[TrialState.COMPLETE], small.counts[TrialState.STOPPED]) == (4, 1)
    assert (small.counts[TrialState.RUNNING], small.counts[TrialState.WAITING]) == (1, 0)
    assert (small.name, small.space, small.task, small.budget, small.state, small.num_trials) == (
        "small", "igcv3", "digits", "300M-madds", StudyState.INTERRUPTED, 24,
    )  # fmt: skip
    assert (empty.name, empty.state, empty.best) == ("empty", StudyState.RUNNING, None)
    assert sum(empty.counts.values()) == 0
    assert abs(small.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_summary_shows_the_best_mean_where_candidates_were_confirmed(
    store: Store, spec: StudySpec
) -> None:
    def add(number: int, error: float, **fields: Any) -> None:
        epochs = (classified(1, None, error, 1.0, 1.0, 1.0),)
        done = {"state": TrialState.COMPLETE, "measurements": epochs, **fields}
        store.insert_trial("small", trial(spec, number, **done))

    for number, error in enumerate([0.10, 0.12, 0.15]):
        add(number, error)
    assert store.studies()[0].best == 0.10
    add(3, 0.30, replicate_of=0, replicate=1)
    add(4, 0.14, replicate_of=1, replicate=1)
    add(5, 0.01, replicate_of=2, replicate=1, state=TrialState.STOPPED)
    add(6, 0.01, reference="igcv3-d-1.0")
    add(7, 0.01, replicate_of=6, replicate=1)
    found = store.studies()[0]
    assert found.best == pytest.approx(0.13)
    assert sorted(found.seeds_of_best) == [0.12, 0.14]
    assert found.candidates == 3  # neither references nor further seeds


def test_the_summary_tells_what_failed_what_it_cost_and_what_is_left(
    store: Store, spec: StudySpec
) -> None:
    for number, reason in enumerate(["nan", "oom", "nan", None]):
        store.insert_trial("small", trial(spec, number))
        state = TrialState.FAILED if reason else TrialState.STOPPED
        store.finish_trial("small", number, 1, Outcome(state, 1.0, reason, device_seconds=4.0))
    found = store.studies()[0]
    assert found.failures == {"nan": 2, "oom": 1}
    assert found.device_seconds == 16.0
    assert found.candidates == 4
    assert found.time_left is None  # nobody runs it
    with store.acquire("small"):
        left = store.studies()[0].time_left
    assert left is not None
    assert found.began is not None
    assert found.latest is not None
    took = (found.latest - found.began).total_seconds()
    assert left == pytest.approx(took / 4 * (spec.num_trials - 4))


def test_candidates_are_told_by_the_order_of_their_ends_once(store: Store, spec: StudySpec) -> None:
    ends = [datetime(2026, 1, 2, 3, minute, tzinfo=UTC) for minute in (30, 10, 20)]
    for number, end in enumerate(ends):
        epochs = tuple(classified(each, None, error, 1.0, 1.0, 1.0)
                       for each, error in enumerate([0.9, 0.1 * (number + 1)], 1))  # fmt: skip
        done = {"state": TrialState.COMPLETE, "measurements": epochs, "finished_at": end}
        store.insert_trial("small", trial(spec, number, **done))
    store.insert_trial("small", trial(spec, 3, **{**done, "replicate_of": 0, "replicate": 1}))
    found = store.finished({"small": None, "none": None})
    assert set(found) == {"small"}
    assert [end for end, _ in found["small"]] == sorted(ends)
    errors = [values["top1_error"] for _, values in found["small"]]
    assert errors == pytest.approx([0.2, 0.3, 0.1])
    assert found["small"][0][1]["madds"] == 312_970_000
    assert store.finished({"small": ends[2]})["small"] == found["small"][2:]


def test_complete_trials_of_an_architecture_are_found_in_every_study_of_this_version(
    store: Store, spec: StudySpec
) -> None:
    alike, older = replace(spec, name="alike", seed=5), replace(spec, name="older")
    store.create_study(alike, {**VERSIONS, "torch": "another"})
    store.create_study(older, {**VERSIONS, "nas": "0.0.1"})
    other = spec.space.published[1].architecture
    done = trial(spec, 1, state=TrialState.COMPLETE, measurements=tuple(EPOCHS), attempt=2)
    for name in ("alike", "older", "small"):
        store.insert_trial(name, trial(spec, 0, state=TrialState.FAILED))
        store.insert_trial(name, replace(done, origin=f"{name}/1"))
        store.insert_trial(name, replace(done, number=2, architecture=other))
    store.insert_trial("small", replace(done, number=3, reference="igcv3-d-1.0"))
    found = store.complete_trials("small", done.arch_id)
    assert [(theirs, one.number, one.origin) for theirs, one in found] == [
        (spec, 1, "small/1"),
        (spec, 3, None),
        (alike, 1, "alike/1"),
    ]
    assert all(one.measurements == tuple(EPOCHS) for _, one in found)
    assert store.complete_trials("older", done.arch_id)[0][0] == older
    assert store.complete_trials("small", "0" * 12) == []


def test_complete_trials_are_of_the_same_version_of_the_package_of_the_blocks(
    store: Store, spec: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "from nas.space import BLOCK_KINDS\n"
        "class Kind(type(BLOCK_KINDS.load('igcv3'))):\n"
        "    name = 'of-a-package'\n"
        "KIND = Kind()\n"
    )
    entries = {"nas.blocks": {"of-a-package": "block_of_a_package:KIND"}}
    install(tmp_path, "nas-blocks", entries, {"block_of_a_package": code})
    monkeypatch.syspath_prepend(tmp_path)
    spec = replace(spec, space_text=spec.space_text.replace('"igcv3"', '"of-a-package"'))
    for name, version in (("one", "1.5"), ("two", "1.5"), ("three", "1.6")):
        named = replace(spec, name=name)
        store.create_study(named, {**VERSIONS, "nas-blocks": version, "torch": name})
        done = trial(named, 1, state=TrialState.COMPLETE, measurements=tuple(EPOCHS))
        store.insert_trial(name, done)
    found = store.complete_trials("one", done.arch_id)
    assert [theirs.name for theirs, _ in found] == ["one", "two"]


def test_scores_are_kept_whatever_becomes_of_the_trial(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec))
    assert store.trials("small")[0].proxies is None
    store.record_proxies("small", 0, 1, {"synflow": 2.5, "madds": 3e8})
    store.requeue_trial("small", 0, 1, interrupted())
    store.start_trial("small", 0, 2)
    assert store.trials("small")[0].proxies == {"synflow": 2.5, "madds": 3e8}
    store.finish_trial("small", 0, 2, COMPLETE)
    store.record_proxies("small", 0, 2, {"synflow": 2.0})
    assert store.trials("small")[0].proxies == {"synflow": 2.0}


def test_a_result_on_the_test_split_is_kept_once(store: Store, spec: StudySpec) -> None:
    store.insert_trial("small", trial(spec, state=TrialState.COMPLETE))
    store.record_report("small", 0, "test", {"top1_error": 0.25, "images": 360})
    store.record_report("small", 0, "test", {"images": 360, "top1_error": 0.25})
    with pytest.raises(StoreError, match="already has its"):
        store.record_report("small", 0, "test", {"top1_error": 0.2})
    store.record_report("small", 0, "latency", {"ms": 1.5})
    assert store.reports("small") == {
        0: {"test": {"top1_error": 0.25, "images": 360}, "latency": {"ms": 1.5}}
    }


def test_every_write_of_a_study_is_seen_by_its_number(store: Store, spec: StudySpec) -> None:
    store.create_study(replace(spec, name="other"), {})
    other, last = store.change_seq("other"), store.change_seq("small")
    writes: list[Callable[[], object]] = [
        lambda: store.insert_trial("small", trial(spec)),
        lambda: store.record_count("small", 0, 1, Cost(1, 2, 3), "w"),
        lambda: store.record_measurement("small", 0, 1, EPOCHS[0]),
        lambda: store.record_proxies("small", 0, 1, {"synflow": 1.0}),
        lambda: store.requeue_trial("small", 0, 1, lost()),
        lambda: store.start_trial("small", 0, 2),
        lambda: store.finish_trial("small", 0, 2, COMPLETE),
        lambda: store.record_report("small", 0, "test", {}),
        lambda: store.set_state("small", "COMPLETE"),
        lambda: store.insert_trial("small", trial(spec, 1)),
        lambda: store.finish_trial("small", 1, 1, Outcome(TrialState.FAILED, 1.0, "crash", "x")),
        lambda: store.reopen_trial("small", 1, 1),
    ]
    for write in writes:
        write()
        now = store.change_seq("small")
        assert now > last
        last = now
    assert store.change_seq("other") == other
