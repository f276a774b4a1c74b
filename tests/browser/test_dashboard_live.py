"""The dashboard, really served over a SQLite store, in a real browser."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.serving import make_server

from nas.dashboards.app import create_app
from nas.results.point import PointGroup
from nas.results.view import study_view
from nas.store import open_store
from nas.study.trial import TrialState
from tests.classified import with_metrics
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study, store_trial

pytestmark = pytest.mark.browser

SPEC = make_spec()
TRIALS = make_trials(SPEC)
VIEW = study_view(SPEC, TRIALS)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "nas.db"
    store_study(path, SPEC, TRIALS)
    return path


@pytest.fixture
def address(database: Path) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(str(database)).server, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def drawn(seen: Any) -> Any:
    seen.page.wait_for_selector("#front .scatterlayer .trace", timeout=30_000)
    seen.page.wait_for_selector("#table tbody tr", timeout=30_000)
    return seen


def test_the_page_shows_the_study_and_asks_only_its_own_server(visit: Any, address: str) -> None:
    seen = drawn(visit(address))
    assert seen.page.inner_text("#summary") == VIEW.summary
    assert seen.page.inner_text("#counters").startswith("25")
    assert seen.page.locator("#table tbody tr").count() == len(TRIALS)
    assert seen.page.url.endswith(f"?study={SPEC.name}")
    assert {urlsplit(url).netloc for url in seen.requests} == {urlsplit(address).netloc}
    assert seen.complaints == []


def test_a_click_on_a_point_shows_its_architecture_and_how_to_export_it(
    visit: Any, address: str
) -> None:
    seen = drawn(visit(address))
    point = VIEW.group(PointGroup.FRONT)[0]
    seen.page.mouse.click(*seen.at("front", "on the front", 0))
    seen.page.wait_for_selector("#command")
    assert f"nas export {SPEC.name} --trial {point.number} -o" in seen.page.inner_text("#command")
    assert point.architecture.text in seen.page.inner_text("#detail")
    assert seen.page.url.endswith(f"&trial={point.number}")
    seen.page.click("#table th:nth-child(4) button")  # sorting keeps the choice
    seen.page.wait_for_selector('#table th[aria-sort="ascending"]')
    first = min(VIEW.points, key=lambda p: p.cost.madds)
    assert seen.page.inner_text("#table tbody tr:first-child td:first-child") == str(first.number)
    assert seen.page.locator("#command").is_visible()


def test_the_address_opens_a_trial(visit: Any, address: str) -> None:
    failed = VIEW.group(PointGroup.FAILED)[0]
    seen = drawn(visit(f"{address}?study={SPEC.name}&trial={failed.number}"))
    seen.page.wait_for_selector("#detail summary")
    assert "failed: nan" in seen.page.inner_text("#detail")
    assert seen.page.locator("#command").count() == 0


def test_a_new_trial_appears_by_itself_and_a_lost_database_is_said(
    visit: Any, address: str, database: Path
) -> None:
    seen = drawn(visit(address))
    number = len(TRIALS)
    winner = replace(
        TRIALS[-4],
        number=number,
        state=TrialState.COMPLETE,
        measurements=tuple(with_metrics(m, top1_error=0.001) for m in TRIALS[0].measurements),
        finished_at=None,
        seconds=12.0,
    )
    with open_store(str(database)) as store:
        store_trial(store, SPEC.name, winner)
    seen.page.wait_for_selector(f"#trial-{number}", timeout=15_000)
    assert f"(trial {number})" in seen.page.inner_text("#summary")
    for file in database.parent.glob("nas.db*"):
        file.rename(file.with_name("gone-" + file.name))
    seen.page.wait_for_selector("#status:has-text('Stale since')", timeout=15_000)
    assert seen.page.locator(f"#trial-{number}").count() == 1
    for file in database.parent.glob("gone-*"):
        file.rename(file.with_name(file.name.removeprefix("gone-")))
    seen.page.wait_for_selector("#status:has-text('read at')", timeout=15_000)
