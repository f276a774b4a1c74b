"""Selection: the trials of a study that all figures and tables of a page show."""

from dataclasses import dataclass, replace
from math import ceil
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nas.results.point import PointGroup
from nas.results.points import GROUPS
from nas.results.view import Curves, StudyView, with_curves

Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Selection:
    """Conditions on trials; a trial is kept if all of them hold.

    Trials of the groups `hidden` are left out. `top` keeps the best of the complete candidates
    along the y axis, in percent, and the published networks. `box` keeps the trials between its
    lowest and highest x, and its lowest and highest y, in exact units.
    """

    hidden: frozenset[PointGroup] = frozenset()
    top: float | None = None
    box: Box | None = None

    def rows(self, view: StudyView) -> NDArray[np.intp]:
        """Return the positions of the points of a view that are kept."""
        columns = view.columns
        kept = ~np.isin(columns.group, [GROUPS.index(group) for group in self.hidden])
        if self.top is not None:
            best = np.zeros(len(columns.group), dtype=bool)
            ranked = view.ranked
            best[ranked[: ceil(len(ranked) * self.top / 100 - 1e-9)]] = True
            best[columns.rows(PointGroup.PUBLISHED)] = True
            kept &= best
        if self.box is not None:
            left, right, low, high = self.box
            kept &= (left <= columns.x) & (columns.x <= right)
            kept &= (low <= columns.y) & (columns.y <= high)  # false where it is not measured
        return np.flatnonzero(kept)


def narrowed(view: StudyView, selection: Selection, curves: Curves | None = None) -> StudyView:
    """Return a view with the points that a selection keeps; its other facts are unchanged.

    `curves` reads the learning curves of some trials, if the view does not have those of all.
    """
    if selection == Selection():
        return view
    points = view.points.only(selection.rows(view))
    return replace(view, points=with_curves(points, curves) if curves else points)
