"""The hover labels of figures; all user text is escaped."""

from html import escape

from nas.metrics import LATENCY
from nas.results import Point, PointGroup, StudyView
from nas.units import duration, si


def headline(view: StudyView, point: Point) -> str:
    """Return the first lines of a hover label: name, error, cost."""
    return "<br>".join(
        (
            f"<b>{escape(point.label)}</b> · {escape(point_standing(view, point))}",
            escape(point_summary(view, point)),
        )
    )


def family(view: StudyView, point: Point) -> str:
    """Return the space of a point if a study has several; plain text."""
    return point.architecture.space if len(view.families) > 1 else ""


def brief(view: StudyView, group: PointGroup, exact: bool) -> str:
    """Return the label template for thousands of points, without architectures.

    The measured value is left out if the points are not drawn at its `exact` value.
    """
    value = f"%{{y:.3g}}{view.y.suffix} {view.y.name}, " if exact else ""
    cost = f"%{{x:.4s}}{view.x.suffix} {view.x.name}"
    return f"<b>trial %{{customdata}}</b> · {group.label}<br>{value}{cost}<extra></extra>"


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


def point_summary(view: StudyView, point: Point) -> str:
    """Return the reported metric, the cost and the time of a point in one line; plain text."""
    cost = f"{si(point.cost.madds)} madds, {si(point.cost.params)} params"
    if point.cost.latency:
        cost += f", {LATENCY.show(point.cost.latency)}"
    if point.value is None:
        return cost
    value = str(point.estimate or view.metric.show(point.value))
    return f"{value} {view.metric.short}, {cost}, {duration(point.seconds)}"
