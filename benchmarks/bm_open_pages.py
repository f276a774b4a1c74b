"""What open pages cost a running search: its time without and with 20 of them.

A search of the digits on one worker runs again and again with the same seed, in turn without a page
and with `--dashboard` and 20 open pages. The pages are light clients that send the requests which
one real page, recorded at the start, sends: readers have their own machines, and browsers on this
one would take most of its processor. With --browser they are pages of a headless Chromium.

The ratio is that of the seconds of an epoch with and without pages, paired by trial and epoch: a
geometric mean with its 95 % interval. The processor time of the search is that of its driver and
all its descendants (Ray, the worker) but the server of the page, which is given apart.

    python benchmarks/bm_open_pages.py [--quick] [--browser] [--pages 20] [--trials 4] [--repeats 3]
"""

import argparse
import math
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
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from replayed_page import Recorded, ReplayedPage, record

from nas.interruption import descendants
from nas.stats import t_reach
from nas.store import open_store

NAS = Path(sys.executable).with_name("nas")
WORDS = "search --budget 40M-flops --sampler random --max-concurrent 1 --confirm 0 --no-published"
SERVER = b"multiprocessing.spawn"
RECORDED_SECONDS = 12.0


@dataclass
class Found:
    """One search: its seconds by the clock, of its processors, of its server, and of each epoch."""

    clock: float
    search: float
    server: float
    epochs: dict[tuple[int, int], float]
    requests: int = 0


def seconds_of(process: int) -> float:
    """Return the processor time of a process (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def followed(driver: int, spent: dict[int, float], servers: set[int]) -> None:
    """Note the processor time of each process of a search, and which serve pages."""
    for process in (driver, *descendants(driver)):
        try:
            spent[process] = seconds_of(process)
            if SERVER in Path(f"/proc/{process}/cmdline").read_bytes():
                servers.add(process)
        except OSError:
            continue  # it has ended


def epochs_of(folder: str) -> dict[tuple[int, int], float]:
    """Return the seconds of each epoch of the only study, by trial and epoch."""
    with open_store(str(Path(folder) / "nas.db"), read_only=True) as store:
        trials = store.trials(store.names()[0])
    found: dict[tuple[int, int], float] = {}
    for trial in trials:
        before = 0.0
        for one in trial.measurements:
            found[trial.number, one.epoch] = one.seconds - before
            before = one.seconds
    return found


@contextmanager
def opened(
    browser: Browser, recorded: Recorded | None, address: str, pages: int
) -> Iterator[list[ReplayedPage]]:
    """Keep pages open: replayed ones, or those of a browser without a recording."""
    if recorded is None:
        shown = [browser.new_page() for _ in range(pages)]
        for page in shown:
            page.goto(address, timeout=180_000)
        yield []
        for page in shown:
            page.close()
        return
    clients = [ReplayedPage(recorded, address) for _ in range(pages)]
    for client in clients:
        client.start()
    yield clients
    for client in clients:
        client.stop()
        if client.problem or not client.requests:
            raise RuntimeError(client.problem or "a page asked for nothing")


@contextmanager
def searching(trials: int, served: bool) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Begin a search; yield it, its folder, and the address of its page."""
    more = ["--trials", str(trials), *(["--dashboard"] if served else [])]
    with tempfile.TemporaryDirectory() as folder:
        words = [NAS, *WORDS.split(), *more]
        with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as search:
            assert search.stdout is not None
            line = next(line for line in search.stdout if line.startswith("page"))
            yield search, folder, line.split()[1]


def searched(trials: int, browser: Browser, recorded: Recorded | None, pages: int) -> Found:
    """Run one search to its end, with open pages."""
    spent: dict[int, float] = {}
    servers: set[int] = set()
    began = time.monotonic()
    with searching(trials, pages > 0) as (search, folder, address):
        with opened(browser, recorded, address, pages) as clients:
            while search.poll() is None:
                followed(search.pid, spent, servers)
                time.sleep(0.5)
        clock = time.monotonic() - began
        server = sum(spent[process] for process in servers)
        asked = sum(client.requests for client in clients)
        return Found(clock, sum(spent.values()) - server, server, epochs_of(folder), asked)


def recorded_page(browser: Browser) -> Recorded:
    """Record a page of a search that has begun, and end the search."""
    with searching(3, served=True) as (search, _, address):
        time.sleep(12.0)  # Ray starts, and the first trial trains
        found = record(browser, address, RECORDED_SECONDS)
        search.terminate()
        search.communicate()
    return found


def ratio_text(pairs: list[tuple[Found, Found]]) -> str:
    """Return the ratio of the seconds of an epoch with pages to those without."""
    logs = [
        math.log(pages.epochs[key] / alone.epochs[key])
        for alone, pages in pairs
        for key in sorted(alone.epochs.keys() & pages.epochs.keys())
    ]
    middle = statistics.fmean(logs)
    reach = t_reach(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    at, low, high = (math.exp(middle + each) for each in (0.0, -reach, reach))
    return f"{at:.3f} ({low:.3f} to {high:.3f}; {len(logs)} epochs in pairs)"


def row(pages: int, found: list[Found]) -> str:
    """Return the row of the table of searches with so many pages."""
    clock, search, server = (
        statistics.median(getattr(one, name) for one in found)
        for name in ("clock", "search", "server")
    )
    cells = [f"{clock:.1f} s", f"{search:.1f} s"]
    cells += [f"{server:.1f} s", f"{60 * server / clock / pages:.2f} s"] if pages else ["–", "–"]
    asked = statistics.median(one.requests for one in found) / clock / (pages or 1)
    return f"| {pages} | {' | '.join(cells)} | {f'{asked:.2f}' if asked else '–'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one pair of searches")
    parser.add_argument(
        "--browser", action="store_true", help="pages of a Chromium on this machine"
    )
    asked = parser.parse_args()
    print(
        f"{asked.trials} candidates of the digits, one worker; Python "
        f"{platform.python_version()}, {os.cpu_count()} CPU cores, load {os.getloadavg()[1]:.1f}\n"
    )
    with sync_playwright() as api:
        chromium = api.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        recorded = None if asked.browser else recorded_page(chromium)
        pairs = []
        for turn in range(1 if asked.quick else asked.repeats):
            found = {
                pages: searched(asked.trials, chromium, recorded, pages)
                for pages in ((0, asked.pages) if turn % 2 == 0 else (asked.pages, 0))
            }
            pairs.append((found[0], found[asked.pages]))
        chromium.close()
    print(
        "| open pages | clock | processor time of the search | of the server | per page and minute "
        "| requests of a page per second |\n|---|---|---|---|---|---|"
    )
    for place, pages in enumerate((0, asked.pages)):
        print(row(pages, [pair[place] for pair in pairs]))
    print(f"\nseconds of an epoch, with pages / without: {ratio_text(pairs)}")


if __name__ == "__main__":
    main()
