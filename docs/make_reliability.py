"""Write docs/reliability.md from the table of faults and the last results.

    python docs/make_reliability.py [JUNIT.xml …] [SOAK.json …]

The results of the given files replace those in tests/faults/results.json; `make soak` gives both.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.faults.matrix import ROWS, UNTESTED  # noqa: E402

TARGET = Path(__file__).with_name("reliability.md")
RESULTS = ROOT / "tests" / "faults" / "results.json"
_HEAD = """# Reliability

This page lists faults from outside of a study, such as a lost worker or a full disk, with their
effect on the study. `python docs/make_reliability.py` writes it from `tests/faults/matrix.py`, with
the results of the last `make soak`; a test compares this page with the table.

A finished trial is never lost, never changed and never counted twice. A trial fails only if its
network cannot be trained. When a study ends early, the message names the command that continues it.

| Fault | Effect | Test | Last result |
|---|---|---|---|
"""
_UNTESTED = """

## Faults without their own test

"""
_SOAK = """
## Soak

The soak test (`tests/faults/soak.py`) causes random faults, drawn by seed, in studies with real Ray
workers. Their evaluator does not train networks. Each study is compared with the same study without
faults.

"""


def render(results: dict[str, Any]) -> str:
    """Return the page."""
    tests = results.get("tests", {})
    rows = [
        f"| {row.fault} | {row.promise} | `{row.test}` | {tests.get(row.test, 'not recorded')} |"
        for row in ROWS
    ]
    untested = [f"- {fault}: {why}" for fault, why in UNTESTED.items()]
    parts = _HEAD, "\n".join(rows), _UNTESTED, "\n".join(untested), "\n", _SOAK
    return "".join(parts) + _soaks(results.get("soaks", {}))


def _soaks(soaks: dict[str, dict[str, Any]]) -> str:
    if not soaks:
        return "No soak is recorded.\n"
    names = list(dict.fromkeys(name for soak in soaks.values() for name in soak))
    lines = [f"|  | {' | '.join(soaks)} |", f"|---|{'---|' * len(soaks)}"]
    for name in names:
        cells = " | ".join(str(soak.get(name, 0)) for soak in soaks.values())
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines) + "\n"


def read_junit(path: Path) -> dict[str, str]:
    """Return the outcome of each test of the table in a JUnit file, with the date."""
    wanted = {row.test: row for row in ROWS}
    day = datetime.now(UTC).date().isoformat()
    found: dict[str, str] = {}
    for case in ElementTree.parse(path).iter("testcase"):
        file = case.get("classname", "").removeprefix("tests.").replace(".", "/")
        name = f"{file}.py::{case.get('name', '').partition('[')[0]}"
        if name not in wanted:
            continue
        kinds = {child.tag for child in case}
        failed = kinds & {"failure", "error"}
        outcome = "failed" if failed else "skipped" if "skipped" in kinds else "passed"
        if not found.get(name, "").startswith("failed"):
            found[name] = f"{outcome} {day}"
    return found


def main(paths: list[Path]) -> None:
    """Merge new results, and write the page."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for path in paths:
        if path.suffix == ".xml":
            results.setdefault("tests", {}).update(read_junit(path))
        else:
            soak = json.loads(path.read_text())
            results.setdefault("soaks", {})[soak.pop("database")] = soak
    if paths:
        results["tests"] = dict(sorted(results.get("tests", {}).items()))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    TARGET.write_text(render(results), encoding="utf-8")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
