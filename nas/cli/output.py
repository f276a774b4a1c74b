"""Tables, JSON and numbers on the screen; `--json` prints the same rows as the table."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click


def echo_json(value: Any) -> None:
    """Print `value` as JSON on stdout."""
    click.echo(json.dumps(value, indent=1, default=str))


def table(
    title: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], numbers: str = ""
) -> None:
    """Print rows under the headings of `columns` (key -> heading); `numbers` align right."""
    from rich.console import Console
    from rich.table import Table

    right = set(numbers.split())
    grid = Table(
        title=title or None, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for key, heading in columns.items():
        grid.add_column(heading, justify="right" if key in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(str(row.get(key, "")) for key in columns), style=row.get("_style"))
    width = None if sys.stdout.isatty() else 200
    Console(highlight=False, width=width, markup=False).print(grid)


def percent(share: float | None) -> str:
    """Return a share as a percentage, e.g. `3.42 %`."""
    return "" if share is None else f"{100 * share:.2f} %"


def duration(seconds: float) -> str:
    """Return a duration as `1 h 05 min`, `4 min 12 s` or `12 s`."""
    total = round(seconds)
    if total >= 3600:
        return f"{total // 3600} h {total % 3600 // 60:02d} min"
    return f"{total // 60} min {total % 60:02d} s" if total >= 60 else f"{total} s"
