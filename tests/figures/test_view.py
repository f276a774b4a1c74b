"""The plain data behind a report: groups, words, hypervolume, tables."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.figures.table import headers, point_row, sorted_points
from nas.results.findings import StudyResults
from nas.results.point import PointGroup, stage_table
from nas.study.trial import TrialState
from nas.units import percent
from tests.figures.drawn_study import RUNGS, START, make_spec, make_trials
from tests.messages import carries
from tests.studies import study_view

SPEC = make_spec()
TRIALS = make_trials(SPEC)


def test_every_trial_is_in_one_group() -> None:
    view = study_view(SPEC, TRIALS)
    assert sorted(point.number for point in view.points) == [t.number for t in TRIALS]
    assert {p.number for p in view.group(PointGroup.FRONT)} == {
        t.number for t in StudyResults(SPEC, TRIALS).front
    }
    published = [point.title for point in view.group(PointGroup.PUBLISHED)]
    assert sorted(published) == ["IGCV3-D 1.0", "IGCV3-W (G=4)", "MobileNetV2 1.0"]
    assert len(view.group(PointGroup.FAILED)) == len(view.group(PointGroup.RUNNING)) == 1


def test_the_front_comes_first_from_cheap_to_dear() -> None:
    view = study_view(SPEC, TRIALS)
    front = view.group(PointGroup.FRONT)
    assert list(view.points[: len(front)]) == front
    assert [p.x for p in front] == sorted(p.x for p in front)
    errors = [p.value for p in front]
    assert errors == sorted(errors, reverse=True)


def test_a_stopped_trial_stands_at_its_last_rung() -> None:
    for point in study_view(SPEC, TRIALS).group(PointGroup.STOPPED):
        trial = TRIALS[point.number]
        assert point.epoch == trial.measurements[-1].epoch < RUNGS[-1]
        assert point.y == point.curve[-1][1] == trial.measurements[-1].metrics["top1_error"]


def test_axes_say_what_was_measured_where() -> None:
    view = study_view(SPEC, TRIALS)
    assert carries(view.y.label, "digits validation … 6 epochs … %")
    assert carries(view.x.label, "multiply-adds … 3x224x224 … 1000 classes … batch 1")


def test_other_objectives_choose_other_axes() -> None:
    spec = make_spec(objectives=("loss", "params"), reference_point=(3.0, 5e6))
    view = study_view(spec, TRIALS)
    assert (view.x.name, view.y.name) == ("params", "loss")
    point = view.group(PointGroup.FRONT)[0]
    assert point.x == point.cost.params
    assert point.y == point.others["loss"]


def test_the_summary_names_the_best_and_its_cost() -> None:
    view = study_view(SPEC, TRIALS)
    best = StudyResults(SPEC, TRIALS).best
    assert view.best is not None
    assert view.best.number == best.number
    front = len(StudyResults(SPEC, TRIALS).front)
    start = f"{front} on the front, best {percent(best.last.metrics['top1_error'])} (1 seed) at"
    assert view.summary.startswith(start)
    assert "25 of 27 trials ended" in view.summary


def test_an_empty_study_has_a_view() -> None:
    view = study_view(SPEC, [])
    assert len(view.points) == 0
    assert view.best is None
    assert view.progress == ()
    assert "No trial is complete" in view.summary


def test_progress_ends_at_the_studys_hypervolume_and_never_falls() -> None:
    view = study_view(SPEC, TRIALS)
    shares = [step.share for step in view.progress]
    assert shares == sorted(shares)
    box = SPEC.reference_point[0] * SPEC.reference_point[1]
    assert view.hypervolume == pytest.approx(StudyResults(SPEC, TRIALS).hypervolume / box)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(27)))
def test_progress_is_the_hypervolume_of_every_prefix(order: Any) -> None:
    timed = [
        replace(trial, finished_at=START + timedelta(seconds=order[trial.number]))
        for trial in TRIALS
    ]
    ended = sorted(
        (t for t in timed if t.reference is None and t.state.finished), key=lambda t: t.finished_at
    )
    box = SPEC.reference_point[0] * SPEC.reference_point[1]
    for step in study_view(SPEC, timed).progress:
        expected = StudyResults(SPEC, ended[: step.finished]).hypervolume / box
        assert step.share == pytest.approx(expected)


def test_the_stage_table_shows_every_value_and_dashes_for_missing_stages() -> None:
    trial = next(t for t in TRIALS if 0 in t.architecture.column("depth"))
    names = [stage.name for stage in SPEC.space.stages]
    table = stage_table(trial.architecture, names)
    row = table.rows[trial.architecture.column("depth").index(0)]
    assert row[1] == "0"
    assert set(row[2:]) == {"–"}
    assert ("permute2", "no") in table.shared
    widths = [r[table.header.index("width")] for r in table.rows]
    assert widths == ["–" if w is None else str(w) for w in trial.architecture.column("width")]


def test_test_results_and_published_numbers_reach_their_points() -> None:
    done = next(p.number for p in study_view(SPEC, TRIALS).points if p.group is PointGroup.FRONT)
    view = study_view(SPEC, TRIALS, reports={done: {"test": {"top1_error": 0.04}}})
    assert (view.point(done).test.mean, view.point(done).test.n) == (0.04, 1)
    assert ("madds", "318M") in view.point(0).published
    assert view.point(99) is None


def test_settings_name_what_is_needed_to_repeat_the_study() -> None:
    settings_text = dict(study_view(SPEC, TRIALS, versions={"torch": "2.15.0"}).settings)
    assert "seed 1" in settings_text["Sampler"]
    assert "300M-madds" in settings_text["Budget"]
    assert settings_text["Versions"] == "torch 2.15.0"


def test_counts_add_up() -> None:
    view = study_view(SPEC, TRIALS)
    assert sum(view.count(state) for state in TrialState) == len(TRIALS)
    assert view.planned == 27
    assert not view.done


def test_a_column_sorts_the_table_by_its_cells() -> None:
    view = study_view(SPEC, TRIALS)
    for column, header in enumerate(headers(view)):
        for descending in (False, True):
            keys = [
                point_row(view, point)[column].key
                for point in sorted_points(view, header, descending)
            ]
            known = [key for key in keys if key is not None]
            assert known == sorted(known, reverse=descending)
            assert keys[: len(known)] == known
            assert len(keys) == len(view.points)
