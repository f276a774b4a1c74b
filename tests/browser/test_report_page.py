"""The report in a real browser: it draws, reacts, and makes no network request."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.figures import write_report
from nas.results import explain
from nas.results.point import PointGroup
from tests.figures.drawn_study import make_spec, make_trials, make_view
from tests.studies import study_view

pytestmark = pytest.mark.browser

SPEC = make_spec()
TRIALS = make_trials(SPEC, candidates=40)
VIEW = make_view(SPEC, candidates=40)
SURFACES = {"light": "#ffffff", "dark": "#161b22"}
PHONE = {"viewport": {"width": 390, "height": 844}}


FIGURES = ("front", "curves", "progress", "effects", "edf")
COMPUTE = "nas proxies igcv3-300m --compute"
MOST_BYTES = 3_000_000  # of the report of a study of 43 trials


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    layers = SPEC.deployed_layers(TRIALS[0].architecture)
    write_report(VIEW, path, explain(SPEC, TRIALS, COMPUTE), layers=layers)
    return path.as_uri()


def poll(page: Any, expression: Any, accept: Any) -> None:
    """Wait until `expression` has an accepted value; the page's policy forbids evaluating in it."""
    for _ in range(100):
        if accept(page.evaluate(expression)):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{expression} is still {page.evaluate(expression)}")


@pytest.mark.parametrize(
    ("options", "surface"),
    [
        ({}, SURFACES["light"]),
        pytest.param({"color_scheme": "dark", **PHONE}, SURFACES["dark"], marks=pytest.mark.slow),
    ],
)
def test_it_draws_all_figures_and_needs_nothing_else(
    visit: Any, report: str, options: Any, surface: str
) -> None:
    seen = visit(report, **options)
    for figure in FIGURES:
        seen.page.wait_for_selector(f"#{figure} .main-svg")
    seen.page.wait_for_selector("#parallel .parcoords")
    assert seen.page.locator("#front .scatterlayer .trace").count() >= 7
    assert seen.page.locator("#curves .scatterlayer .trace").count() >= 5
    assert seen.page.evaluate("document.querySelector('.drawing').naturalWidth") > 300
    assert {url for url in seen.requests if not url.startswith("data:")} == {report}
    assert seen.complaints == []
    width = seen.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0
    colour = "document.getElementById('front')._fullLayout.paper_bgcolor"
    assert seen.page.evaluate(colour) == surface
    schemes = ("light", "dark") if "color_scheme" in options else ("dark", "light")
    for scheme in schemes:  # the look follows the system while the page is open
        seen.page.emulate_media(color_scheme=scheme)
        poll(seen.page, colour, lambda value, scheme=scheme: value == SURFACES[scheme])
    assert seen.complaints == []


def test_a_report_of_43_trials_is_small(report: str) -> None:
    assert len(TRIALS) == 43
    assert len(Path(report.removeprefix("file://")).read_bytes()) < MOST_BYTES


def test_a_browser_that_cannot_unpack_the_figures_is_told_so(browser: Any, report: str) -> None:
    context = browser.new_context()
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto(report)
    for figure in FIGURES:
        page.wait_for_selector(f"#{figure}:has-text('Firefox 113')")
    page.click("#trials > thead th:nth-child(3) button")  # the table needs no figure
    assert page.get_attribute("#trials > thead th:nth-child(3)", "aria-sort") == "ascending"
    context.close()


def test_hover_names_a_trial_a_click_opens_its_row_and_no_button_sends_the_figure_away(
    visit: Any, report: str
) -> None:
    seen = visit(report)
    seen.page.wait_for_selector("#front .modebar-btn", state="attached")
    titles = seen.page.locator(".modebar-btn").evaluate_all("b => b.map(x => x.dataset.title)")
    assert any("Zoom" in str(title) for title in titles)
    assert not any(word in str(t) for t in titles for word in ("Share", "loud", "Edit", "Produced"))

    point, other = VIEW.group(PointGroup.FRONT)[:2]
    seen.page.mouse.move(*seen.at("front", "on the front", 0))
    label = seen.page.locator("#front .hovertext")
    label.wait_for()
    text = label.text_content()
    assert f"trial {point.number}" in text
    assert f"{100 * (point.value or 0.0):.2f} %" in text
    assert "madds" in text
    seen.page.mouse.click(*seen.at("front", "on the front", 1))
    row = seen.page.locator(f"#trial-{other.number}.chosen")
    row.wait_for()
    assert row.locator("table.stages").is_visible()


def test_a_heading_sorts_both_ways_by_value_with_unknown_values_last(
    visit: Any, report: str
) -> None:
    seen = visit(report)
    errors = [p.value for p in VIEW.points if p.value is not None]
    for direction, expected in (
        ("ascending", sorted(errors)),
        ("descending", sorted(errors)[::-1]),
    ):
        seen.page.click("#trials > thead th:nth-child(3) button")
        head = seen.page.locator("#trials > thead th:nth-child(3)")
        assert head.get_attribute("aria-sort") == direction
        keys = seen.page.locator("#trials > tbody > tr > td:nth-child(3)").evaluate_all(
            "cells => cells.map(cell => cell.dataset.key)"
        )
        assert [float(key) for key in keys if key] == expected
        assert keys[len(errors) :] == [""] * (len(VIEW.points) - len(errors))


@pytest.mark.slow
def test_many_points_are_drawn_within_the_policy_of_the_page(visit: Any, tmp_path: Path) -> None:
    trials = make_trials(SPEC)
    one = trials[VIEW.group(PointGroup.DOMINATED)[0].number]
    more = [
        replace(
            one,
            number=1000 + i,
            cost=replace(one.cost, madds=one.cost.madds + 10_000 * (i % 100)),
            measurements=(replace(one.last, metrics={"top1_error": 0.05 + i / 3e4, "loss": 1.0}),),
        )
        for i in range(5200)
    ]
    write_report(study_view(SPEC, [*trials, *more]), tmp_path / "many.html")
    seen = visit((tmp_path / "many.html").as_uri())
    seen.page.wait_for_selector("#front .gl-canvas", state="attached")
    assert "WebGL is not supported" not in seen.page.inner_text("#front")
    assert "The first 1000 of" in seen.page.inner_text("main")
    assert seen.complaints == []
