"""Tables, JSON, numbers and failures on the screen; `--json` prints the rows of the table."""

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import click

from nas.units import plural as plural


def echo_json(value: Any) -> None:
    """Print `value` as JSON on stdout."""
    click.echo(json.dumps(value, indent=1, default=str))


_GAP = "  "
_LEAST = 8  # minimum width of text columns


def terminal_width() -> int | None:
    """Return the width of the terminal on stdout, None for a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(
    title: str,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    numbers: str = "",
    optional: str = "",
) -> None:
    """Print rows under the headings of `columns` (key -> heading); `numbers` align right.

    A pipe gets each row on one line of any length. For a terminal, lines are limited to its width:
    columns of `optional` are omitted in order, then the longest texts are shortened. The names of
    omitted columns are printed below the table.
    """
    cells = {
        key: [heading, *[str(row.get(key, "")) for row in rows]] for key, heading in columns.items()
    }
    widths = {key: max(map(len, column)) for key, column in cells.items() if any(column)}
    right = set(numbers.split())
    terminal = terminal_width()
    left_out = _fit(widths, optional.split(), right, terminal) if terminal else []
    padded = [
        _padded(cells[key], width, str.rjust if key in right else str.ljust)
        for key, width in widths.items()
    ]
    if title:
        paragraph(title)
    click.echo("\n".join([_GAP.join(row).rstrip() for row in zip(*padded, strict=True)]))
    names = [columns[key] for key in left_out if columns[key]]
    if names:
        paragraph(f"(not shown on this narrow terminal: {', '.join(names)})")


def _padded(cells: Sequence[str], width: int, pad: Callable[[str, int], str]) -> list[str]:
    return [pad(cell if len(cell) <= width else shortened(cell, width), width) for cell in cells]


def _fit(
    widths: dict[str, int], optional: Sequence[str], numbers: Collection[str], terminal: int
) -> list[str]:
    """Reduce `widths` to fit into `terminal`; return the keys of the omitted columns.

    Columns of `optional` are omitted first, then texts are shortened, then columns are omitted from
    the right.
    """
    left_out: list[str] = []
    hide = [key for key in optional if key in widths]
    while sum(widths.values()) + len(_GAP) * (len(widths) - 1) > terminal:
        longest = max((key for key in widths if key not in numbers), key=widths.get, default="")  # type: ignore[arg-type]
        if hide or (widths.get(longest, 0) <= _LEAST and len(widths) > 1):
            left_out.append(hide.pop(0) if hide else list(widths)[-1])
            del widths[left_out[-1]]
        elif widths.get(longest, 0) > 1:
            widths[longest] -= 1
        else:
            break
    return left_out


def shortened(text: str, width: int) -> str:
    """Return `text` with at most `width` characters; … replaces the removed part.

    A sentence loses its end. A name, an id or a path loses its middle, because similar names often
    differ at the end.
    """
    if len(text) <= width:
        return text
    end = 0 if " " in text else (width - 1) // 2
    return f"{text[: width - 1 - end].rstrip()}…{text[len(text) - end :]}"


def paragraph(text: str, indent: str = "") -> None:
    """Print a text, wrapped to the terminal; further lines are indented."""
    terminal = terminal_width()
    if terminal is None:
        click.echo(text)
        return
    width = max(terminal, len(indent) + 20)
    for line in text.splitlines() or [""]:
        broken = textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)
        click.echo("\n".join(broken))


def field(name: str, text: str, width: int = 11) -> None:
    """Print a name and a text, wrapped to the terminal."""
    start, terminal = f"{name:<{width}} ", terminal_width()
    lines = [f"{start}{text}".rstrip()]
    if terminal:
        indent = " " * (width + 1)
        lines = textwrap.wrap(
            text,
            max(terminal, len(start) + 20),
            initial_indent=start,
            subsequent_indent=indent,
            break_on_hyphens=False,
        ) or [start.rstrip()]
    click.echo("\n".join(lines))


def size(number: int) -> str:
    """Return the size of a space: exact if it is short, otherwise as 1.17e+31."""
    return f"{number:,}" if number < 10**7 else f"{number:.3g}"


def share(low: float, high: float, total: float) -> str:
    """Return the share of `total` between two bounds, e.g. `28.4 to 28.5 %`."""
    shares = [f"{100 * part / total:.3g}" for part in (low, high)]
    return f"{' to '.join(dict.fromkeys(shares))} %"


def say_failure(cause: str, remedy: str, error: BaseException | None = None) -> None:
    """Print two lines on stderr, and the notes of `error`."""
    notes = [f"     {note}" for note in getattr(error, "__notes__", ())]
    text = "\n".join([f"nas: {cause}", f"     {remedy}", *notes])
    click.echo("".join(map(_shown, text)), err=True)


def _shown(character: str) -> str:
    """Return a character of a message, escaped if it is a control character of a terminal."""
    is_text = character.isprintable() or character == "\n" or "\ud800" <= character <= "\udfff"
    return character if is_text else repr(character)[1:-1]
