"""What a page and a table show of confirmed, further and reused trainings."""

from dataclasses import replace

import pytest

from nas.cli import rows
from nas.confirm import confirmed
from nas.figures.front import front_figure
from nas.figures.report import report_html
from nas.figures.table import facts, row
from nas.results import best, study_hypervolume
from nas.study import Study
from nas.trial import TrialState
from nas.view import Group, study_view
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, run_all, small_spec

SPEC = small_spec(num_trials=12, confirm=2, seeds=3)


@pytest.fixture(scope="module")
def trials():
    return run_all(Study(SPEC, MemoryStore(), WalkSampler(SPEC)))


def test_further_seeds_are_no_points_but_count_as_trials(trials):
    view = study_view(SPEC, trials)
    further = [t for t in trials if t.replicate_of is not None]
    assert {p.number for p in view.points} == {t.number for t in trials} - {
        t.number for t in further
    }
    assert view.planned == view.finished == len(trials)
    assert view.further == (len(further), len(further))
    assert f"{len(further)} further seeds" in view.summary
    assert view.hypervolume == pytest.approx(
        study_hypervolume(SPEC, trials) / (SPEC.reference_point[0] * SPEC.reference_point[1])
    )


def test_a_study_that_is_not_at_its_end_has_more_to_come(trials):
    begun = trials[:-3]
    view = study_view(SPEC, begun)
    assert (view.finished, view.planned) == (len(begun), len(trials))
    assert not view.done


def test_a_confirmed_trial_stands_at_its_mean(trials):
    means, view = confirmed(trials), study_view(SPEC, trials)
    assert view.best.number == best(SPEC, trials).number
    assert means
    for number, found in means.items():
        point = view.point(number)
        mean = found.summary("top1_error").mean
        assert point.y == point.error == mean != found.observed("top1_error")
        assert ("top-1 error", found.words()) in facts(point)
        assert row(point)[2].text.endswith(f"(n = {len(found.seeds)})")
        assert found.words() in report_html(view)


def test_the_front_has_a_bar_for_each_mean_and_none_for_a_single_seed(trials):
    view = study_view(SPEC, trials)
    points = view.group(Group.FRONT)
    dots = next(t for t in front_figure(view).data if t.name == "on the front")
    bars = dots.error_y.array
    assert [bar is not None for bar in bars] == [p.confirmed is not None for p in points]
    for point, bar, below in zip(points, bars, dots.error_y.arrayminus, strict=True):
        if point.confirmed:
            assert bar == pytest.approx(100 * point.confirmed.summary("top1_error").reach)
            assert 0 <= below <= bar + 1e-9
    alone = [t for t in trials if t.replicate_of is None]
    plain = next(t for t in front_figure(study_view(SPEC, alone)).data if t.name == "on the front")
    assert plain.error_y.array is None


def test_the_rows_tell_means_seeds_and_where_a_result_is_from(trials):
    means = confirmed(trials)
    number = next(iter(means))
    again = next(t for t in trials if t.replicate_of == number)
    shown = {r["trial"]: r for r in rows.shown(trials, means)}
    summary = means[number].summary("top1_error")
    assert shown[number]["error"] == f"{100 * summary.mean:.2f} %"
    assert shown[number]["observed"] == f"{100 * means[number].observed('top1_error'):.2f} %"
    assert shown[number]["seeds"] == str(summary.n)
    assert shown[again.number]["name"] == f"seed {again.replicate + 1} of trial {number}"
    data = rows.trial_row(trials[number], means)
    low, high = data["confirmed_low"], data["confirmed_high"]
    assert low < data["confirmed_top1_error"] < high
    assert data["top1_error"] == means[number].observed("top1_error")
    done = next(t for t in trials if t.state is TrialState.COMPLETE)
    (reused,) = rows.shown([replace(done, origin="other/7")])
    assert reused["state"] == "complete, reused from other#7"
    assert "seeds" not in rows.columns({})
    assert "seeds" in rows.columns(means)
