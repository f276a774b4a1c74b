"""A winner must fit a latency budget when it is measured, not only by the table."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from nas.cost.budget import Constraint
from nas.cost.latency_table import Accuracy, Device, LatencyTable, Timing
from nas.results import findings as results
from nas.results.measured_latency import MeasuredLatency, measured_latencies, over_budget
from nas.store import open_store
from nas.study.spec import StudySpec
from nas.study.trial import TrialState
from tests.classified import classified
from tests.store.rows import trial
from tests.studies import study_view

TABLE = LatencyTable(
    "igcv3", "3x224x224", 1000, Device("cpu", "a processor", "torch", "2", 1), 100, 0, {},
    Accuracy(12, 0.02, 0.05, 0.07, 0.99, 0.9),
)  # fmt: skip


@pytest.fixture
def limited(spec: StudySpec) -> StudySpec:
    return replace(
        spec,
        budget=(Constraint("latency", 1000, "cpu"),),
        objectives=("top1_error", "latency@cpu"),
        latency=(TABLE.to_json(),),
    )


def complete(spec: StudySpec, number: int, error: Any, latency: Any) -> Any:
    plain = trial(spec, number, state=TrialState.COMPLETE)
    last = classified(3, 1, error, 1.0, 1.0, 1.0)
    return replace(plain, cost=replace(plain.cost, latency=latency), measurements=(last,))


def took(predicted: Any, median: Any, comparable: bool = True) -> Any:
    return MeasuredLatency.of(
        predicted, Timing(median, median, median, 15), "a processor", comparable
    )


def test_what_is_recorded_is_read_back(limited: StudySpec) -> None:
    own = took(900, 950)
    reports: dict[int, Any] = {
        4: {"latency@cpu": asdict(own), "test": {"top1_error": 0.1}},
        5: {"test": {}},
    }
    assert measured_latencies(limited, reports) == {4: own}
    assert own.error == pytest.approx(-50 / 950)


def test_a_study_without_a_table_has_none(spec: StudySpec) -> None:
    assert measured_latencies(spec, {4: {"latency@cpu": {}}}) == {}


def slow(median: Any) -> dict[str, Any]:
    return {"latency@cpu": asdict(took(900, median))}


def test_what_is_over_the_budget_as_measured_is_on_no_front(limited: StudySpec) -> None:
    trials = [complete(limited, n, error, 900) for n, error in enumerate((0.1, 0.2, 0.3))]
    assert results.StudyResults(limited, trials).best.number == 0
    reports = {0: slow(1100), 1: slow(1000)}
    assert over_budget(limited, measured_latencies(limited, reports)) == {0}
    found = results.StudyResults(limited, trials, reports)
    assert [t.number for t in found.front] == [found.best.number] == [1]
    assert found.standing(0) is results.Standing.OVER_BUDGET


def test_where_none_holds_the_budget_the_best_by_the_table_is_shipped(limited: StudySpec) -> None:
    trials = [complete(limited, n, error, 900) for n, error in enumerate((0.1, 0.2))]
    best = {n: results.StudyResults(limited, trials, {0: slow(1100), 1: slow(n)}).best.number
            for n in (950, 1100)}  # fmt: skip
    assert best == {950: 1, 1100: 0}
    assert results.StudyResults(limited, [], {}).best is None


def test_the_progress_has_no_best_that_is_over_the_budget_as_measured(limited: StudySpec) -> None:
    trials = [complete(limited, n, error, 900) for n, error in enumerate((0.1, 0.2))]
    reports: dict[int, Any] = {}
    for number, wanted in enumerate((0.1, 0.2, None)):
        assert study_view(limited, trials, reports).progress[-1].best == wanted
        reports[number] = slow(1100)


def test_another_device_overrules_nothing(limited: StudySpec) -> None:
    assert over_budget(limited, {0: took(900, 5000, comparable=False)}) == frozenset()


def test_the_front_trades_the_error_for_the_latency(limited: StudySpec) -> None:
    trials = [complete(limited, 0, 0.1, 900), complete(limited, 1, 0.2, 500),
              complete(limited, 2, 0.3, 700)]  # fmt: skip
    assert {each.number for each in results.StudyResults(limited, trials).front} == {0, 1}


def test_a_specification_keeps_its_tables(limited: StudySpec) -> None:
    again = StudySpec.from_json(limited.to_json())
    assert again == limited
    assert again.latency_tables == {"igcv3": TABLE}
    other = replace(limited, latency=())
    assert other.differences(limited) == ["latency: another latency table"]


def test_every_page_shows_what_was_measured_and_passes_over_what_is_too_slow(
    limited: StudySpec,
) -> None:
    trials = [complete(limited, n, error, 900) for n, error in enumerate((0.1, 0.2))]
    reports = {0: {"latency@cpu": asdict(took(900, 1100)), "note": {"text": "in halves"}}}
    view = study_view(limited, trials, reports)
    assert view.best == view.point(1)
    assert view.point(0).note == f"in halves; latency {took(900, 1100)}"
    assert view.point(1).note is None
    assert "a processor" in dict(view.settings)["Latency of igcv3"]


def test_the_list_of_studies_passes_over_what_is_too_slow(
    limited: StudySpec, tmp_path: Path
) -> None:
    limited = replace(limited, name="limited")
    with open_store(str(tmp_path / "nas.db")) as store:
        store.create_study(limited, {})
        for number, error in enumerate((0.1, 0.2, 0.3)):
            store.insert_trial(limited.name, complete(limited, number, error, 900))
        assert store.studies()[0].best == 0.1
        store.record_report(limited.name, 0, "latency@cpu", slow(1100)["latency@cpu"])
        assert store.studies()[0].best == 0.2
