"""The density of a cloud: how many trials are in each cell of the visible part of the plot.

More than `MOST_POINTS` visible points take a browser seconds to draw, and overlap.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from nas.figures.front_drawing import FrontDrawing, Rows

_CELLS = (120, 80)  # across and up
_ONE = float(np.log1p(1))  # the shade of one trial
_OPACITY = ((0.0, 0.2), (1.0, 1.0))  # from one trial to the most


def density(drawing: FrontDrawing, rows: Rows, colour: str, name: str) -> go.Heatmap:
    """Return the number of trials at `rows` by cell; the opacity is the logarithm of the number.

    `colour` is hexadecimal, `name` is the name of the trials in the legend. A cell has no label,
    but a click on it returns its position.
    """
    columns, up = drawing.coordinates(rows)
    counts, across, along = np.histogram2d(columns, up, _CELLS)
    shade = np.log1p(counts.T)
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
        name=f"{name} ({len(rows):,} trials, as density)",
        showlegend=True,
    )


def nearest_row(
    clouds: Sequence[tuple[FrontDrawing, Rows]], x: float, y: float
) -> tuple[FrontDrawing, int] | None:
    """Return the drawing and the position of the point of densities that is nearest to a place.

    `x` and `y` are in the units of the axes; distances are shares of the visible ranges. None if
    the figure has no density.
    """
    clouds = [(drawing, rows) for drawing, rows in clouds if len(rows)]
    if not clouds:
        return None
    places = [drawing.coordinates(rows) for drawing, rows in clouds]
    drawing = clouds[0][0]
    far = np.zeros(sum(len(rows) for _, rows in clouds))
    for axis, at in enumerate((drawing.across.at(x), drawing.scale.at(y))):
        own = np.concatenate([each[axis] for each in places])
        far += ((own - at) / (float(np.ptp(own)) or 1.0)) ** 2
    found = int(np.argmin(far))
    for drawing, rows in clouds:
        if found < len(rows):
            return drawing, int(rows[found])
        found -= len(rows)
    return None
