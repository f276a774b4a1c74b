"""The table of trials as texts and sort keys, for the report and the dashboard."""

from dataclasses import dataclass

from nas.results import Point, StudyView
from nas.units import duration, percent, si, time

HEADERS = ("Trial", "Standing", "Error", "MAdds", "Params", "Epochs", "Time", "Architecture")
NUMERIC = frozenset({"Error", "MAdds", "Params", "Epochs", "Time"})


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, and the sort key of its column (None: unknown, sorted last)."""

    text: str
    key: float | str | None


def point_row(point: Point) -> tuple[Cell, ...]:
    """Return the cells of one trial, one for each of HEADERS."""
    reason = f": {point.reason}" if point.reason else ""
    return (
        Cell(f"{point.number} {point.title or ''}".strip(), point.number),
        Cell(point.group.label + reason, point.group.label),
        Cell(_error(point), point.error),
        Cell(si(point.cost.madds), point.cost.madds),
        Cell(si(point.cost.params), point.cost.params),
        Cell(str(point.epoch), point.epoch),
        Cell(duration(point.seconds), point.seconds),
        Cell(point.architecture.text, point.architecture.arch_id),
    )


def _error(point: Point) -> str:
    """Return the error; for a complete network the estimate with its interval and n."""
    if point.estimate:
        return str(point.estimate)
    return percent(point.error) or "–"


def point_facts(point: Point) -> list[tuple[str, str]]:
    """Return the facts without a column in the table, as (name, text)."""
    counted = "not counted yet"
    if point.counted:
        same = (point.counted.madds, point.counted.params) == (point.cost.madds, point.cost.params)
        counted = (
            "equal" if same else f"{point.counted.madds:,} madds, {point.counted.params:,} params"
        )
    lines = [
        ("exact cost", f"{point.cost.madds:,} madds, {point.cost.params:,} params"),
        ("activations", f"{point.cost.acts:,}"),
        *([("latency by its table", time(point.cost.latency))] if point.cost.latency else []),
        ("fvcore's count", counted),
    ]
    if point.note:
        lines.append(("note", point.note))
    if point.origin:
        lines.append(("reused from", point.origin))
    if point.words:
        lines.append(("top-1 error", point.words))
    if point.loss is not None:
        lines.append(("cross-entropy", f"{point.loss:.4f} nats"))
    if point.test:
        lines.append(("error on the test split", str(point.test)))
    printed = ", ".join(f"{key} {value}" for key, value in point.published)
    return [*lines, ("by its authors", printed)] if printed else lines


def sorted_points(view: StudyView, header: str | None, descending: bool) -> list[Point]:
    """Return the points sorted by one column, unknown values last; by standing if None."""
    if header not in HEADERS:
        return list(view.points)
    column = HEADERS.index(header)
    keyed = [(point_row(point)[column].key, point) for point in view.points]
    known = [(key, point) for key, point in keyed if key is not None]
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [point for _, point in known] + [point for key, point in keyed if key is None]
