"""The card of the front: the figure of one study, or of several in one plane."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from nas.dashboards.page_state import PageState
from nas.dashboards.reader import Snapshot
from nas.figures import (
    PageTheme,
    front_figure,
    front_marks,
    overlay_figure,
    overlay_text,
)
from nas.results import StudyView, overlay


def shown(snapshot: Snapshot, state: PageState) -> StudyView:
    """Return the view of the trials that the filters keep, along the axes of the page.

    Raises:
        StoreError: as `Snapshot.shown`.
    """
    return snapshot.shown(state.x, state.y, state.selection)


def views_of(snapshots: Sequence[Snapshot], state: PageState) -> list[StudyView]:
    """Return the views of the studies in the front, along the axes of the page.

    Raises:
        StoreError: as `Snapshot.shown`.
    """
    usual = snapshots[0].along(state.x, state.y)
    return [one.shown(usual.x.name, usual.y.name, state.in_front) for one in snapshots]


def front_of(
    snapshots: Sequence[Snapshot], state: PageState, look: PageTheme
) -> tuple[go.Figure, str]:
    """Return the figure of the first study, with the others if there are some, and its text.

    The text describes the areas, and states how many trials the filters keep; it may be empty.

    Raises:
        StoreError: as `Snapshot.shown`.
    """
    first, views = snapshots[0], views_of(snapshots, state)
    all_, kept = len(first.view.points), len(shown(first, state).points)
    filtered = f"The filters keep {kept:,} of {all_:,} trials." if kept < all_ else ""
    if len(views) == 1:
        return front_figure(views[0], look, state.options), filtered
    found = overlay([(one.spec, view) for one, view in zip(snapshots, views, strict=True)])
    text = " ".join(filter(None, (overlay_text(found), filtered)))
    return overlay_figure(found, look, state.options), text


def front_marks_of(snapshots: Sequence[Snapshot], state: PageState, look: PageTheme) -> Any:
    """Return the first trace of `front_of`; None if it has no traces.

    Raises:
        StoreError: as `Snapshot.shown`.
    """
    first, *others = views_of(snapshots, state)
    if first.fixed or not any(view.columns.measured.any() for view in (first, *others)):
        return None
    return front_marks(first, look, state.options, others).to_plotly_json()
