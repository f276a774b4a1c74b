"""The confusion matrix of the best network of a study on the test split."""

import plotly.graph_objects as go

from nas.figures.theme import PageTheme, title
from nas.results import StudyView

_HEIGHT = 560


def confusion_figure(view: StudyView, look: PageTheme | None = None) -> go.Figure:
    """Return the confusion matrix, in shares of each class, over all seeds."""
    look = look or PageTheme()
    figure = go.Figure(layout=look.frame(_HEIGHT))
    figure.update_layout(
        xaxis_title_text=title("answer", look), yaxis_title_text=title("class", look)
    )
    figure.add_heatmap(
        z=[[100 * count / max(1, sum(row)) for count in row] for row in view.confusion],
        x=view.class_names,
        y=view.class_names,
        customdata=view.confusion,
        colorscale=[[0, look.colour("surface")], [1, look.colour("front")]],
        zmin=0,
        zmax=100,
        colorbar={"title": {"text": "% of class"}},
        hovertemplate="%{y} taken for %{x}: %{z:.1f} % (%{customdata} images)<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(type="category")
    return figure


def worst_confusions(view: StudyView, most: int = 10) -> list[tuple[str, str, int]]:
    """Return (class, answer, images) of the most frequent mistakes."""
    wrong = [
        (count, i, j)
        for i, row in enumerate(view.confusion)
        for j, count in enumerate(row)
        if i != j and count
    ]
    wrong.sort(key=lambda item: (-item[0], item[1], item[2]))
    return [(view.class_names[i], view.class_names[j], count) for count, i, j in wrong[:most]]
