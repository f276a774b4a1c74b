"""The page of a comparison in a real browser: it draws both figures, without a request."""

from typing import Any

import pytest

from nas.figures.comparison import write_comparison
from nas.results.comparison import compare
from nas.results.comparison_text import comparison_facts, comparison_statements
from tests.compared import measured, noise, spec_of

pytestmark = pytest.mark.browser

SPEC = spec_of("paired:g1", 24, block=3)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    found = compare(SPEC, measured(SPEC, lambda t: 0.3 + 0.02 * noise(t)))
    path = tmp_path_factory.mktemp("comparison") / "page.html"
    write_comparison(found, comparison_facts(SPEC, found), comparison_statements(SPEC, found), path)
    return path.as_uri()


@pytest.mark.parametrize(
    ("options", "surface"),
    [
        ({}, "#ffffff"),
        ({"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}, "#161b22"),
    ],
)
def test_it_draws_both_figures_and_needs_nothing_else(
    visit: Any, page: str, options: Any, surface: str
) -> None:
    seen = visit(page, **options)
    seen.page.wait_for_selector("#differences .main-svg")
    assert seen.page.locator("#distributions .scatterlayer .trace").count() == 9
    assert seen.page.locator("#differences .scatterlayer .trace").count() == 2
    assert seen.requests == [page]
    assert seen.complaints == []
    assert seen.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    colour = "document.getElementById('distributions')._fullLayout.paper_bgcolor"
    assert seen.page.evaluate(colour) == surface
