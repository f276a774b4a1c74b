"""The figures: their content, and that no text of a study becomes markup."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.errors import ExportError
from nas.figures import (
    FrontOptions,
    PageTheme,
    edf_figure,
    front_figure,
    learning_curves_figure,
    parallel_figure,
    progress_figure,
    write_report,
)
from nas.figures.front_options import choice_in
from nas.figures.scale import Scale
from nas.results import Selection, axis_names, narrowed
from nas.results.point import PointGroup
from tests.classified import with_metrics
from tests.figures.drawn_study import make_spec, make_trials, make_view
from tests.studies import study_view

SPEC = make_spec()
TRIALS = make_trials(SPEC)
VIEW = make_view(SPEC)


def trace(figure: Any, name: str, mode: str = "markers") -> Any:
    return next(t for t in figure.data if t.name == name and t.mode == mode)


@pytest.mark.parametrize(
    "group", [PointGroup.FRONT, PointGroup.DOMINATED, PointGroup.STOPPED, PointGroup.RUNNING]
)
def test_each_group_is_drawn_at_its_values(group: Any) -> None:
    drawn = trace(front_figure(VIEW), group.label)
    points = VIEW.group(group)
    assert list(drawn.customdata) == [p.number for p in points]
    assert list(drawn.x) == [p.cost.madds for p in points]
    assert list(drawn.y) == pytest.approx([100 * p.value for p in points])


def test_groups_differ_in_symbol_and_not_in_colour_alone() -> None:
    figure = front_figure(VIEW)
    groups = [t for t in figure.data if t.mode == "markers" and t.name != "chosen"]
    symbols = [t.marker.symbol for t in groups]
    assert len(symbols) == len(set(symbols)) == 9


def test_the_front_is_a_staircase_to_the_budget() -> None:
    figure = front_figure(VIEW)
    line = next(t for t in figure.data if t.mode == "lines")
    assert line.line.shape == "hv"
    assert line.x[-1] == 300e6
    assert line.y[-1] == line.y[-2]
    three = replace(VIEW, staircase=False)
    assert not next(t for t in front_figure(three).data if t.mode == "lines").visible


def test_the_budget_is_a_line_and_a_word() -> None:
    figure = front_figure(VIEW)
    assert any(s.type == "line" and s.x0 == s.x1 == 300e6 for s in figure.layout.shapes)
    assert any(a.text == "budget 300M" for a in figure.layout.annotations)


def test_published_points_are_named_and_a_narrow_page_names_them_in_the_legend() -> None:
    titles = {p.title for p in VIEW.group(PointGroup.PUBLISHED)}
    assert titles <= {a.text for a in front_figure(VIEW).layout.annotations}
    narrow = front_figure(VIEW, PageTheme(narrow=True))
    assert not titles & {a.text for a in narrow.layout.annotations}
    assert titles <= {t.name for t in narrow.data}


def test_hover_is_two_lines_that_name_the_trial() -> None:
    point = VIEW.group(PointGroup.FRONT)[0]
    text = trace(front_figure(VIEW), PointGroup.FRONT.label).hovertext[0]
    lines = text.split("<br>")
    assert len(lines) == 2
    assert lines[0].startswith(f"<b>trial {point.number}</b>")


def test_a_published_network_keeps_its_symbol_when_the_ranks_change() -> None:
    def symbols(trials: Any) -> dict[str, str]:
        view = study_view(SPEC, trials)
        titles = {point.title for point in view.group(PointGroup.PUBLISHED)}
        return {t.name: t.marker.symbol for t in front_figure(view).data if t.name in titles}

    first = next(t for t in TRIALS if t.reference)
    worst = replace(
        first, measurements=tuple(with_metrics(m, top1_error=0.99) for m in first.measurements)
    )
    changed = [worst if t is first else t for t in TRIALS]
    assert symbols(changed) == symbols(TRIALS)
    assert len(symbols(TRIALS)) > 1


def test_axes_colour_and_hidden_groups_can_be_selected() -> None:
    whole = study_view(SPEC, TRIALS, axes=("params", "loss"))
    view = narrowed(whole, Selection(frozenset({PointGroup.STOPPED})))
    options = FrontOptions(log_x=True, colour="g1", limit=4e6, chosen=(0,))
    figure = front_figure(view, options=options)
    assert figure.layout.xaxis.type == "log"
    assert not trace(figure, PointGroup.STOPPED.label).x
    drawn = trace(figure, PointGroup.DOMINATED.label)
    assert list(drawn.x) == [p.cost.params for p in view.group(PointGroup.DOMINATED)]
    assert list(drawn.marker.color) == [
        choice_in(p.architecture, "g1") for p in view.group(PointGroup.DOMINATED)
    ]
    assert figure.layout.coloraxis.colorbar.title.text == "g1"
    assert list(trace(figure, "chosen").customdata) == [0]
    assert any(s.line.dash == "solid" and s.x0 == 4e6 for s in figure.layout.shapes)
    words = front_figure(VIEW, options=FrontOptions(colour="relu"))
    assert {"mixed"} < {t.name for t in words.data if t.marker.symbol == "square"}


def test_every_axis_of_a_study_has_a_figure() -> None:
    for x in axis_names(SPEC):
        for y in axis_names(SPEC):
            view = study_view(SPEC, TRIALS, axes=(x, y))
            assert (view.x.name, view.y.name) == (x, y)
            assert front_figure(view, options=FrontOptions(log_y=True)).data


def test_text_of_a_study_never_becomes_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><a href='x'>&"
    text = SPEC.space_text.replace('"IGCV3-D 1.0"', json.dumps(evil))
    spec = replace(SPEC, space_text=text)
    view = study_view(spec, [replace(t, fail_reason=t.fail_reason and evil) for t in TRIALS])
    names = [t.name for t in front_figure(view).data]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;a href=&#x27;x&#x27;&gt;&amp;" in names
    write_report(view, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "<script>alert" not in page
    assert "<a href='x'" not in page


def test_many_points_are_drawn_by_webgl() -> None:
    complete = TRIALS[VIEW.group(PointGroup.DOMINATED)[0].number]
    more = [replace(complete, number=1000 + i) for i in range(2001)]
    figure = front_figure(study_view(SPEC, [*TRIALS, *more]))
    assert trace(figure, "dominated").type == "scattergl"
    assert trace(figure, "on the front").type == "scatter"
    assert trace(front_figure(VIEW), "dominated").type == "scatter"


def test_curves_hold_every_measurement_and_mark_the_rungs() -> None:
    figure = learning_curves_figure(VIEW)
    drawn = [
        (number, x, y)
        for t in figure.data
        for number, x, y in zip(t.customdata, t.x, t.y, strict=True)
        if x is not None
    ]
    expected = [
        (t.number, m.epoch, pytest.approx(100 * m.value("top1_error")))
        for t in TRIALS
        for m in t.measurements
    ]
    assert sorted(drawn) == sorted(expected, key=lambda entry: entry[:2])
    assert {s.x0 for s in figure.layout.shapes} == {1, 2}


def test_the_hypervolume_is_drawn_in_percent() -> None:
    figure = progress_figure(VIEW)
    assert figure.data[0].y[-1] == pytest.approx(100 * VIEW.hypervolume)


@pytest.mark.parametrize("draw", [front_figure, learning_curves_figure, progress_figure])
def test_a_study_without_measurements_has_figures_that_say_so(draw: Any) -> None:
    figure = draw(study_view(SPEC, []))
    assert not figure.data
    assert "yet" in figure.layout.annotations[0].text


def test_zero_error_has_its_own_place_on_a_logarithmic_axis() -> None:
    scale = Scale.of([0.0, 1.0, 50.0])
    assert scale.log
    assert scale.axis()["ticktext"][0] == "0"
    assert scale.axis()["tickvals"][0] == scale.place(0.0) < 1.0
    assert 0 < scale.fraction(0.0) < scale.fraction(1.0) < scale.fraction(50.0) < 1


@pytest.mark.parametrize("values", [[0.0], [5.0], [5.0, 5.0], [0.0, 5.0]])
def test_an_axis_has_a_length(values: list[float]) -> None:
    low, high = Scale.of(values).range
    assert low < min(values) <= max(values) < high


def test_a_report_is_not_written_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        write_report(VIEW, tmp_path / "missing" / "r.html")
    assert "-o" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_report_replaces_its_file_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")
    write_report(VIEW, path)
    assert list(tmp_path.iterdir()) == [path]
    page = path.read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    assert page.count('<tr id="trial-') == len(TRIALS)


def patched(figure: Any, patches: Any) -> Any:
    """Return a figure with patches, as the script of a page applies them."""
    copy = json.loads(json.dumps(figure))
    for path, value in patches:
        parent = copy
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = value
    return copy


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("narrow", [False, True])
def test_the_patches_of_a_page_give_the_figures_of_every_look(
    tmp_path: Path, dark: bool, narrow: bool
) -> None:
    write_report(VIEW, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text().partition('id="data">')[2].partition("</script>")[0]
    drawn = {
        "front": front_figure, "curves": learning_curves_figure, "progress": progress_figure,
        "parallel": parallel_figure, "edf": lambda view, look: edf_figure([view], look),
    }  # fmt: skip
    figures = json.loads(text)["figures"]
    assert set(figures) == set(drawn)
    for name, parts in figures.items():
        shown = patched(parts["figure"], parts["narrow"] if narrow else [])
        shown = patched(shown, parts["dark"][narrow] if dark else [])
        wanted = json.loads(drawn[name](VIEW, PageTheme(dark=dark, narrow=narrow)).to_json())
        assert without_nulls(shown) == without_nulls(wanted)
