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
from nas.results import Overlay, StudyView, overlay


def shown(snapshot: Snapshot, state: PageState) -> StudyView:
    """Return the view of the trials that the filters keep, along the axes of the page.

    Raises:
        StoreError: as `Snapshot.shown`.
    """
    return snapshot.shown(state.x, state.y, state.selection)


def front_of(snapshots: Sequence[Snapshot], state: PageState, look: PageTheme) -> go.Figure:
    """Return the figure of the first study, with the others if there are some.

    Raises:
        StoreError: as `Snapshot.shown`.
    """
    found = _overlay(snapshots, state)
    if len(snapshots) > 1:
        return overlay_figure(found, look, state.options)
    return front_figure(found.views[0], look, state.options)


def front_marks_of(snapshots: Sequence[Snapshot], state: PageState, look: PageTheme) -> Any:
    """Return the first trace of `front_of`; None if it has no traces.

    Raises:
        StoreError: as `Snapshot.shown`.
    """
    first, *others = _overlay(snapshots, state).views
    if first.fixed or not any(view.columns.measured.any() for view in (first, *others)):
        return None
    return front_marks(first, look, state.options, others).to_plotly_json()


def front_text(snapshots: Sequence[Snapshot], state: PageState) -> str:
    """Return what the areas are, and how many trials the filters keep; empty without either."""
    first = snapshots[0]
    all_, kept = len(first.view.points), len(shown(first, state).points)
    filtered = f"The filters keep {kept:,} of {all_:,} trials." if kept < all_ else ""
    areas = overlay_text(_overlay(snapshots, state)) if len(snapshots) > 1 else ""
    return " ".join(filter(None, (areas, filtered)))


def _overlay(snapshots: Sequence[Snapshot], state: PageState) -> Overlay:
    usual = snapshots[0].along(state.x, state.y)
    axes = usual.x.name, usual.y.name
    return overlay([(one.spec, one.shown(*axes, state.in_front)) for one in snapshots])
