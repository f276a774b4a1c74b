"""A real Chromium, and pages that remember every request, message and error."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Visit:
    """A page with all that it asked for and complained of."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the listeners that remember."""
        self.listeners: dict[str, Callable[[Any], None]] = {
            "request": lambda request: self.requests.append(request.url),
            "pageerror": lambda error: self.complaints.append(str(error)),
            "console": self._complain,
        }

    def _complain(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def at(self, graph: str, trace: str, index: int) -> tuple[float, float]:
        """Return the position of a point of a figure in the window, scrolled into view."""
        self.page.wait_for_selector(f"#{graph} .main-svg", state="attached")
        found: tuple[float, float] = self.page.evaluate(
            """([id, name, index]) => {
                const gd = document.getElementById(id).querySelector('.js-plotly-plot')
                    || document.getElementById(id);
                gd.scrollIntoView({block: 'center'});
                const trace = gd._fullData.find(t => t.name === name && t.mode === 'markers');
                const {xaxis, yaxis, _size} = gd._fullLayout, box = gd.getBoundingClientRect();
                return [box.x + _size.l + xaxis.d2p(trace.x[index]),
                        box.y + _size.t + yaxis.d2p(trace.y[index])];
            }""",
            [graph, trace, index],
        )
        return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # It ends with its module: a process that later tests fork would hold its pipe open, and the
    # browser's driver would wait for the end of that process. ("package" means the whole session
    # where a folder has no __init__.py.)
    if CHROMIUM is None or not Path(CHROMIUM).exists():
        pytest.skip("there is no Chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def tabs(browser: Any) -> dict[str, Any]:
    """Free pages of the browser by the options of their context: scripts are compiled once."""
    return {}


@pytest.fixture
def visit(browser: Any, tabs: dict[str, Any]) -> Iterator[Any]:
    """Return a function that opens an address; its options are those of a browser context."""
    used: list[tuple[Visit, dict[str, Any]]] = []

    def open_page(url: str, **options: Any) -> Visit:
        page = tabs.pop(repr(options), None) or browser.new_context(**options).new_page()
        opened = Visit(page)
        used.append((opened, options))
        for event, listener in opened.listeners.items():
            page.on(event, listener)
        page.goto(url)
        return opened

    yield open_page
    for opened, options in used:
        page = opened.page
        for event, listener in opened.listeners.items():
            page.remove_listener(event, listener)
        page.goto("about:blank")
        page.set_viewport_size(options.get("viewport", {"width": 1280, "height": 720}))
        page.emulate_media(color_scheme=options.get("color_scheme", "light"))
        page.mouse.move(0, 0)
        tabs[repr(options)] = page
