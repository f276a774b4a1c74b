"""The table of trials as texts and sort keys, for the report and the dashboard."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan
from typing import Any

from nas.cost import LAYER_COLUMNS, layer_records, layer_texts
from nas.metrics import LATENCY, MADDS, PARAMS, metric
from nas.results import GROUPS, Point, StudyView
from nas.space import Layer
from nas.units import capitalised, duration, si

_TEXT = ("Trial", "Standing", "Architecture")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, and the sort key of its column (None: unknown, sorted last)."""

    text: str
    key: float | str | None


def headers(view: StudyView) -> tuple[str, ...]:
    """Return the headings of the table."""
    value = capitalised(view.metric.short)
    return ("Trial", "Standing", value, "MAdds", "Params", "Epochs", "Time", "Architecture")


def numeric(header: str) -> bool:
    """Tell whether the column under `header` holds numbers."""
    return header not in _TEXT


def point_row(view: StudyView, point: Point) -> tuple[Cell, ...]:
    """Return the cells of one trial, one for each of the `headers`."""
    reason = f": {point.reason}" if point.reason else ""
    return (
        Cell(f"{point.number} {point.title or ''}".strip(), point.number),
        Cell(point.group.label + reason, point.group.label),
        Cell(str(point.estimate or view.metric.show(point.value)) or "–", point.value),
        Cell(si(point.cost.madds), point.cost.madds),
        Cell(si(point.cost.params), point.cost.params),
        Cell(str(point.epoch), point.epoch),
        Cell(duration(point.seconds), point.seconds),
        Cell(point.architecture.text, point.architecture.arch_id),
    )


def point_facts(view: StudyView, point: Point) -> list[tuple[str, str]]:
    """Return the data of a trial without a column in the table, as (name, text)."""
    counted = "not counted yet"
    if point.counted:
        same = (point.counted.madds, point.counted.params) == (point.cost.madds, point.cost.params)
        counted = (
            "equal" if same else f"{point.counted.madds:,} madds, {point.counted.params:,} params"
        )
    lines = [
        ("exact cost", f"{point.cost.madds:,} madds, {point.cost.params:,} params"),
        ("activations", f"{point.cost.acts:,}"),
        *([(LATENCY.label, LATENCY.show(point.cost.latency))] if point.cost.latency else []),
        ("fvcore's count", counted),
    ]
    if point.note:
        lines.append(("note", point.note))
    if point.origin:
        lines.append(("reused from", point.origin))
    if point.words:
        lines.append((view.metric.label, point.words))
    others = ((metric(name), value) for name, value in point.others.items())
    lines += [(other.label, other.show(value)) for other, value in others]
    if point.taught:
        lines.append(("taught", point.taught))
    if point.test:
        lines.append((f"{view.metric.short} on the test split", str(point.test)))
    printed = ", ".join(f"{key} {value}" for key, value in point.published)
    return [*lines, ("by its authors", printed)] if printed else lines


def layer_rows(layers: Iterable[Layer]) -> tuple[tuple[str, ...], ...]:
    """Return the cells of a network by layer, under the headings of LAYER_COLUMNS."""
    texts = layer_texts(layer_records(layers))
    return tuple(tuple(text[key] for key in LAYER_COLUMNS) for text in texts)


def sorted_points(
    view: StudyView, header: str | None, descending: bool, part: slice = slice(None)
) -> list[Point]:
    """Return the points sorted by one column, unknown values last; None sorts by standing.

    Only the points in `part` of the order are created.
    """
    if header not in headers(view):
        return list(view.points[part])
    keys = list(enumerate(_keys(view, str(header))))
    known = [(key, row) for row, key in keys if key is not None]
    known.sort(key=lambda pair: pair[0], reverse=descending)
    rows = [row for _, row in known] + [row for row, key in keys if key is None]
    return [view.points[row] for row in rows[part]]


def _keys(view: StudyView, header: str) -> list[Any]:
    """Return the sort keys of a column as in `point_row`, without making the points."""
    columns = view.columns
    match header:
        case "Trial":
            return list(columns.number.tolist())
        case "Standing":
            return [GROUPS[code].label for code in columns.group.tolist()]
        case "Epochs":
            return list(columns.epoch.tolist())
        case "Architecture":
            return [view.points.architecture(row).arch_id for row in range(len(view.points))]
    name = {"MAdds": MADDS.name, "Params": PARAMS.name, "Time": "seconds"}.get(header)
    values = view.points.values(name or view.metric.name)
    return [None if isnan(value) else value for value in values.tolist()]
