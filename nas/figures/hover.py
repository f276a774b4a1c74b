"""The hover labels of figures; all user text is escaped."""

from html import escape

from nas.results import Point, PointGroup, StudyView
from nas.units import duration, percent, si, time


def headline(view: StudyView, point: Point) -> str:
    """Return the first lines of a hover label: name, error, cost."""
    return "<br>".join(
        (
            f"<b>{escape(point.label)}</b> · {escape(point_standing(view, point))}",
            point_summary(point),
        )
    )


def family(view: StudyView, point: Point) -> str:
    """Return the space of a point if a study has several; plain text."""
    return point.architecture.space if len(view.families) > 1 else ""


def full(view: StudyView, point: Point) -> str:
    """Return a hover label with the architecture as an aligned table by stage."""
    table = view.stage_table(point)
    widths = [max(map(len, column)) for column in zip(table.header, *table.rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if last else cell.rjust(width)
            for cell, width, last in zip(
                row, widths, [True, *[False] * (len(row) - 2), True], strict=True
            )
        )
        for row in (table.header, *table.rows)
    ]
    shared = ", ".join(f"{key} {value}" for key, value in table.shared)
    if shared:
        lines.append(f"all stages: {shared}")
    # No-break spaces: the columns must stay aligned whatever the page does with white space.
    body = [escape(line.rstrip()).replace(" ", "\N{NO-BREAK SPACE}") for line in lines]
    return "<br>".join((headline(view, point), "", *body))


def brief(view: StudyView, group: PointGroup, exact: bool) -> str:
    """Return the label template for thousands of points, without architectures.

    The error is omitted if the points are not at their `exact` value.
    """
    unit = " %" if view.y.percent else ""
    error = f"%{{y:.3g}}{unit} {view.y.name}, " if exact else ""
    cost = f"%{{x:.4s}}{view.x.unit} {view.x.name}"
    return f"<b>trial %{{customdata}}</b> · {group.label}<br>{error}{cost}<extra></extra>"


def point_standing(view: StudyView, point: Point) -> str:
    """Return the standing of a point in the study; plain text."""
    return ", ".join(filter(None, (family(view, point), _stands(view, point))))


def _stands(view: StudyView, point: Point) -> str:
    if point.group is PointGroup.STOPPED:
        return f"stopped after epoch {point.epoch} of {view.rungs[-1]}"
    if point.group is PointGroup.RUNNING:
        return f"running, epoch {point.epoch} of {view.rungs[-1]}"
    if point.group is PointGroup.FAILED:
        return f"failed: {point.reason or 'unknown'}"
    if point.group is PointGroup.PUBLISHED:
        return f"published, trial {point.number}"
    return point.group.label


def point_summary(point: Point) -> str:
    """Return the error, the cost and the time of a point in one line."""
    cost = f"{si(point.cost.madds)} madds, {si(point.cost.params)} params"
    if point.cost.latency:
        cost += f", {time(point.cost.latency)}"
    if point.error is None:
        return cost
    error = str(point.estimate or percent(point.error))
    return f"{error} error, {cost}, {duration(point.seconds)}"
