"""The dashboard, really served over a SQLite store, in a real browser."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from nas.dashboards import layout
from nas.dashboards.page_state import PageState
from nas.figures import effects_caption
from nas.results import study_effects
from nas.results.point import PointGroup
from nas.store import open_store
from nas.study.trial import TrialState
from tests.browser.served import served
from tests.classified import with_metrics
from tests.figures.drawn_study import make_spec, make_trials, make_view
from tests.figures.stored import store_study, store_trial
from tests.studies import study_view

pytestmark = pytest.mark.browser

SPEC = make_spec()
TRIALS = make_trials(SPEC)
VIEW = make_view(SPEC)
KEY = "the-key-of-the-page"
POLL = 500  # milliseconds
HIDDEN = "{configurable: true, get: () => true}"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "nas.db"
    store_study(path, SPEC, TRIALS)
    return path


@pytest.fixture(scope="module")
def address(database: Path) -> Iterator[str]:
    with served(database) as address:
        yield address


@pytest.fixture
def own(database: Path, tmp_path: Path) -> Path:
    """A database of a test that changes it."""
    return Path(shutil.copy(database, tmp_path))


@pytest.fixture
def own_address(own: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(layout, "POLL_MILLISECONDS", POLL)
    with served(own, KEY) as address:
        yield address


STUDY = f"study/{SPEC.name}"


def drawn(seen: Any) -> Any:
    seen.page.wait_for_selector("#front .scatterlayer .trace", timeout=30_000)
    seen.page.wait_for_selector("#table tbody tr", timeout=30_000)
    return seen


def ringed(seen: Any, count: int) -> None:
    """Wait until as many points have a ring."""
    marks = "document.querySelector('#front .js-plotly-plot').data[0].x.length"
    seen.page.wait_for_function(f"{marks} === {count}", timeout=15_000)


def test_the_page_shows_the_study_and_a_click_a_trial_and_it_asks_only_its_own_server(
    visit: Any, address: str
) -> None:
    seen = drawn(visit(address + STUDY))
    assert seen.page.inner_text("#summary") == VIEW.summary
    assert seen.page.inner_text("#counters").startswith("25")
    assert seen.page.locator("#table tbody tr").count() == len(TRIALS)
    assert seen.page.url == address + STUDY
    assert seen.page.inner_text("#effects p") == effects_caption(study_effects(SPEC, TRIALS))
    assert {urlsplit(url).netloc for url in seen.requests} == {urlsplit(address).netloc}

    # a click on a point shows its architecture, and how to export it
    point = VIEW.group(PointGroup.FRONT)[0]
    seen.page.mouse.move(*seen.at("front", "on the front", 0))
    seen.page.wait_for_selector("#front .hoverlayer .hovertext")
    seen.page.mouse.click(*seen.at("front", "on the front", 0))
    seen.page.wait_for_selector("#command")
    assert f"nas export {SPEC.name} --trial {point.number} -o" in seen.page.inner_text("#command")
    assert point.architecture.text in seen.page.inner_text("#detail")
    ringed(seen, 1)
    layers = len(SPEC.deployed_layers(point.architecture))
    assert seen.page.locator("#layer-table tr").count() == 0  # it is made when it is opened
    seen.page.focus("#layers summary")
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector("#layer-table tbody tr")
    assert seen.page.locator("#layer-table tbody tr").count() == layers
    assert seen.page.url == f"{address}{STUDY}/trial/{point.number}"
    seen.page.click("#table th:nth-child(4) button")  # sorting keeps the choice
    seen.page.wait_for_selector('#table th[aria-sort="ascending"]')
    first = min(VIEW.points, key=lambda p: p.cost.madds)
    assert seen.page.inner_text("#table tbody tr:first-child td:first-child") == str(first.number)
    assert seen.page.locator("#command").is_visible()
    assert seen.page.locator("#table tr.chosen").get_attribute("id") == f"trial-{point.number}"
    seen.page.click("#detail button:has-text('Close')")
    ringed(seen, 0)
    assert seen.page.locator("#table tr.chosen").count() == 0
    assert seen.complaints == []


@pytest.mark.slow
def test_networks_are_pinned_at_once_and_kept_in_the_address(visit: Any, address: str) -> None:
    one, other = VIEW.group(PointGroup.FRONT)[:2]
    seen = drawn(visit(f"{address}{STUDY}?with=none"))
    star = f"#trial-{one.number} [data-pin]"
    held: list[Any] = []  # requests that the server does not answer
    seen.page.route("**/_dash-update-component", lambda route: held.append(route))
    seen.page.click(star)
    ringed(seen, 1)
    assert seen.page.get_attribute(star, "aria-pressed") == "true"
    assert seen.page.locator("#table tr.pinned").get_attribute("id") == f"trial-{one.number}"
    place = VIEW.group(PointGroup.FRONT).index(other)
    seen.page.keyboard.down("Shift")
    seen.page.mouse.click(*seen.at("front", "on the front", place))
    seen.page.keyboard.up("Shift")
    ringed(seen, 2)
    pins = f"compare={one.number}&compare={other.number}"
    assert seen.page.url == f"{address}{STUDY}?with=none&{pins}"
    seen.page.unroute("**/_dash-update-component")
    for route in held:
        route.continue_()
    seen.page.wait_for_selector(f"#compare table [data-pin='{other.number}']")
    seen.page.click(f"#compare table [data-pin='{one.number}']")
    seen.page.wait_for_selector("#table tr.pinned", state="attached")
    seen.page.wait_for_selector(f"#compare table [data-pin='{one.number}']", state="detached")
    assert seen.page.url == f"{address}{STUDY}?with=none&compare={other.number}"
    assert seen.complaints == []


@pytest.mark.slow
def test_the_theme_is_chosen_by_keyboard_at_once_and_kept_in_the_address(
    visit: Any, address: str
) -> None:
    seen = drawn(visit(address + STUDY, color_scheme="light"))
    colour = "getComputedStyle(document.body).backgroundColor"
    light = seen.page.evaluate(colour)
    seen.page.focus("#theme input[value=system]")
    seen.page.keyboard.press("ArrowUp")
    seen.page.wait_for_url("**theme=dark")
    dark = seen.page.evaluate(colour)
    assert dark != light
    paper = "document.querySelector('#front .js-plotly-plot').layout.paper_bgcolor"
    seen.page.wait_for_function(f"{paper} === '#161b22'", timeout=15_000)
    seen.page.emulate_media(color_scheme="dark")
    seen.page.click("#theme label:has-text('light')")
    seen.page.wait_for_url("**theme=light")
    assert seen.page.evaluate(colour) == light
    seen.page.click("#home")
    seen.page.click(f"#studies a:has-text('{SPEC.name}')")
    drawn(seen)
    assert seen.page.url == f"{address}{STUDY}?theme=light"
    assert seen.page.evaluate(colour) == light
    assert seen.page.is_checked("#theme input[value=light]")
    seen.page.click("#theme label:has-text('system')")
    seen.page.wait_for_url(address + STUDY)
    assert seen.page.evaluate(colour) == dark
    assert seen.complaints == []


def test_a_new_trial_appears_by_itself_and_a_lost_database_is_said(
    visit: Any, own_address: str, own: Path
) -> None:
    seen = drawn(visit(own_address + STUDY))
    number = len(TRIALS)
    winner = replace(
        TRIALS[-4],
        number=number,
        state=TrialState.COMPLETE,
        measurements=tuple(with_metrics(m, top1_error=0.001) for m in TRIALS[0].measurements),
        finished_at=None,
        seconds=12.0,
    )
    steps = "document.querySelector('#edf .js-plotly-plot').data[0].x.length"
    seen.page.wait_for_selector("#edf .scatterlayer .trace", timeout=30_000)
    before = seen.page.evaluate(steps)
    seen.page.evaluate(f"Object.defineProperty(document, 'hidden', {HIDDEN})")
    seen.page.wait_for_timeout(POLL)
    asked = len(seen.requests)
    with open_store(str(own)) as store:
        store_trial(store, SPEC.name, winner)
    seen.page.wait_for_timeout(3 * POLL)
    assert len(seen.requests) == asked  # a hidden page asks for nothing
    seen.page.evaluate("delete document.hidden")
    seen.page.wait_for_selector(f"#summary:has-text('(trial {number})')", timeout=15_000)
    seen.page.wait_for_timeout(POLL)
    assert seen.page.evaluate(steps) == before  # out of sight
    assert seen.page.locator(f"#trial-{number}").count() == 0
    seen.page.locator("#edf-card").scroll_into_view_if_needed()
    seen.page.wait_for_function(f"{steps} > {before}", timeout=15_000)
    seen.page.wait_for_selector(f"#trial-{number}", timeout=15_000)
    for file in own.parent.glob("nas.db*"):
        file.rename(file.with_name("gone-" + file.name))
    seen.page.wait_for_selector("#status:has-text('Stale since')", timeout=15_000)
    assert seen.page.locator(f"#trial-{number}").count() == 1
    for file in own.parent.glob("gone-*"):
        file.rename(file.with_name(file.name.removeprefix("gone-")))
    seen.page.wait_for_selector("#status:has-text('read at')", timeout=15_000)


@pytest.mark.slow
def test_a_missing_page_leads_to_the_list_which_is_searched_and_leads_to_a_study(
    visit: Any, own_address: str, own: Path
) -> None:
    store_study(own, replace(SPEC, name="other-study"), TRIALS[:4])
    seen = visit(f"{own_address}study/none")
    seen.page.wait_for_selector("#missing-page h1", timeout=30_000)
    assert "There is no study 'none'" in seen.page.inner_text("#missing-page")
    assert seen.page.locator(f"#missing-page a:has-text('{SPEC.name}')").count() == 1
    seen.page.click("#home")
    seen.page.wait_for_selector("#studies tbody tr:nth-child(2)", timeout=30_000)
    seen.page.fill("#find", "igcv3-300")
    seen.page.wait_for_selector("#studies tbody tr:nth-child(2)", state="detached")
    seen.page.click(f"#studies a:has-text('{SPEC.name}')")
    drawn(seen)
    assert seen.page.url == own_address + STUDY
    seen.page.click("text=All studies")
    seen.page.click("[aria-label='rename or delete other-study']")
    seen.page.wait_for_selector("#change #delete-command:has-text('nas delete other-study')")
    assert seen.page.locator("#change input").count() == 0
    seen.page.keyboard.press("Escape")
    assert not seen.page.locator("#change").is_visible()
    seen.page.goto(f"{own_address}?key={KEY}")
    seen.page.click("[aria-label='rename or delete other-study']")
    seen.page.fill("#typed-name", "other-study")
    seen.page.click("#delete-study")
    seen.page.wait_for_selector("#change-text:has-text('deleted other-study')", timeout=30_000)
    seen.page.click("#close-change")
    seen.page.wait_for_selector("#studies tbody tr:nth-child(2)", state="detached")
    assert seen.page.url == own_address  # the key is not in what a reader sends
    assert [said for said in seen.complaints if "404 (NOT FOUND)" not in said] == []


def test_a_view_is_its_address(visit: Any, address: str) -> None:
    """Axes, colour, ceiling and comparison survive a reload, and the marked trial is ringed."""
    one, other = VIEW.group(PointGroup.FRONT)[:2]
    seen = drawn(
        visit(f"{address}{STUDY}/trial/{one.number}?x=params&colour=g1&hide=stopped"
              f"&compare={one.number}&compare={other.number}")
    )  # fmt: skip
    seen.page.wait_for_selector("#compare table")
    assert "trainable parameters" in seen.page.inner_text("#x")
    traces = seen.page.evaluate(
        "document.querySelector('#front .js-plotly-plot').data.map(t => [t.name, t.x.length])"
    )
    assert dict(traces)["stopped early"] == 0
    assert dict(traces)["chosen"] == 2
    for point in (one, other):
        star = f"#trial-{point.number} [data-pin]"
        assert seen.page.get_attribute(star, "aria-pressed") == "true"
    seen.page.fill("#under", f"{other.cost.params / 1e6:.6f}M")
    seen.page.press("#under", "Enter")
    seen.page.wait_for_selector("#best-under:has-text('trial')")
    view = study_view(SPEC, TRIALS, axes=("params", None))
    best = view.best_under(other.cost.params + 1)
    assert best is not None
    assert best.label in seen.page.inner_text("#best-under")
    assert "under=" in seen.page.url
    seen.page.reload()
    drawn(seen)
    seen.page.wait_for_selector(f"#best-under:has-text('{best.label}')")
    seen.page.click("#detail button:has-text('Close')")
    seen.page.wait_for_url(lambda url: "/trial/" not in url)

    # the ceiling is a line that can be dragged
    before = PageState.of(*urlsplit(seen.page.url)[2:4]).under
    assert before is not None
    x, y, step = seen.page.evaluate(
        """under => {
            const gd = document.querySelector('#front .js-plotly-plot');
            gd.scrollIntoView({block: 'center'});
            const {xaxis, _size} = gd._fullLayout, box = gd.getBoundingClientRect();
            return [box.x + _size.l + xaxis.d2p(under), box.y + _size.t + _size.h / 3,
                    xaxis.d2p(1.25 * under) - xaxis.d2p(under)];
        }""",
        before,
    )
    seen.page.mouse.move(x, y)
    seen.page.mouse.down()
    seen.page.mouse.move(x + step / 2, y)
    seen.page.mouse.move(x + step, y)
    seen.page.mouse.up()
    seen.page.wait_for_url(lambda url: PageState.of(*urlsplit(url)[2:4]).under != before)
    under = PageState.of(*urlsplit(seen.page.url)[2:4]).under
    assert under == pytest.approx(1.25 * before, rel=0.02)
    best = view.best_under(under or 0.0)
    seen.page.wait_for_selector(f"#best-under:has-text('{best.label if best else None}')")
    assert seen.complaints == []
