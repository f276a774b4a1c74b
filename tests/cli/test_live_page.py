"""`--dashboard`: the page opens in a browser where there is a screen, and ends with its study."""

import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from nas.cli.study_screen import LivePage
from tests.figures.drawn_study import make_spec
from tests.figures.stored import store_study

SPEC = make_spec()


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which the user's browser writes the addresses that it opens."""
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f"#!/bin/sh\necho $1 >> {opened}\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    for screen in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(screen, raising=False)
    store_study(tmp_path / "nas.db", SPEC, [])
    return opened


@pytest.mark.parametrize("screen", [True, False])
def test_a_browser_opens_only_where_there_is_a_screen(
    tmp_path: Path, opened: Path, monkeypatch: pytest.MonkeyPatch, screen: bool
) -> None:
    if screen:
        monkeypatch.setenv("DISPLAY", ":0")
    page = LivePage(str(tmp_path / "nas.db"))
    shown = page.show(SPEC.name)
    assert page.show("other") == shown.replace(SPEC.name, "other")  # the same server
    answered(shown)
    until = time.monotonic() + 10
    while screen and not opened.exists() and time.monotonic() < until:
        time.sleep(0.05)
    page.close()
    assert (opened.read_text().split() if opened.exists() else []) == [shown] * screen
    with pytest.raises(URLError):
        urlopen(shown, timeout=5)


def answered(url: str) -> None:
    """Wait until the page answers."""
    until = time.monotonic() + 60
    while True:
        try:
            urlopen(url, timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.1)
