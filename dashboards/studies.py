"""The list of studies: state, progress, result, cost and failures of each; searched and sorted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from dash import dcc, html

from nas.dashboards.page_state import PageState
from nas.dashboards.parts import aria, day_in, sortable_head, svg_address
from nas.dashboards.reader import activity_text, left_text
from nas.figures import PageTheme, sparkline_svg
from nas.results import Estimate
from nas.store import StudySummary
from nas.study import TrialState
from nas.units import duration

_MOST = 100  # more rows take the browser seconds
_NUMBERS = {"Candidates", "Best", "Device time", "Time left", "Failed"}


@dataclass(frozen=True)
class Listed:
    """The data of the list of studies: summaries, oldest first, and their progress by name."""

    entries: Sequence[StudySummary]
    progress: Mapping[str, Sequence[float]]
    database: str
    theme: str | None = None


_KEYS: dict[str, Callable[[StudySummary], Any]] = {
    "Study": lambda one: one.name,
    "State": lambda one: activity_text(one.state, one.holder),
    "Space": lambda one: one.space,
    "Task": lambda one: one.task,
    "Budget": lambda one: [(part.cost, part.limit) for part in one.spec.budget],
    "Candidates": lambda one: one.candidates,
    "Best": lambda one: None if one.best is None else one.metric.loss(one.best),
    "Device time": lambda one: one.device_seconds,
    "Time left": lambda one: one.time_left,
    "Failed": lambda one: one.counts[TrialState.FAILED],
    "Created": lambda one: one.created_at,
}
_HEADS = (
    "Study", "State", "Best", "Candidates", "Hypervolume", "Time left", "Failed", "Device time",
    "Space", "Task", "Budget", "Created",
)  # fmt: skip


def studies_table(
    listed: Listed, find: str | None, order: Mapping[str, Any], look: PageTheme, zone: tzinfo
) -> Any:
    """Return the table of studies that contain all words of `find`; the newest first by default.

    `order` has the heading to sort by, and whether it is descending.
    """
    if not listed.entries:
        return html.P(f"{listed.database} has no study yet. Start one: nas search")
    shown = _sorted([one for one in reversed(listed.entries) if _has(one, find)], order)
    head = html.Thead(html.Tr([_head(word, order) for word in _HEADS]))
    rows = [
        _row(one, listed.progress.get(one.name, ()), look, zone, listed.theme)
        for one in shown[:_MOST]
    ]
    rest = len(shown) - _MOST
    return [
        html.Table([head, html.Tbody(rows)], className="trials small"),
        *([html.P(f"{rest} more are not shown: search for them.")] if rest > 0 else []),
        *([] if shown else [html.P("No study contains these words.")]),
    ]


def _has(one: StudySummary, find: str | None) -> bool:
    text = f"{one.name} {one.space} {one.task} {one.state} {one.budget}".lower()
    return all(word in text for word in (find or "").lower().split())


def _sorted(entries: list[StudySummary], order: Mapping[str, Any]) -> list[StudySummary]:
    """Return studies in the requested order, those without a value last."""
    key = _KEYS.get(str(order.get("header")))
    if key is None:
        return entries
    known = [(value, one) for one in entries if (value := key(one)) is not None]
    known.sort(key=lambda pair: pair[0], reverse=bool(order.get("descending")))
    return [one for _, one in known] + [one for one in entries if key(one) is None]


def _head(word: str, order: Mapping[str, Any]) -> Any:
    if word not in _KEYS:
        return html.Th(word, scope="col")
    return sortable_head(word, order, "list-head", word in _NUMBERS)


def _row(
    one: StudySummary,
    shares: Sequence[float],
    look: PageTheme,
    zone: tzinfo,
    chosen: str | None,
) -> Any:
    cells = {
        "State": activity_text(one.state, one.holder),
        "Candidates": _candidates(one),
        "Best": _best(one),
        "Hypervolume": _sparkline(shares, look),
        "Time left": "–" if one.time_left is None else left_text(one.time_left),
        "Failed": _failed(one),
        "Device time": duration(one.device_seconds) if one.device_seconds else "–",
        "Space": one.space,
        "Task": one.task,
        "Budget": one.budget or "–",
        "Created": day_in(one.created_at, zone),
    }
    link = dcc.Link(one.name, href=PageState(study=one.name, theme=chosen).address)
    words = f"rename or delete {one.name}"
    named = {"title": words, **aria(label=words)}
    change = html.Button("⋯", id={"type": "change", "name": one.name}, type="button", **named)
    shown = [
        html.Td(cells[name], className="number" if name in _NUMBERS else "") for name in _HEADS[1:]
    ]
    return html.Tr([html.Td([link, " ", change]), *shown])


def _candidates(one: StudySummary) -> str:
    planned = f" of {one.num_trials}" if one.spec.counted and not one.fixed else ""
    running = one.counts[TrialState.RUNNING]
    return f"{one.candidates}{planned}" + (f", {running} running" if running else "")


def _best(one: StudySummary) -> str:
    if one.best is None:
        return "–"
    if len(one.seeds_of_best) > 1:
        return f"{one.metric.short} {Estimate.of(one.metric, one.seeds_of_best, 'validation')}"
    return f"{one.metric.short} {one.metric.show(one.best)}"


def _failed(one: StudySummary) -> str:
    reasons = sorted(one.failures.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{number} {reason}" for reason, number in reasons) or "0"


def _sparkline(shares: Sequence[float], look: PageTheme) -> Any:
    svg = sparkline_svg(shares, look)
    if not svg:
        return "–"
    words = f"hypervolume {100 * shares[-1]:.1f} % of the area"
    return html.Img(src=svg_address(svg), alt=words, title=words)
