"""Python statements in lines of 100 columns, broken as a formatter breaks them."""

import textwrap
from collections.abc import Sequence

_LIMIT = 100


def fits(line: str) -> bool:
    """Tell whether `line` may stay one line."""
    return len(line) <= _LIMIT


def bracketed(start: str, items: Sequence[str], end: str) -> list[str]:
    """Return `start`, the items and `end` on one line, or with a line for each item."""
    line = f"{start}{', '.join(items)}{end}"
    if fits(line) or not items:
        return [line]
    indent = " " * (len(start) - len(start.lstrip()))
    return [start, *(f"{indent}    {item}," for item in items), f"{indent}{end}"]


def docstring(text: str, indent: str) -> list[str]:
    """Return a docstring: a first line that must fit, and wrapped paragraphs below it."""
    summary, *paragraphs = text.split("\n\n")
    if not paragraphs:
        return [f'{indent}"""{summary}"""']
    lines = [f'{indent}"""{summary}']
    for paragraph in paragraphs:
        lines += ["", *textwrap.wrap(paragraph, _LIMIT, initial_indent=indent,
                                     subsequent_indent=indent)]  # fmt: skip
    return [*lines, f'{indent}"""']
