"""The timeline of a study: the attempts of each worker, and how they ended."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from html import escape

import plotly.graph_objects as go

from nas.figures.scale import time_unit
from nas.figures.theme import PageTheme, empty, title
from nas.study import AttemptOutcome, TrialAttempt
from nas.units import duration, plural

TIMELINE_MOST = 2_000  # attempts that are drawn
_ROW, _FRAME = 26, 130  # pixels
_KINDS: dict[str, tuple[set[AttemptOutcome | None], str]] = {
    "ran to the end": ({AttemptOutcome.COMPLETE}, "front"),
    "stopped at a rung": ({AttemptOutcome.STOPPED}, "stopped"),
    "running": ({None}, "running"),
    "interrupted": ({AttemptOutcome.INTERRUPTED}, "muted"),
    "lost, failed, or ended by a fault": (
        {AttemptOutcome.LOST, AttemptOutcome.FAILED, AttemptOutcome.ENVIRONMENT},
        "budget",
    ),
}

Attempts = Sequence[tuple[int, TrialAttempt]]  # each with the number of its trial


def timeline_figure(
    attempts: Attempts,
    look: PageTheme | None = None,
    now: datetime | None = None,
    zone: tzinfo = UTC,
) -> go.Figure:
    """Return a bar for each attempt, in the lane of its worker; running attempts end at `now`.

    Consecutive workers of one node share a lane. The axis is the time since the first attempt,
    whose start is printed in the time zone `zone`.
    """
    look = look or PageTheme()
    lanes, names = _lanes(attempts)
    figure = go.Figure(layout=look.frame(max(200, _FRAME + _ROW * len(names))))
    if not attempts:
        return empty(figure, "no attempt is recorded yet", look)
    first, until = min(one.began for _, one in attempts), now or datetime.now(UTC)
    ends = [one.ended or max(until, one.began) for _, one in attempts]
    unit, factor = time_unit((max(ends) - first).total_seconds())
    for name, (outcomes, colour) in _KINDS.items():
        rows = [at for at, (_, one) in enumerate(attempts) if one.outcome in outcomes]
        if not rows:
            continue
        figure.add_bar(
            orientation="h",
            base=[(attempts[at][1].began - first).total_seconds() / factor for at in rows],
            x=[(ends[at] - attempts[at][1].began).total_seconds() / factor for at in rows],
            y=[names[lanes[at]] for at in rows],
            customdata=[attempts[at][0] for at in rows],
            hovertext=[escape(_words(*attempts[at], ends[at])) for at in rows],
            hoverinfo="text",
            name=name,
            marker={
                "color": look.colour(colour),
                "line": {"width": 1, "color": look.colour("surface")},
            },
        )
    figure.update_layout(barmode="overlay", bargap=0.25)
    figure.update_yaxes(
        categoryorder="array", categoryarray=names, autorange="reversed", showgrid=False
    )
    figure.update_xaxes(
        title_text=title(f"{unit} since {first.astimezone(zone):%Y-%m-%d %H:%M %Z}", look)
    )
    return figure


def timeline_text(attempts: Attempts) -> str:
    """Return the number of attempts, and of those that were lost or interrupted, as text."""
    losses = {AttemptOutcome.LOST, AttemptOutcome.ENVIRONMENT, AttemptOutcome.INTERRUPTED}
    lost = sum(one.outcome in losses for _, one in attempts)
    spent = sum(one.device_seconds or 0.0 for _, one in attempts)
    shown = f"The latest {TIMELINE_MOST:,} attempts" if len(attempts) >= TIMELINE_MOST else (
        plural(len(attempts), "attempt")
    )  # fmt: skip
    return f"{shown}, {lost} lost or interrupted; {duration(spent)} on devices."


def _lanes(attempts: Attempts) -> tuple[list[int], list[str]]:
    """Return the lane of each attempt, and the names of the lanes."""
    free: dict[str, list[tuple[int, datetime | None]]] = {}
    lanes, names = list[int](), list[str]()
    for _, one in attempts:
        node = one.node or "unknown node"
        own = free.setdefault(node, [])
        at = next((i for i, (_, end) in enumerate(own) if end and end <= one.began), None)
        if at is None:
            own.append((len(names), one.ended))
            names.append(f"{node}, {len(own)}")
            at = len(own) - 1
        else:
            own[at] = own[at][0], one.ended
        lanes.append(own[at][0])
    return lanes, names


def _words(trial: int, one: TrialAttempt, end: datetime) -> str:
    took = duration((end - one.began).total_seconds())
    outcome = one.outcome.value.lower() if one.outcome else "running"
    why = f" ({one.reason})" if one.reason else ""
    where = f", {one.device}" if one.device else ""
    return f"trial {trial}, attempt {one.number}: {outcome}{why}, {took}{where}"
