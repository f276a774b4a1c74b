"""The picture of the benchmark: valid SVG, every curve inside its panel, round ticks around it."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.curves_svg import HEIGHT, LEFT, WIDTH, Curves, draw, nice_ticks

SVG = "{http://www.w3.org/2000/svg}"


@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_ticks_surround_the_values_and_are_few(low: float, high: float) -> None:
    low, high = sorted((low, high))
    ticks = nice_ticks(low, high)
    slack = 1e-9 * max(1.0, high)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(ticks)


def test_mean_and_range_are_drawn_where_the_numbers_say() -> None:
    runs = [[90.0, 70.0, 50.0], [80.0, 60.0, 40.0]]
    text = draw("A <title>", [Curves("error", {"a & b": runs, "c": [[85.0, 65.0, 45.0]]})])
    root = ElementTree.fromstring(text)
    lines = root.findall(f"{SVG}polyline")
    bands = root.findall(f"{SVG}polygon")
    assert len(lines) == len(bands) == 2
    assert lines[0].get("points") == lines[1].get("points")  # the mean of the first is the second
    assert len(bands[0].get("points").split()) == 6
    heights = [float(point.split(",")[1]) for point in lines[0].get("points").split()]
    assert heights == sorted(heights)  # a falling error goes down, towards greater y
    band = [float(point.split(",")[1]) for point in bands[0].get("points").split()]
    assert (band[0] + band[-1]) / 2 == pytest.approx(heights[0], abs=0.2)
    for element in (*lines, *bands):
        for point in element.get("points").split():
            x, y = map(float, point.split(","))
            assert LEFT <= x <= WIDTH
            assert 0 <= y <= HEIGHT
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert "A <title>" in texts
    assert "a & b" in texts
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
