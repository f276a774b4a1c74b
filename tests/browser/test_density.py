"""A study of 21,000 trials: its cloud is a density, which becomes points where the reader zooms."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from nas.dashboards.page_state import PageState
from nas.figures.front_drawing import MOST_POINTS
from nas.store import open_store
from tests.browser.served import served
from tests.figures.drawn_study import make_spec, many_trials

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPEC = make_spec()
TRIALS = 21_000
KINDS = "document.querySelector('#front .js-plotly-plot').data.map(t => t.type)"

FULLEST = """() => {
    const gd = document.querySelector('#front .js-plotly-plot');
    gd.scrollIntoView({block: 'center'});
    const {x, y, z} = gd._fullData.find(t => t.type === 'heatmap');
    const rows = Array.from(z, row => Array.from(row, value => value || 0));
    const most = Math.max(...rows.flat());
    const up = rows.findIndex(row => row.includes(most)), along = rows[up].indexOf(most);
    const {xaxis, yaxis, _size} = gd._fullLayout, box = gd.getBoundingClientRect();
    return [box.x + _size.l + xaxis.d2p((x[along] + x[along + 1]) / 2),
            box.y + _size.t + yaxis.d2p((y[up] + y[up + 1]) / 2)];
}"""  # the middle of the cell with most trials


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    database = str(tmp_path_factory.mktemp("many") / "nas.db")
    with open_store(database) as store:
        store.create_study(SPEC, {"nas": "0.1.0"})
        with store.together(SPEC.name):
            for trial in many_trials(SPEC, TRIALS):
                store.insert_trial(SPEC.name, trial)
    with served(database) as address:
        yield f"{address}study/{SPEC.name}"


def test_many_points_are_a_density_whose_parts_are_points(visit: Any, address: str) -> None:
    assert TRIALS > MOST_POINTS
    seen = visit(address)
    seen.page.wait_for_selector("#front .heatmaplayer image", timeout=60_000)
    assert "scattergl" not in seen.page.evaluate(KINDS)
    seen.page.mouse.click(*seen.page.evaluate(FULLEST))
    seen.page.wait_for_selector("#detail h2", timeout=30_000)
    trial = PageState.of(*urlsplit(seen.page.url)[2:4]).trial
    assert seen.page.inner_text("#detail h2") == f"Trial {trial}"

    box = seen.page.locator("#front .nsewdrag").bounding_box()
    seen.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.1 * box["height"])
    seen.page.mouse.down()
    seen.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.9 * box["height"], steps=4)
    seen.page.mouse.up()
    seen.page.wait_for_function(f"{KINDS}.includes('scattergl')", timeout=30_000)
    assert "heatmap" not in seen.page.evaluate(KINDS)
    drawn = seen.page.evaluate(
        "document.querySelector('#front .js-plotly-plot').data.filter("
        "t => t.type === 'scattergl').reduce((sum, t) => sum + t.customdata.length, 0)"
    )
    assert 1000 < drawn <= MOST_POINTS
    assert seen.complaints == []
