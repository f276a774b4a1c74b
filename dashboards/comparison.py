"""The comparison of up to four trials: their differences by stage, costs and errors."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from dash import html

from nas.dashboards.parts import pin, scrolled
from nas.dashboards.reader import Snapshot
from nas.figures import headers, point_facts, point_row
from nas.results import Point, StudyView, difference_text
from nas.space import format_value

_COSTS = ("Trial", "Architecture")


def comparison(snapshot: Snapshot, numbers: Sequence[int]) -> list[Any]:
    """Return the table of the trials `numbers`; values that differ are marked."""
    view = snapshot.view
    points = [point for number in numbers if (point := view.point(number))]
    head = html.Thead(html.Tr([html.Td(), *(html.Th(_remove(point)) for point in points)]))
    body = html.Tbody([_row(name, cells) for name, cells in _rows(view, points)])
    table = html.Table([head, body], className="compared small")
    return [
        html.H2("Comparison"),
        scrolled(table, "Comparison"),
        *(html.P(text, className="small") for text in _differences(snapshot, points)),
    ]


def _remove(point: Point) -> list[Any]:
    return [pin(point, "", pressed=True), f" {point.label}"]


def _rows(view: StudyView, points: Sequence[Point]) -> list[tuple[str, list[str]]]:
    rows = [
        (header, [point_row(view, point)[column].text for point in points])
        for column, header in enumerate(headers(view))
        if header not in _COSTS
    ]
    facts = [dict(point_facts(view, point)) for point in points]
    names = list(dict.fromkeys(name for each in facts for name in each))
    rows += [(name, [each.get(name, "–") for each in facts]) for name in names]
    for space in dict.fromkeys(point.architecture.space for point in points):
        own = [point if point.architecture.space == space else None for point in points]
        for index, stage in enumerate(view.stage_names[space]):
            keys = next(point.architecture.keys for point in own if point)
            for key in keys:
                cells = [_choice(point, key, index) for point in own]
                if len(set(cells)) > 1:
                    rows.append((f"{stage} {key}", cells))
    return rows


def _choice(point: Point | None, key: str, index: int) -> str:
    if point is None:
        return "–"
    value = point.architecture.column(key)[index]
    return "–" if value is None else format_value(value)


def _row(name: str, cells: list[str]) -> Any:
    mark = "differs" if len(set(cells)) > 1 else ""
    return html.Tr([html.Th(name, scope="row"), *(html.Td(cell) for cell in cells)], className=mark)


def _differences(snapshot: Snapshot, points: Sequence[Point]) -> list[str]:
    """Return for each pair whether the validation errors differ significantly."""
    return [
        difference_text(snapshot.found, one.number, other.number).format(
            one=one.label, other=other.label
        )
        for one, other in combinations(points, 2)
    ]
