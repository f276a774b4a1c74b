"""What open pages cost a running search: its processor time without and with 20 of them.

A search of the digits on one worker runs twice with the same seed; the second time `--dashboard`
serves its page, and headless Chromium keeps it open 20 times. The processor time of the search is
that of its driver and all its descendants (Ray, the worker) but the server of the page, which is
given apart. Chromium is not part of it: readers have their own machines.

    python benchmarks/bm_open_pages.py [--pages 20] [--trials 12] [--repeats 2]
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
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from nas.interruption import descendants

NAS = Path(sys.executable).with_name("nas")
WORDS = "search --budget 40M-flops --sampler random --max-concurrent 1 --confirm 0 --no-published"
SERVER = b"multiprocessing.spawn"


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


def searched(trials: int, browser: Browser, pages: int) -> tuple[float, float, float]:
    """Return the seconds of a search by the clock, of its processors, and of its server."""
    more = ["--trials", str(trials), *(["--dashboard"] if pages else [])]
    spent: dict[int, float] = {}
    servers: set[int] = set()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        words = [NAS, *WORDS.split(), *more]
        with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as search:
            assert search.stdout is not None
            line = next(line for line in search.stdout if line.startswith("page"))
            opened = [browser.new_page() for _ in range(pages)]
            for page in opened:
                page.goto(line.split()[1], timeout=180_000)
            while search.poll() is None:
                followed(search.pid, spent, servers)
                time.sleep(0.5)
            for page in opened:
                page.close()
        clock = time.monotonic() - began
    server = sum(spent[process] for process in servers)
    return clock, sum(spent.values()) - server, server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=2)
    asked = parser.parse_args()
    print(
        f"{asked.trials} candidates of the digits, one worker; Python "
        f"{platform.python_version()}, {os.cpu_count()} CPU cores, load {os.getloadavg()[1]:.0f}\n"
    )
    print(
        "| open pages | clock | processor time of the search | of the server "
        "| per page and minute |\n|---|---|---|---|---|"
    )
    with sync_playwright() as api:
        chromium = api.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for pages in (0, asked.pages):
            found = [searched(asked.trials, chromium, pages) for _ in range(asked.repeats)]
            medians = [statistics.median(one) for one in zip(*found, strict=True)]
            cells = [f"{one:.1f} s" for one in medians]
            cells.append(f"{60 * medians[2] / medians[0] / pages:.2f} s" if pages else "–")
            print(f"| {pages} | {' | '.join(cells)} |", flush=True)
        chromium.close()


if __name__ == "__main__":
    main()
