"""The dashboard in a headless Chromium, over a store with one large study and many small ones.

The times are those that a reader waits for: from the address to the first paint, to the drawn list
or front, from a click on a row to its details, and of one poll while trials are recorded. The bytes
are those that came over the network. Chromium must be installed.

    python benchmarks/bm_dashboard.py [--trials 50000] [--studies 500] [--db URL]

With --db a database is filled (or read, where it has the studies already) and kept.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bm_store import NAME, drawn, fill, spec_of
from playwright.sync_api import Browser, Page, sync_playwright

from nas.store import Store, open_store

EPOCHS = 9
SMALL = 33  # trials of each of the other studies
LONGEST = 180_000  # milliseconds to wait for anything


def prepared(store: Store, trials: int, studies: int) -> None:
    """Fill the store with what it does not have yet."""
    names = set(store.names())
    if NAME not in names:
        fill(store, trials, EPOCHS)
    made = list(drawn(spec_of(SMALL, EPOCHS), SMALL))
    for number in range(studies):
        name = f"small-{number}"
        if name in names:
            continue
        spec = replace(spec_of(SMALL, EPOCHS), name=name)
        store.create_study(spec, {"nas": "0"})
        with store.together(name):
            for trial in made:
                store.insert_trial(name, trial)
        store.set_state(name, "INTERRUPTED")


@contextmanager
def served(db: str) -> Iterator[tuple[str, int]]:
    """Serve the database as a user does; yield the address and the process id."""
    nas = Path(sys.executable).with_name("nas")
    words = [nas, "dashboard", "--db", db, "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as it:
        assert it.stdout is not None
        line = next(line for line in it.stdout if "http://" in line)
        try:
            yield line[line.index("http://") :].split()[0], it.pid
        finally:
            it.terminate()


class Reading:
    """One open page, and how long its reader waited for each thing, in seconds."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.seconds: dict[str, list[float]] = {}
        self.bytes = 0
        client = page.context.new_cdp_session(page)
        client.send("Network.enable")
        client.on("Network.loadingFinished", self._count)

    def _count(self, event: Any) -> None:
        self.bytes += int(event["encodedDataLength"])

    def wait(self, what: str, selector: str, began: float) -> None:
        self.page.wait_for_selector(selector, timeout=LONGEST)
        self.seconds.setdefault(what, []).append(time.monotonic() - began)

    def click(self, row: int, what: str) -> None:
        button = self.page.locator("#table tbody tr button:not(.pin)").nth(row)
        shown = self.page.locator("#command").all_inner_texts()
        began = time.monotonic()
        button.click()
        changed = "old => { const it = document.querySelector('#command');"
        changed += " return it && it.innerText !== old }"
        self.page.wait_for_function(changed, arg=shown[0] if shown else "", timeout=LONGEST)
        self.seconds.setdefault(what, []).append(time.monotonic() - began)

    def open(self, address: str, what: str, selector: str) -> None:
        began = time.monotonic()
        self.page.goto(address, timeout=LONGEST)
        paints = "performance.getEntriesByType('paint').map(entry => entry.startTime)"
        self.page.wait_for_function(f"{paints}.length", timeout=LONGEST)
        first = min(self.page.evaluate(paints)) / 1000
        self.seconds.setdefault(f"{what}: first paint", []).append(first)
        self.wait(f"{what}: drawn", selector, began)


def polls(page: Page) -> list[float]:
    """Return the seconds that each answer of the server took, of those after the first drawing."""
    found: list[float] = page.evaluate(
        "performance.getEntriesByType('resource').filter(entry =>"
        " entry.name.includes('_dash-update-component')).map(entry => entry.duration / 1000)"
    )
    return found


def read(browser: Browser, address: str, store: Store, trials: int) -> dict[str, str]:
    """Return each figure as text."""
    reading = Reading(browser.new_page())
    reading.open(address, "list of studies", "#studies tbody tr")
    reading.bytes = 0
    reading.open(f"{address}study/{NAME}", "large study", "#front .scatterlayer .trace")
    reading.page.wait_for_selector("#table tbody tr button:not(.pin)", timeout=LONGEST)
    size = reading.bytes
    reading.click(0, "large study: click to detail, while the rest loads")
    for row in (1, 2, 3):
        time.sleep(3.0)
        reading.click(row, "large study: click to detail")
    before = len(polls(reading.page))
    for trial in drawn(spec_of(trials, EPOCHS), 20):
        store.insert_trial(NAME, replace(trial, number=trials + trial.number))
        time.sleep(0.5)
    reading.seconds["large study: a poll, written to"] = polls(reading.page)[before:]
    reading.page.close()
    table = {what: median(values) for what, values in reading.seconds.items()}
    return table | {"large study: sent": f"{size / 1e6:.1f} MB"}


def memory(process: int) -> str:
    """Return the resident memory of a process (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return f"{pages * os.sysconf('SC_PAGE_SIZE') / 1e6:.0f} MB"


def median(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f}) s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--trials", type=int, default=50_000)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--db", default=None)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        db = asked.db or str(Path(folder) / "nas.db")
        with open_store(db) as store:
            began = time.monotonic()
            prepared(store, asked.trials, asked.studies)
            print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
            with sync_playwright() as api, served(db) as (address, server):
                chromium = api.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                found = read(chromium, address, store, len(store.trials(NAME)))
                found["memory of the server"] = memory(server)
                chromium.close()
    print(
        f"{asked.trials:,} trials in one study, {asked.studies} studies of {SMALL}; "
        f"Python {platform.python_version()}, {os.cpu_count()} CPU cores\n"
    )
    print("| what | found |\n|---|---|")
    for what, value in found.items():
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
