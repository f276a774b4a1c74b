"""Confirmed, further and reused trainings on a page and in a table."""

from dataclasses import replace
from typing import Any

import pytest

from nas.cli import study_tables
from nas.figures.front import front_figure
from nas.figures.report import report_html
from nas.figures.table import point_facts, point_row
from nas.results.findings import StudyResults
from nas.results.point import PointGroup
from nas.results.records import trial_record
from nas.study.study import Study
from nas.study.trial import Trial, TrialState
from nas.units import percent
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, run_all, small_spec, study_view

SPEC = small_spec(num_trials=12, confirm=3, seeds=3, reference_seeds=3)


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    return run_all(Study(SPEC, MemoryStore(), WalkSampler(SPEC)))


def test_further_seeds_are_no_points_but_count_as_trials(trials: list[Trial]) -> None:
    view = study_view(SPEC, trials)
    further = [t for t in trials if t.replicate_of is not None]
    assert {p.number for p in view.points} == {t.number for t in trials} - {
        t.number for t in further
    }
    assert view.planned == view.finished == len(trials)
    assert view.further == (len(further), len(further))
    assert f"{len(further)} further seeds" in view.summary
    assert view.hypervolume == pytest.approx(
        StudyResults(SPEC, trials).hypervolume / (SPEC.reference_point[0] * SPEC.reference_point[1])
    )


def test_a_study_that_is_not_at_its_end_has_more_to_come(trials: list[Trial]) -> None:
    begun = trials[:-3]
    view = study_view(SPEC, begun)
    assert (view.finished, view.planned) == (len(begun), len(trials))
    assert not view.done


def test_a_complete_network_stands_at_the_mean_over_its_seeds(trials: list[Trial]) -> None:
    found, view = StudyResults(SPEC, trials), study_view(SPEC, trials)
    assert view.best.number == found.best.number
    assert found.confirmed
    for number, own in found.trainings.items():
        point, estimate = view.point(number), found.estimate(number)
        assert point.y == point.value == estimate.mean
        assert point.estimate == estimate
        assert estimate.n == len(own)
        assert ("top-1 error", found.words(number)) in point_facts(view, point)
        assert point_row(view, point)[2].text == str(estimate)
    assert found.words(view.best.number) in report_html(view)


def trace(figure: Any, name: str) -> Any:
    return next(t for t in figure.data if t.name == name)


def test_every_mean_has_its_whole_interval_as_a_bar_and_a_single_seed_has_none(
    trials: list[Trial],
) -> None:
    view = study_view(SPEC, trials)
    figure = front_figure(view)
    bars = 0
    for group in (
        PointGroup.FRONT,
        PointGroup.DOMINATED,
        PointGroup.UNCONFIRMED,
        PointGroup.PUBLISHED,
    ):
        for point in view.group(group):
            own = next(t for t in figure.data if point.number in (t.customdata or ()))
            place = list(own.customdata).index(point.number)
            assert own.error_y.array is None or None not in own.error_y.array
            above = own.error_y.array[place] if own.error_y.array else None
            below = own.error_y.arrayminus[place] if own.error_y.arrayminus else None
            if point.estimate.n == 1:
                assert above is below is None
                continue
            bars += 1
            assert own.y[place] + above == pytest.approx(100 * point.estimate.high)
            assert own.y[place] - below == pytest.approx(100 * point.estimate.low)
    assert bars == len(StudyResults(SPEC, trials).confirmed) + 2
    low, high = figure.layout.yaxis.range
    ends = [100 * end for p in view.points if p.spread and p.spread.reach
            for end in (p.spread.low, p.spread.high)]  # fmt: skip
    assert figure.layout.yaxis.type != "log"
    assert low <= min(ends) <= max(ends) <= high


def test_a_single_seed_is_hollow_and_off_the_line_where_others_are_confirmed(
    trials: list[Trial],
) -> None:
    dearest = max(StudyResults(SPEC, trials).front, key=lambda trial: trial.cost)
    trials = [trial for trial in trials if trial.replicate_of in (None, dearest.number)]
    view = study_view(SPEC, trials)
    figure = front_figure(view)
    alone = {p.number for p in view.group(PointGroup.UNCONFIRMED)}
    assert alone == {t.number for t in StudyResults(SPEC, trials).unconfirmed} != set()
    hollow = trace(figure, "unconfirmed, 1 seed")
    assert set(hollow.customdata) == alone
    assert hollow.marker.symbol == "circle-open"
    line = next(t for t in figure.data if t.mode == "lines")
    assert not set(line.y) & set(hollow.y)
    assert list(line.y) == sorted(line.y, reverse=True)


def test_the_rows_tell_means_seeds_and_where_a_result_is_from(trials: list[Trial]) -> None:
    found = StudyResults(SPEC, trials)
    number = next(iter(found.confirmed))
    again = next(t for t in trials if t.replicate_of == number)
    shown = {r["trial"]: r for r in study_tables.shown(trials, found)}
    own = found.estimate(number)
    first = found.trainings[number][0].value("top1_error")
    assert shown[number]["value"] == percent(own.mean)
    assert shown[number]["observed"] == percent(first)
    assert shown[number]["seeds"] == str(own.n)
    assert shown[again.number]["role"] == f"seed {again.replicate + 1} of trial {number}"
    data = trial_record(trials[number], found)
    assert data["top1_error_low"] < data["top1_error"] < data["top1_error_high"]
    assert (data["top1_error"], data["observed_top1_error"]) == (own.mean, first)
    done = next(t for t in trials if t.state is TrialState.COMPLETE)
    (reused,) = study_tables.shown([replace(done, origin="other/7")], found)
    assert reused["state"] == "complete, reused from other#7"
    single = StudyResults(SPEC, [t for t in trials if t.replicate_of is None])
    assert "seeds" not in study_tables.columns(single)
    assert "seeds" in study_tables.columns(found)
