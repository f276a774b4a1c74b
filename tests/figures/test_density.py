"""The density of a crowded front: its counts, its parts, and the trial nearest to a click."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from nas.figures import FrontOptions, front_figure, nearest_trial, overlay_figure
from nas.figures.front_drawing import MOST_POINTS
from nas.results import Selection, narrowed, overlay
from nas.results.point import PointGroup
from nas.results.points import GROUPS
from nas.results.view import StudyView
from tests.figures.drawn_study import make_spec, many_trials
from tests.studies import study_view

SPEC = make_spec()
PART = (100e6, 130e6, 5.0, 9.0)


@pytest.fixture(scope="module")
def view() -> StudyView:
    return study_view(SPEC, many_trials(SPEC, 24_000))


@pytest.fixture(scope="module")
def cloud(view: StudyView) -> NDArray[np.bool_]:
    """The rows of the trials that are drawn as a density."""
    found: NDArray[np.bool_] = view.columns.group == GROUPS.index(PointGroup.DOMINATED)
    return found


@pytest.mark.parametrize("log", [False, True])
def test_each_trial_is_in_one_cell(view: StudyView, cloud: NDArray[np.bool_], log: bool) -> None:
    figure = front_figure(view, options=FrontOptions(log_x=log, log_y=log))
    (density,) = (trace for trace in figure.data if trace.type == "heatmap")
    assert np.nansum(np.expm1(density.z)) == pytest.approx(cloud.sum(), rel=1e-4)
    assert len(figure.to_json()) < 1_000_000
    assert density.z.shape == (len(density.y) - 1, len(density.x) - 1)
    x, y = view.columns.x[cloud], view.columns.y[cloud] * 100
    assert (density.x[0], density.x[-1]) == pytest.approx((x.min(), x.max()))
    assert (density.y[0], density.y[-1]) == pytest.approx((y.min(), y.max()))


def test_a_part_with_few_points_shows_them(view: StudyView, cloud: NDArray[np.bool_]) -> None:
    figure = front_figure(view, options=FrontOptions(window=PART))
    clouds = [trace for trace in figure.data if trace.type == "scattergl"]
    x, y = view.columns.x, view.columns.y * 100
    inside = cloud & (PART[0] <= x) & (x <= PART[1]) & (PART[2] <= y) & (y <= PART[3])
    drawn = sorted(number for trace in clouds for number in trace.customdata.tolist())
    assert drawn == sorted(view.columns.number[inside].tolist())
    assert 1000 < len(drawn) < MOST_POINTS
    assert not [trace for trace in figure.data if trace.type == "heatmap"]


@pytest.mark.parametrize("log", [False, True])
def test_a_click_on_a_trial_finds_it(view: StudyView, cloud: NDArray[np.bool_], log: bool) -> None:
    options = FrontOptions(log_x=log, log_y=log)
    for row in np.flatnonzero(cloud)[::1000].tolist():
        x, y = view.columns.x[row], view.columns.y[row] * 100
        study, number = nearest_trial([view], options, x, y)
        found = view.point(number)
        assert study == SPEC.name
        assert (found.x, found.y * 100) == (x, pytest.approx(y))


def test_large_studies_are_densities_in_one_figure_too(view: StudyView) -> None:
    seed = replace(SPEC, name="seed-2", seed=2)
    other = study_view(seed, many_trials(seed, MOST_POINTS // 2, seed=2))
    half = narrowed(view, Selection(top=50))
    both = overlay([(SPEC, half), (seed, other)])
    figure = overlay_figure(both)
    clouds = [trace for trace in figure.data if trace.type == "heatmap"]
    assert [cloud.name.partition(" ")[0] for cloud in clouds] == [SPEC.name, seed.name]
    assert len({cloud.colorscale[0][1] for cloud in clouds}) == 2
    for own, cloud in zip((half, other), clouds, strict=True):
        away = own.columns.group == GROUPS.index(PointGroup.DOMINATED)
        assert np.nansum(np.expm1(cloud.z)) == pytest.approx(away.sum(), rel=1e-4)
    row = int(np.flatnonzero(other.columns.group == GROUPS.index(PointGroup.DOMINATED))[100])
    x, y = other.columns.x[row], other.columns.y[row] * 100
    found = nearest_trial([half, other], FrontOptions(), x, y)
    assert found == (seed.name, int(other.columns.number[row]))
    part = overlay_figure(both, options=FrontOptions(window=PART))
    assert not [trace for trace in part.data if trace.type == "heatmap"]
    shown = sum(len(trace.x) for trace in part.data if trace.type == "scattergl")
    assert 1000 < shown < MOST_POINTS


def test_a_figure_without_a_density_has_no_nearest_trial() -> None:
    few = study_view(SPEC, many_trials(SPEC, 100))
    assert nearest_trial([few], FrontOptions(), 100e6, 6.0) is None
