"""The page of one training: learning curves, confusion matrix, numbers; it needs no network."""

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from nas.figures.document import (
    WIDE,
    drawings,
    figure_section,
    header_html,
    page_html,
    write_document,
)
from nas.figures.theme import PageTheme, empty, title
from nas.units import duration, percent

_MAX_CLASSES = 120  # beyond, a matrix on a screen shows nothing
_HEIGHT = 420
_COLOURS = ("front", "budget", "running", "stopped", "published", "dominated")
_HEADS = ("network", "seed", "validation", "test", "top-5", "time", "")
_REMEDY = "Free the disk, or choose a folder that you may write to."


def curves_figure(document: Mapping[str, Any], look: PageTheme | None = None) -> go.Figure:
    """Return the validation error (lines) and the training loss (dots) by epoch of every run."""
    look = look or PageTheme()
    figure = go.Figure(layout=look.frame(_HEIGHT))
    figure.update_layout(
        xaxis_title_text=title("epoch", look),
        yaxis_title_text=title("top-1 error, validation split (%)", look),
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "automargin": True,
            "tickformat": ".2f",
            "color": look.colour("muted"),
            "title": {"text": "training loss (nats)"},
        },
    )
    runs = [run for subject in document["networks"] for run in subject["runs"]]
    longest = max(len(run["history"]) for run in runs)
    figure.update_xaxes(tick0=0, dtick=-(-longest // 12))
    for number, subject in enumerate(document["networks"]):
        colour = look.colour(_COLOURS[number % len(_COLOURS)])
        for run in subject["runs"]:
            label = f"{subject['name']}, seed {run['seed']}"
            epochs = [row["epoch"] for row in run["history"]]
            errors = [100 * row["top1_error"] for row in run["history"]]
            losses = [row["train_loss"] for row in run["history"]]
            line = {"color": colour, "width": 2}
            figure.add_scatter(x=epochs, y=errors, mode="lines+markers", name=label, line=line)
            figure.add_scatter(
                x=epochs,
                y=losses,
                yaxis="y2",
                mode="lines",
                name=f"{label}, training loss",
                showlegend=False,
                line={"color": colour, "width": 1, "dash": "dot"},
            )
    return figure


def confusion_figure(document: Mapping[str, Any], look: PageTheme | None = None) -> go.Figure:
    """Return the confusion matrix of the first network, in shares of each class, all seeds."""
    look = look or PageTheme()
    figure = go.Figure(layout=look.frame(_HEIGHT + 140))
    names, counts = document["class_names"], _added(document["networks"][0]["runs"])
    figure.update_layout(
        xaxis_title_text=title("answer", look), yaxis_title_text=title("class", look)
    )
    if len(names) > _MAX_CLASSES:
        return empty(figure, f"{len(names)} classes: see the worst confusions below", look)
    shares = [[100 * count / max(1, sum(row)) for count in row] for row in counts]
    figure.add_heatmap(
        z=shares,
        x=names,
        y=names,
        customdata=counts,
        colorscale=[[0, look.colour("surface")], [1, look.colour("front")]],
        zmin=0,
        zmax=100,
        colorbar={"title": {"text": "% of class"}},
        hovertemplate="%{y} taken for %{x}: %{z:.1f} % (%{customdata} images)<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(type="category")
    return figure


def worst_confusions(document: Mapping[str, Any], most: int = 10) -> list[tuple[str, str, int]]:
    """Return (class, answer, images) of the most frequent mistakes of the first network."""
    names, counts = document["class_names"], _added(document["networks"][0]["runs"])
    wrong = [
        (count, i, j)
        for i, row in enumerate(counts)
        for j, count in enumerate(row)
        if i != j and count
    ]
    wrong.sort(key=lambda item: (-item[0], item[1], item[2]))
    return [(names[i], names[j], count) for count, i, j in wrong[:most]]


def training_html(document: Mapping[str, Any]) -> str:
    """Return the page of a training as `nas train` writes it down."""
    names = " against ".join(subject["name"] for subject in document["networks"])
    sections = [
        figure_section(
            "curves", "Learning curves", "Lines: validation error; dotted: training loss."
        ),
        figure_section(
            "confusion", "Confusion on the test split", "Rows are classes, columns answers."
        ),
        _table("Worst confusions", ("class", "taken for", "images"), worst_confusions(document)),
        _table("Runs", _HEADS, _runs(document)),
        _table("Settings", ("", ""), document["settings"].items()),
    ]
    figures = {
        "curves": partial(curves_figure, document),
        "confusion": partial(confusion_figure, document),
    }
    header = header_html(names, document["findings"], document["task"])
    return page_html(f"{names}: training", header, sections, drawings(figures, WIDE))


def write_training_page(document: Mapping[str, Any], path: Path) -> None:
    """Write the page to `path`, whole or not at all.

    Raises:
        ExportError: the file cannot be written.
    """
    write_document(training_html(document), path, "report", _REMEDY)


def _runs(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            subject["name"],
            str(run["seed"]),
            percent(run["validation"]["top1_error"]),
            percent(run["test"]["top1_error"]),
            "–"
            if run["test"].get("top5_error") is None
            else percent(run["test"].get("top5_error")),
            duration(run["seconds"]),
            "; ".join(run["notes"]),
        )
        for subject in document["networks"]
        for run in subject["runs"]
    ]


def _added(runs: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Return the sum of the confusion matrices of all runs."""
    matrices = [run["confusion"] for run in runs]
    return [
        [sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*matrices, strict=True)
    ]


def _table(heading: str, heads: Sequence[str], rows: Any) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows
    )
    top = f"<thead><tr>{head}</tr></thead>" if any(heads) else ""
    return (
        f'<section class="card"><h2>{heading}</h2><div class="scroll">'
        f'<table class="settings small">{top}'
        f"<tbody>{body}</tbody></table></div></section>"
    )
