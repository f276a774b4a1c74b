"""The progress of a search: hypervolume or best value, by trainings, time or device time."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

import numpy as np
import plotly.graph_objects as go

from nas.figures.front_options import ProgressBy, ProgressOf, ProgressOptions
from nas.figures.scale import time_unit
from nas.figures.theme import PageTheme, empty, title
from nas.results import ProgressStep, StudyView

HEIGHT = 300
DeviceTime: TypeAlias = Sequence[tuple[datetime, float]]  # the end of an attempt, device-seconds


PROGRESS_BY_WORDS = {
    ProgressBy.TRAININGS: "trainings",
    ProgressBy.WALL_TIME: "wall time",
    ProgressBy.DEVICE_TIME: "device time",
}
_TEXTS = {
    ProgressOf.HYPERVOLUME: "The share of the area between zero and the study's fixed reference "
    "point that the front dominates; higher is better. In a flat part the search found no "
    "improvement.",
    ProgressOf.BEST: "The best result of a complete candidate within the budget so far: {goal}.",
}
_OBSERVED = " Each value is that of one seed, as measured during the search, without references."
_BY_TITLES = {
    ProgressBy.TRAININGS: "candidates ended",
    ProgressBy.WALL_TIME: "{unit} since the first trial, interruptions included",
    ProgressBy.DEVICE_TIME: "device {unit} of all attempts, as recorded",
}
_BY_TEXTS = {
    ProgressBy.TRAININGS: "",
    ProgressBy.WALL_TIME: " The wall time includes interruptions.",
    ProgressBy.DEVICE_TIME: " The device time is the recorded time of all attempts that have "
    "ended, including references and lost attempts.",
}


def progress_figure(
    view: StudyView,
    look: PageTheme | None = None,
    options: ProgressOptions | None = None,
    spent: DeviceTime = (),
) -> go.Figure:
    """Return the progress as steps, or a figure with the reason if nothing can be shown.

    `spent` is the recorded device time of all attempts, by their ends; only
    `ProgressBy.DEVICE_TIME` needs it.
    """
    look, options = look or PageTheme(), options or ProgressOptions()
    figure = go.Figure(layout=look.frame(HEIGHT, top=34))
    steps, missing = _shown(view, options, spent)
    places, by = _places(view.progress[0].time if steps else 0.0, steps, options.by, spent)
    best = options.of is ProgressOf.BEST
    goal = view.goal.metric
    words = f"best {goal.label}" + (f" ({goal.unit})" if goal.unit else "")
    figure.update_layout(
        uirevision=f"{view.name} {options.of} {options.by}",
        xaxis_title_text=title(by, look),
        yaxis_title_text=title(words if best else "hypervolume (% of the area)", look),
    )
    if not steps:
        return empty(figure, missing, look)
    figure.add_trace(
        go.Scatter(
            x=places,
            y=[
                view.goal.factor * (step.best or 0.0) if best else 100 * step.share
                for step in steps
            ],
            hovertext=[_hover(view, step, options) for step in steps],
            hoverinfo="text",
            mode="lines" if len(steps) > 1 else "markers",
            line={"shape": "hv", "width": 2, "color": look.colour("front")},
            showlegend=False,
        )
    )
    figure.update_xaxes(rangemode="tozero")
    if not best:
        figure.update_yaxes(rangemode="tozero")
    return figure


def progress_text(view: StudyView, options: ProgressOptions | None = None) -> str:
    """Return a description of the figure."""
    options = options or ProgressOptions()
    shown = _TEXTS[options.of].format(goal=view.goal.label)
    return f"{shown}{_OBSERVED}{_BY_TEXTS[options.by]}"


def _shown(
    view: StudyView, options: ProgressOptions, spent: DeviceTime
) -> tuple[list[ProgressStep], str]:
    """Return the steps with a position and a value, and the reason if there are none."""
    steps = list(view.progress)
    if not steps:
        return [], "no candidate has ended yet"
    if options.of is ProgressOf.BEST:
        steps = [step for step in steps if step.best is not None]
        if not steps:
            return [], "no candidate within the budget is complete yet"
    if options.by is ProgressBy.DEVICE_TIME and not spent:
        return [], "no attempt has recorded its device time"
    if options.by is not ProgressBy.TRAININGS:
        start = view.progress[0].time
        steps = [step for step in steps if np.isfinite(step.time - start)]
    return steps, "the times of the trials are not recorded"


def _places(
    start: float, steps: Sequence[ProgressStep], by: ProgressBy, spent: DeviceTime
) -> tuple[list[float], str]:
    """Return the places of steps on the horizontal axis, and its title."""
    if by is ProgressBy.TRAININGS:
        return [step.finished for step in steps], _BY_TITLES[by]
    seconds = np.array([step.time for step in steps], dtype=float)
    if by is ProgressBy.WALL_TIME:
        seconds = seconds - start
    else:
        ends = [end.timestamp() for end, _ in spent]
        total = np.cumsum([0.0, *(used for _, used in spent)])
        seconds = total[np.searchsorted(ends, seconds, side="right")]
    unit, factor = time_unit(float(seconds.max(initial=0.0)))
    return (seconds / factor).tolist(), _BY_TITLES[by].format(unit=unit)


def _hover(view: StudyView, step: ProgressStep, options: ProgressOptions) -> str:
    value = f"{100 * step.share:.2f} %"
    if options.of is ProgressOf.BEST:
        value = view.goal.show(step.best)
    return f"after {step.finished} candidates: {value}"
