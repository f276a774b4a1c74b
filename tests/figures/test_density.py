"""The density of a crowded front: its counts, its parts, and the trial nearest to a click."""

import numpy as np
import pytest

from nas.figures import FrontOptions, front_figure, nearest_trial
from nas.figures.front_drawing import MOST_POINTS
from nas.results.point import PointGroup
from nas.results.points import GROUPS
from nas.results.view import study_view
from tests.figures.drawn_study import make_spec, many_trials

SPEC = make_spec()
VIEW = study_view(SPEC, many_trials(SPEC, MOST_POINTS + 1000))
CLOUD = VIEW.columns.group == GROUPS.index(PointGroup.DOMINATED)
PART = (100e6, 150e6, 5.0, 9.0)


@pytest.mark.parametrize("log", [False, True])
def test_each_trial_is_in_one_cell(log: bool) -> None:
    figure = front_figure(VIEW, options=FrontOptions(log_x=log, log_y=log))
    (density,) = (trace for trace in figure.data if trace.type == "heatmap")
    assert np.nansum(np.expm1(density.z)) == pytest.approx(CLOUD.sum(), rel=1e-4)
    assert density.z.shape == (len(density.y) - 1, len(density.x) - 1)
    x, y = VIEW.columns.x[CLOUD], VIEW.columns.y[CLOUD] * 100
    assert (density.x[0], density.x[-1]) == pytest.approx((x.min(), x.max()))
    assert (density.y[0], density.y[-1]) == pytest.approx((y.min(), y.max()))


def test_a_part_with_few_points_shows_them() -> None:
    figure = front_figure(VIEW, options=FrontOptions(window=PART))
    clouds = [trace for trace in figure.data if trace.type == "scattergl"]
    x, y = VIEW.columns.x, VIEW.columns.y * 100
    inside = CLOUD & (PART[0] <= x) & (x <= PART[1]) & (PART[2] <= y) & (y <= PART[3])
    drawn = sorted(number for trace in clouds for number in trace.customdata.tolist())
    assert drawn == sorted(VIEW.columns.number[inside].tolist())
    assert 1000 < len(drawn) < MOST_POINTS
    assert not [trace for trace in figure.data if trace.type == "heatmap"]


@pytest.mark.parametrize("log", [False, True])
def test_a_click_on_a_trial_finds_it(log: bool) -> None:
    options = FrontOptions(log_x=log, log_y=log)
    for row in np.flatnonzero(CLOUD)[::2000].tolist():
        x, y = VIEW.columns.x[row], VIEW.columns.y[row] * 100
        found = VIEW.point(nearest_trial(VIEW, options, x, y))
        assert (found.x, found.y * 100) == (x, pytest.approx(y))


def test_a_figure_without_a_density_has_no_nearest_trial() -> None:
    few = study_view(SPEC, many_trials(SPEC, 100))
    assert nearest_trial(few, FrontOptions(), 100e6, 6.0) is None
