"""The density of a cloud: how many trials are in each cell of the visible part of the plot.

Above `MOST_POINTS` visible points a browser takes seconds to draw them, and a reader sees a blot.
"""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from nas.figures.front_drawing import FrontDrawing, Rows
from nas.figures.front_options import FrontOptions
from nas.figures.theme import PageTheme
from nas.results import PointGroup, StudyView

_CELLS = (120, 80)  # across and up
_ONE = float(np.log1p(1))  # the shade of one trial
_OPACITY = ((0.0, 0.2), (1.0, 1.0))  # from one trial to the most


def density(drawing: FrontDrawing, group: PointGroup, rows: Rows) -> go.Heatmap:
    """Return the number of trials at `rows` by cell; a colour is the logarithm of the number.

    A cell has no label, but a click on it has its place.
    """
    columns, up = drawing.coordinates(rows)
    counts, across, along = np.histogram2d(columns, up, _CELLS)
    shade = np.log1p(counts.T)
    colour = drawing.look.colour(group.value)
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    most = max(float(shade.max()), 2 * _ONE)
    return go.Heatmap(
        x=10.0**across if drawing.across.log else across,
        y=10.0**along if drawing.scale.log else along,
        z=np.where(shade > 0, shade, np.nan).astype(np.float32),
        zmin=_ONE,
        zmax=most,
        colorscale=[[end, f"rgba({red},{green},{blue},{opacity})"] for end, opacity in _OPACITY],
        showscale=False,
        hoverinfo="none",
        name=f"{group.label} ({len(rows):,} trials, as density)",
        showlegend=True,
    )


def nearest_trial(view: StudyView, options: FrontOptions, x: float, y: float) -> int | None:
    """Return the number of the trial of a density that is nearest to a place in the figure.

    `x` and `y` are in the units of the axes; near is measured by the visible ranges. None if the
    figure has no density.
    """
    drawing = FrontDrawing.of(view, PageTheme(), options)
    parts = [drawing.visible(drawing.rows(group)) for group in drawing.crowded]
    rows = np.concatenate([np.empty(0, np.intp), *parts])
    if not len(rows):
        return None
    places = drawing.coordinates(rows)
    at = drawing.across.at(x), drawing.scale.at(y)
    far: NDArray[np.float64] = sum(
        ((own - one) / (float(np.ptp(own)) or 1.0)) ** 2
        for own, one in zip(places, at, strict=True)
    )  # type: ignore[assignment]
    return int(view.columns.number[rows[np.argmin(far)]])
