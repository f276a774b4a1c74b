"""Figures of a comparison: they show its results."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from nas.errors import ExportError
from nas.figures.comparison import (
    comparison_html,
    differences_figure,
    distributions_figure,
    write_comparison,
)
from nas.figures.theme import PageTheme
from nas.results.comparison import compare
from nas.results.comparison_text import comparison_facts, comparison_statements
from tests.compared import measured, noise, spec_of

SPEC = spec_of("matched", 24, name="a-study")
FOUND = compare(
    SPEC,
    measured(SPEC, lambda t: 0.3 - 0.1 * (t.architecture.space == "rich") + 0.02 * noise(t)),
)
PAIRED = spec_of("paired:g1", 24, block=3)


@pytest.mark.parametrize("look", [PageTheme(), PageTheme(dark=True), PageTheme(narrow=True)])
def test_curves_rise_from_zero_to_all_within_their_bands(look: PageTheme) -> None:
    traces = distributions_figure(FOUND, look).data
    assert len(traces) == 3 * len(FOUND.groups)
    for low, high, curve in zip(*[iter(traces)] * 3, strict=True):
        x, y = np.array(curve.x), np.array(curve.y)
        assert (y[0], y[-1]) == (0, 100)
        assert (np.diff(y) >= 0).all()
        assert (np.diff(x) > 0).all()
        assert (np.array(low.y) <= y).all()
        assert (np.array(high.y) >= y).all()
        assert high.fill == "tonexty"


def test_a_curve_passes_through_the_errors() -> None:
    group, curve = FOUND.groups[0], distributions_figure(FOUND).data[2]
    assert curve.name == "lean (n = 12)"
    for error in group.errors:
        at = np.flatnonzero(np.isclose(curve.x, 100 * error))[0]
        assert curve.y[at] == pytest.approx(100 * np.mean(np.array(group.errors) <= error))


def test_differences_have_their_intervals() -> None:
    (pair,) = FOUND.pairs
    (mark,) = differences_figure(FOUND).data
    assert mark.x[0] == pytest.approx(100 * pair.mean.value)
    assert mark.x[0] + mark.error_x.array[0] == pytest.approx(100 * pair.mean.high)
    assert mark.x[0] - mark.error_x.arrayminus[0] == pytest.approx(100 * pair.mean.low)
    assert mark.marker.symbol == "diamond"
    even = compare(SPEC, measured(SPEC, lambda t: 0.3 + 0.02 * noise(t)))
    assert differences_figure(even).data[0].marker.symbol == "diamond-open"


def test_a_page_is_whole_and_escaped(tmp_path: Path) -> None:
    found = compare(PAIRED, measured(PAIRED, lambda t: 0.3 + 0.02 * noise(t)))
    lines = [*comparison_statements(PAIRED, found), "<script>alert(1)</script>"]
    path = tmp_path / "page.html"
    write_comparison(found, comparison_facts(PAIRED, found), lines, path)
    page = path.read_text()
    assert page == comparison_html(found, comparison_facts(PAIRED, found), lines)
    assert "<script>alert" not in page
    assert "g1=4 against g1=1" in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page).group(1))
    assert set(data["figures"]) == {"distributions", "differences"}
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_a_page_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        write_comparison(FOUND, [], [], tmp_path / "nowhere" / "page.html")
