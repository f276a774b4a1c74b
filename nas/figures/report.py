"""The report: one HTML page that holds everything it shows and asks the network for nothing."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from nas.errors import ExportError
from nas.figures.curves import hypervolume_figure, learning_curves_figure
from nas.figures.front import GL_FROM, front_figure
from nas.figures.look import CONFIG, Look
from nas.figures.page import page_style, report_script
from nas.figures.table import HEADERS, NUMERIC, facts, row
from nas.stage_table import StageTable
from nas.view import Point, StudyView, duration, percent

Draw: TypeAlias = Callable[[StudyView, Look | None], go.Figure]
Patch: TypeAlias = tuple[list[str | int], Any]

_MAX_ROWS = 1000
_FIGURES: dict[str, tuple[str, str, Draw]] = {
    "front": (
        "Error against cost",
        "Down and left is better. The line bounds what the front dominates; the dashed line is "
        "the budget. A stopped trial stands where it was stopped, not where it would have ended.",
        front_figure,
    ),
    "curves": (
        "Learning curves",
        "The error after each epoch. Dotted lines are the rungs at which trials are judged.",
        learning_curves_figure,
    ),
    "hypervolume": (
        "Progress",
        "The share of the area between zero and the study's fixed reference point that the front "
        "dominates; more is better, flat means that the search no longer finds anything new.",
        hypervolume_figure,
    ),
}
# Inline code only, and no place from which anything may be fetched.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'{}; style-src 'unsafe-inline'; "
    "img-src data: blob:; form-action 'none'; base-uri 'none'"
)


def write_report(view: StudyView, path: Path) -> None:
    """Write the page to `path`, under its final name only when it is whole.

    Raises:
        ExportError: the directory is missing or not writable, or the disk is full.
    """
    page = report_html(view).encode()
    part = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            part = Path(file.name)
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        if part:
            with suppress(OSError):
                part.unlink()
        raise ExportError(
            f"the report {str(path)!r} cannot be written: {error.strerror or error}.",
            "Give another file with -o, in a directory that exists and is writable.",
        ) from error


def report_html(view: StudyView) -> str:
    """Return the page as text."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(view)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(view.name)}: report</title>
<link rel="icon" href="data:,">
<style>{page_style()}</style>
</head>
<body>
<main>
<header>
<h1>{escape(view.name)}</h1>
<p class="lead">{escape(view.summary)}</p>
{"".join(_remarks(view))}
</header>
{"".join(_figures(view))}
{_trials(view)}
{_settings(view)}
</main>
<script type="application/json" id="data">{_data(view)}</script>
<script>{get_plotlyjs()}</script>
<script>{report_script()}</script>
</body>
</html>
"""


def _policy(view: StudyView) -> str:
    """Return what the page may do; WebGL, for clouds of many points, compiles code at run time."""
    many = len(view.points) > GL_FROM
    return _POLICY.format(" 'unsafe-eval'" if many else "")


def _remarks(view: StudyView) -> Iterator[str]:
    if view.note:
        yield f'<p class="note">{escape(view.note)}</p>\n'
    tests = [point for point in view.points if point.test_error is not None]
    for point in tests:
        yield (
            f"<p>{escape(point.label)} on the test split, taken once: "
            f"<strong>{percent(point.test_error or 0.0)}</strong> error.</p>\n"
        )


def _figures(view: StudyView) -> Iterator[str]:
    for name, (heading, caption, _) in _FIGURES.items():
        label = view.summary if name == "front" else caption
        yield (
            f'<section class="card"><h2>{heading}</h2><p class="muted small">{caption}</p>'
            f'<div id="{name}" role="figure" aria-label="{escape(label)}"></div></section>\n'
        )


def _trials(view: StudyView) -> str:
    shown = view.points[:_MAX_ROWS]
    rest = len(view.points) - len(shown)
    more = f" The first {_MAX_ROWS} of {len(view.points)} are listed." if rest else ""
    heads = "".join(
        f'<th scope="col"{_number(head)}><button type="button">{head}</button></th>'
        for head in HEADERS
    )
    rows = "\n".join(_row(view, point) for point in shown)
    return (
        '<section class="card"><h2>Trials</h2>'
        f'<p class="muted small">The front first; a heading sorts by its column.{more}</p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of trials">'
        f'<table class="trials"><thead><tr>{heads}</tr></thead>\n<tbody>{rows}</tbody></table>'
        "</div></section>"
    )


def _row(view: StudyView, point: Point) -> str:
    cells = []
    for head, cell in zip(HEADERS, row(point), strict=True):
        key = "" if cell.key is None else escape(str(cell.key))
        text = escape(cell.text)
        if head == "Architecture":
            more = _stages(view.stage_table(point)) + _facts(point)
            text = f"<details><summary><code>{cell.key}</code></summary>{more}</details>"
        cells.append(f'<td data-key="{key}"{_number(head)}>{text}</td>')
    kind = point.group.value
    return f'<tr id="trial-{point.number}" class="{kind}">{"".join(cells)}</tr>'


def _stages(table: StageTable) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in table.header)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(value)}</td>' for value in values)}</tr>"
        for values in table.rows
    )
    shared = ", ".join(f"{key} {value}" for key, value in table.shared)
    line = f'<div class="small muted">all stages: {escape(shared)}</div>' if shared else ""
    return f'<table class="stages"><thead><tr>{heads}</tr></thead>{rows}</table>{line}'


def _facts(point: Point) -> str:
    lines = [f"{name}: {value}" for name, value in facts(point)]
    return "".join(f'<div class="small muted">{escape(line)}</div>' for line in lines)


def _number(head: str) -> str:
    return ' class="number"' if head in NUMERIC else ""


def _settings(view: StudyView) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in (*view.settings, ("Wall clock", duration(view.seconds)))
    )
    return (
        '<section class="card"><h2>Settings</h2>'
        f'<table class="settings small">{rows}</table></section>'
    )


def _data(view: StudyView) -> str:
    """Return the figures as JSON, light and wide, with patches that make them dark or narrow."""
    figures = {}
    for name, (_, _, draw) in _FIGURES.items():
        base = draw(view, Look()).to_plotly_json()
        figures[name] = {
            "figure": base,
            "dark": _difference(base, draw(view, Look(dark=True)).to_plotly_json()),
            "narrow": _difference(base, draw(view, Look(narrow=True)).to_plotly_json()),
        }
    text = json.dumps({"config": CONFIG, "figures": figures}, separators=(",", ":"))
    return text.replace("<", "\\u003c")  # no text of a study can end the script element


def _difference(base: Any, other: Any, path: tuple[str | int, ...] = ()) -> list[Patch]:
    """Return what must be set in `base`, path by path, to make it `other`."""
    if base == other:
        return []
    if isinstance(base, dict) and isinstance(other, dict) and base.keys() >= other.keys():
        keys: list[Any] = list(base)
        return [p for k in keys for p in _difference(base[k], other.get(k), (*path, k))]
    if isinstance(base, dict) and isinstance(other, dict):
        missing = {key: None for key in other if key not in base}
        return _difference(base | missing, other, path)
    both = (list, tuple)
    if isinstance(base, both) and isinstance(other, both) and len(base) == len(other):
        pairs = enumerate(zip(base, other, strict=True))
        return [p for i, (a, b) in pairs for p in _difference(a, b, (*path, i))]
    return [([*path], other)]
