"""axe-core finds no serious fault in any page, light or dark, wide or as narrow as a phone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.figures import write_report
from nas.results import explain
from nas.results.point import PointGroup
from tests.browser.served import served
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study
from tests.studies import study_view

pytestmark = pytest.mark.browser

SPEC = make_spec()
TRIALS = make_trials(SPEC, candidates=40)
FRONT = study_view(SPEC, TRIALS).group(PointGroup.FRONT)
ONE, OTHER = (point.number for point in FRONT[:2])
STUDY = f"study/{SPEC.name}/trial/{ONE}?compare={ONE}&compare={OTHER}"
PAGES = {  # a path, and what shows that its page is drawn
    "": ("#studies tbody tr",),
    STUDY: ("#effects .main-svg", "#detail img", "#compare table", "#table tbody tr"),
    "study/none": ("#missing-page h1",),
}
LOOKS = (("light", 1400), ("dark", 400))  # colours do not depend on the width


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    database = tmp_path_factory.mktemp("pages") / "nas.db"
    store_study(database, SPEC, TRIALS)
    store_study(database, replace(SPEC, name="other"), TRIALS[:4])
    with served(database) as address:
        yield address


@pytest.mark.parametrize("path", list(PAGES))
def test_no_page_of_the_dashboard_has_a_serious_fault(visit: Any, address: str, path: str) -> None:
    seen = visit(address + path, bypass_csp=True)
    for part in PAGES[path]:
        seen.page.wait_for_selector(part, timeout=30_000)
    if path == STUDY:
        seen.page.click("#shown label:nth-child(2)")
        seen.page.wait_for_url("**hide=**")
    for scheme, width in LOOKS:
        seen.page.emulate_media(color_scheme=scheme)
        seen.page.set_viewport_size({"width": width, "height": 900})
        assert not faults(seen.page), (scheme, width)
    if path == "":
        seen.page.click("[aria-label='rename or delete other']")
        seen.page.wait_for_selector("#change #delete-command")
        assert not faults(seen.page)


def test_no_report_has_a_serious_fault(visit: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(study_view(SPEC, TRIALS), path, explain(SPEC, TRIALS, "nas proxies x --compute"))
    seen = visit(path.as_uri(), bypass_csp=True)
    seen.page.wait_for_selector("#effects .main-svg")
    for scheme, width in LOOKS:
        seen.page.emulate_media(color_scheme=scheme)
        seen.page.set_viewport_size({"width": width, "height": 900})
        assert not faults(seen.page), (scheme, width)


def faults(page: Any) -> list[str]:
    """Return what axe-core calls serious or critical, with the elements; rows are alike."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    rows = {"exclude": [["tbody > tr:nth-child(n+12)"]]}
    less = {"resultTypes": ["violations"]}  # axe describes the elements of all other rules, too
    violations = axe.Axe().run(page, rows, less).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:200] for node in each['nodes'][:5]]}"
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]
