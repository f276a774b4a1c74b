"""The table of trials as texts and sort keys, for the report and the dashboard."""

from dataclasses import dataclass

from nas.metrics import LATENCY, metric
from nas.results import Point, StudyView
from nas.units import duration, si

_TEXT = ("Trial", "Standing", "Architecture")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, and the sort key of its column (None: unknown, sorted last)."""

    text: str
    key: float | str | None


def headers(view: StudyView) -> tuple[str, ...]:
    """Return the headings of the table."""
    short = view.metric.short
    value = short[:1].upper() + short[1:]
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
    """Return what the table has no column for, as name and words."""
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


def sorted_points(view: StudyView, header: str | None, descending: bool) -> list[Point]:
    """Return the points sorted by one column, unknown values last; by standing where it is None."""
    names = headers(view)
    if header not in names:
        return list(view.points)
    column = names.index(header)
    keyed = [(point_row(view, point)[column].key, point) for point in view.points]
    known = [(key, point) for key, point in keyed if key is not None]
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [point for _, point in known] + [point for key, point in keyed if key is None]
