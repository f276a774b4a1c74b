"""Parallel coordinates, distributions, and several studies in one figure."""

from dataclasses import replace

import numpy as np
import pytest

from nas.figures import (
    edf_figure,
    front_marks,
    overlay_figure,
    overlay_text,
    parallel_choices,
    parallel_figure,
    parallel_text,
)
from nas.figures.front_options import FrontOptions, choice_in
from nas.figures.parallel import PARALLEL_MOST
from nas.figures.theme import PageTheme
from nas.results import PointGroup, Selection, narrowed, overlay
from tests.figures.drawn_study import make_spec, make_trials, make_view
from tests.studies import study_view

SPEC = make_spec()
TRIALS = make_trials(SPEC)
VIEW = make_view(SPEC)
SEED = replace(SPEC, name="seed-2", seed=2)
SEED_VIEW = make_view(SEED, seed=2)
BOTH = overlay([(SPEC, VIEW), (SEED, SEED_VIEW)])


@pytest.mark.parametrize("dark", [False, True])
def test_parallel_coordinates_have_a_line_for_each_complete_network(dark: bool) -> None:
    (lines,) = parallel_figure(VIEW, PageTheme(dark=dark)).data
    axes = {axis.label: axis for axis in lines.dimensions}
    networks = [VIEW.points.architecture(row) for row in VIEW.complete.tolist()]
    varied = {
        key
        for key in parallel_choices(VIEW)
        if len({choice_in(network, key) for network in networks}) > 1
    }
    assert set(axes) == {*varied, "madds", "error (%)"}
    errors = np.array(axes["error (%)"]["values"])
    assert sorted(errors) == pytest.approx(sorted(100 * VIEW.columns.y[VIEW.complete]))
    assert list(lines.line.color) == list(errors)
    assert errors[-1] == errors.min()  # the best is drawn last, on top
    assert lines.line.reversescale is dark


def test_the_stages_of_one_choice_are_axes_with_its_values_as_ticks() -> None:
    (lines,) = parallel_figure(VIEW, choice="relu").data
    rows = VIEW.complete.tolist()
    for axis in lines.dimensions[:-2]:
        stage = VIEW.stage_names["igcv3"].index(axis.label)
        values = [VIEW.points.architecture(row).column("relu")[stage] for row in rows]
        shown = sorted(axis.ticktext[place] for place in axis["values"])
        assert shown == sorted("–" if value is None else str(value) for value in values)


def test_at_most_a_thousand_lines_are_drawn_and_this_is_said() -> None:
    trials = make_trials(SPEC, candidates=60)
    view = study_view(SPEC, trials)
    assert f"all {len(view.complete)}" in parallel_text(view)
    assert PARALLEL_MOST == 1_000


def test_a_distribution_reaches_from_none_to_all_by_study() -> None:
    figure = edf_figure([VIEW, SEED_VIEW])
    for line, view in zip(figure.data, (VIEW, SEED_VIEW), strict=True):
        values = 100 * view.columns.y[view.complete]
        assert line.name == f"{view.name} (n = {len(values)})"
        assert (line.y[0], line.y[-1]) == (0, 100)
        half = np.searchsorted(line.y[1:-1], 50)
        assert line.x[1 + half] == pytest.approx(np.quantile(values, 0.5, method="inverted_cdf"))


def test_an_overlay_draws_each_study_once_and_marks_those_of_the_page() -> None:
    chosen = VIEW.group(PointGroup.FRONT)[0].number
    options = FrontOptions(chosen=(chosen,))
    figure = overlay_figure(BOTH, PageTheme(), options)
    for view in (VIEW, SEED_VIEW):
        drawn = [
            trace for trace in figure.data if trace.name == view.name and trace.mode != "lines"
        ]
        numbers = {number for trace in drawn for number in trace.customdata}
        wanted = {
            point.number
            for point in view.points
            if point.y is not None and point.group is not PointGroup.PUBLISHED
        }
        own = view is VIEW
        assert numbers == (wanted if own else {f"{view.name}#{number}" for number in wanted})
    assert list(figure.data[0].customdata) == [chosen]
    marks = front_marks(VIEW, PageTheme(), options, [SEED_VIEW])
    assert list(marks.x) == list(figure.data[0].x)
    assert list(marks.y) == list(figure.data[0].y)
    assert "best to the worst of 2 seeds" in overlay_text(BOTH)


def test_a_figure_whose_trials_are_all_filtered_says_so() -> None:
    none = narrowed(VIEW, Selection(box=(0.0, 1.0, 0.0, 0.0)))
    for figure in (
        parallel_figure(none),
        edf_figure([none]),
        overlay_figure(overlay([(SPEC, none), (SEED, none)])),
    ):
        assert figure.layout.annotations[0].text == "the filters keep no trial"
