"""Tables, JSON and numbers on the screen; `--json` prints the same rows as the table."""

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import click


def echo_json(value: Any) -> None:
    """Print `value` as JSON on stdout."""
    click.echo(json.dumps(value, indent=1, default=str))


_GAP = "  "


def terminal_width() -> int | None:
    """Return the columns of the terminal on stdout, None where it is a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(
    title: str,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    numbers: str = "",
    optional: str = "",
) -> None:
    """Print rows under the headings of `columns` (key -> heading); `numbers` align right.

    A pipe gets each row on one line, however long. Where a terminal is too narrow, columns of
    `optional` are left out, the first one first, and named below the table.
    """
    shown = {key: [heading, *_cells(rows, key)] for key, heading in columns.items()}
    shown = {key: cells for key, cells in shown.items() if any(cells)}
    width = terminal_width()
    left_out = _narrowed(shown, optional.split(), width) if width else []
    right = set(numbers.split())
    padded = [
        [f"{cell:{'>' if key in right else '<'}{_width(cells)}}" for cell in cells]
        for key, cells in shown.items()
    ]
    if title:
        click.echo(title)
    for row in zip(*padded, strict=True):
        click.echo(_GAP.join(row).rstrip())
    if left_out:
        names = ", ".join(columns[key] for key in left_out)
        click.echo(f"(not shown on this narrow terminal: {names})")


def _cells(rows: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    return [str(row.get(key, "")) for row in rows]


def _width(cells: Sequence[str]) -> int:
    return max(map(len, cells))


def _narrowed(shown: dict[str, list[str]], optional: Sequence[str], width: int) -> list[str]:
    """Take optional columns out of `shown` until `width` is enough; return their keys."""
    left_out = []
    for key in optional:
        wide = sum(_width(cells) + len(_GAP) for cells in shown.values()) - len(_GAP)
        if wide <= width:
            break
        if shown.pop(key, None) is not None:
            left_out.append(key)
    return left_out


def field(name: str, text: str, width: int = 11) -> None:
    """Print a name and a text beside it, broken between words where a terminal is narrow."""
    lines = [text]
    wide = terminal_width()
    if wide:
        lines = textwrap.wrap(text, max(wide - width - 1, 20), break_on_hyphens=False) or [""]
    for line in lines:
        click.echo(f"{name:<{width}} {line}")
        name = ""


def plural(number: int, noun: str) -> str:
    """Return `1 epoch`, `2 epochs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Return the size of a space: exact where a person can read it, else as 1.17e+31."""
    return f"{number:,}" if number < 10**7 else f"{number:.3g}"


def share(low: float, high: float, total: float) -> str:
    """Return which part of `total` lies between two bounds, e.g. `28.4 to 28.5 %`."""
    shares = [f"{100 * part / total:.3g}" for part in (low, high)]
    return f"{' to '.join(dict.fromkeys(shares))} %"
