"""Theme: the colours, symbols and layout of all figures, light or dark, wide or narrow.

The colours are distinguishable with any of the common colour deficiencies, and every group has a
different symbol, so that a figure can be read without colour.
"""

import textwrap
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from nas.results import PointGroup, StudyView

# Plotly's own button would upload the figure to Plotly; our figures stay on this machine.
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
    "plotlyServerURL": "",
    "responsive": True,
}
MONOSPACE = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"

_LIGHT = {
    "ink": "#1d2430",
    "muted": "#5c6675",
    "grid": "#e6e9ee",
    "surface": "#ffffff",
    "budget": "#b3261e",
    "front": "#0b62a8",
    "unconfirmed": "#0b62a8",
    "published": "#1d2430",
    "running": "#0b7a5e",
    "dominated": "#848c99",
    "over budget": "#b3261e",
    "stopped": "#bf560b",
}
_DARK = {
    "ink": "#e8ebf0",
    "muted": "#a3acba",
    "grid": "#2a313c",
    "surface": "#161b22",
    "budget": "#ff7b72",
    "front": "#58b0ff",
    "unconfirmed": "#58b0ff",
    "published": "#e8ebf0",
    "running": "#3fd0a6",
    "dominated": "#858e9c",
    "over budget": "#ff7b72",
    "stopped": "#f0a04b",
}
SYMBOLS = {
    PointGroup.FRONT: "circle",
    PointGroup.UNCONFIRMED: "circle-open",
    PointGroup.RUNNING: "cross-thin-open",
    PointGroup.DOMINATED: "square-open",
    PointGroup.OVER_BUDGET: "x-open",
    PointGroup.STOPPED: "triangle-down-open",
}
# Okabe and Ito's palette for all colour deficiencies; it contrasts with both page colours.
FAMILIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "5px,2px")
PUBLISHED_SYMBOLS = ("diamond", "square", "star", "hexagon2", "triangle-up", "bowtie", "pentagon")


@dataclass(frozen=True)
class PageTheme:
    """The theme of a figure: on a dark or light page, wide or as narrow as a phone."""

    dark: bool = False
    narrow: bool = False

    def colour(self, role: str) -> str:
        """Return the colour of a group or a part of the frame."""
        return (_DARK if self.dark else _LIGHT)[role]

    def family(self, index: int) -> str:
        """Return the colour of the `index`-th space of a study with several."""
        return FAMILIES[index % len(FAMILIES)]

    def frame(self, height: int, top: int = 64) -> dict[str, Any]:
        """Return the common layout of all figures, `height` pixels high.

        `top` is the margin for the buttons and the legend, where the page is not narrow.
        """
        ink, surface = self.colour("ink"), self.colour("surface")
        axis = {
            "gridcolor": self.colour("grid"),
            "linecolor": self.colour("muted"),
            "showline": True,
            "ticks": "outside",
            "tickcolor": self.colour("muted"),
            "zeroline": False,
            "automargin": True,
            "title": {"font": {"size": 11 if self.narrow else 13}, "standoff": 8},
        }
        return {
            "template": "none",
            "height": height,
            "paper_bgcolor": surface,
            "plot_bgcolor": surface,
            "font": {
                "family": "system-ui, sans-serif",
                "size": 12 if self.narrow else 13,
                "color": ink,
            },
            "margin": {"l": 8, "r": 12, "t": 34 if self.narrow else top, "b": 8},
            "modebar": {
                "bgcolor": "rgba(0,0,0,0)",
                "color": self.colour("muted"),
                "activecolor": self.colour("ink"),
            },
            "xaxis": axis,
            "yaxis": axis,
            "hovermode": "closest",
            "hoverlabel": {
                "bgcolor": surface,
                "bordercolor": self.colour("muted"),
                "align": "left",
                "font": {"family": MONOSPACE, "size": 10 if self.narrow else 12, "color": ink},
            },
            "legend": self.legend(),
            "dragmode": False if self.narrow else "zoom",
        }

    def legend(self) -> dict[str, Any]:
        """Return a legend above the plot, or below it on a narrow page."""
        legend: dict[str, Any] = {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "itemsizing": "trace",
        }
        if self.narrow:
            return legend | {"yref": "container", "y": 0, "yanchor": "bottom", "font": {"size": 11}}
        return legend | {"y": 1.01, "yanchor": "bottom"}


def title(text: str, look: PageTheme, narrow: int = 46) -> str:
    """Return the title of an axis, wrapped to 60 characters, or to `narrow` on a narrow page."""
    return "<br>".join(textwrap.wrap(text, narrow if look.narrow else 60))


def faint(colour: str) -> str:
    """Return a colour such as #0072b2, nearly transparent."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.12)"


def none_text(view: StudyView, none: str = "no measurements yet") -> str:
    """Return why a figure has no points: the filters keep none, otherwise the text `none`."""
    return "the filters keep no trial" if view.points.left_out else none


def empty(figure: go.Figure, text: str, look: PageTheme) -> go.Figure:
    """Show `text` in the middle of a figure without data; its axes have no numbers."""
    figure.update_xaxes(showticklabels=False, showgrid=False, ticks="")
    figure.update_yaxes(showticklabels=False, showgrid=False, ticks="")
    figure.add_annotation(
        text=text,
        showarrow=False,
        xref="paper",
        yref="paper",
        x=0.5,
        y=0.5,
        font={"size": 15, "color": look.colour("muted")},
    )
    return figure
