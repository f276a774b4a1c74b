"""Overlay: several studies in one plane, with the attainment of those that are seeds of one search.

An attainment band is a forecast for a further seed of the search: half of the seeds reach the
median, a quarter the lower edge and three quarters the upper one. With fewer than four seeds the
edges are those of the best and of the worst seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nas.results.point import PointGroup
from nas.results.view import StudyView
from nas.stats import Points, attainment_surface
from nas.study import StudySpec

_QUARTILES_FROM = 4  # seeds
_SAME = {
    "task": "another task",
    "metrics": "other metrics",
    "input": "costs at another input",
    "classes": "costs with another number of classes",
    "data": "other images",
}


@dataclass(frozen=True)
class AttainmentBand:
    """The losses that several seeds of one search attain, in the exact units of the axes.

    `best` is the edge that the fewest seeds attain, `worst` the one that the most attain; `edges`
    describes their shares as text.
    """

    studies: tuple[str, ...]
    edges: str
    best: Points
    median: Points
    worst: Points


@dataclass(frozen=True)
class Overlay:
    """Several studies along the same axes, and the bands of those that are seeds of one search."""

    views: tuple[StudyView, ...]
    bands: tuple[AttainmentBand, ...]


def overlay(studies: Sequence[tuple[StudySpec, StudyView]]) -> Overlay:
    """Return studies as one overlay; their views have the same axes.

    There is a band for each set of two or more studies whose settings differ only in the seed, if
    their fronts are falling lines in the plane of the axes.
    """
    searches: list[tuple[StudySpec, list[StudyView]]] = []
    for spec, view in studies:
        if view.staircase:
            of = _without_seed(spec)
            same = next((views for one, views in searches if one == of), None)
            searches.append((of, [view])) if same is None else same.append(view)
    bands = [_band(views) for _, views in searches if len(views) > 1]
    return Overlay(tuple(view for _, view in studies), tuple(filter(None, bands)))


def overlay_problem(spec: StudySpec, other: StudySpec) -> str | None:
    """Return why the results of `other` cannot be drawn with those of `spec`; None if they can."""
    if other.networks:
        return "it is a training, not a search"
    for name, words in _SAME.items():
        mine, theirs = getattr(spec, name), getattr(other, name)
        if mine != theirs and (name != "data" or (mine and theirs)):
            return f"it has {words} ({theirs}, not {mine})" if name != "data" else f"it has {words}"
    return None


def seeds_of_one_search(spec: StudySpec, other: StudySpec) -> bool:
    """Tell whether two studies differ only in the name and the seed."""
    return _without_seed(spec) == _without_seed(other)


def _without_seed(spec: StudySpec) -> StudySpec:
    """Return the settings of a search without its name, its seed and its borrowed trainings."""
    return replace(spec, name="", seed=0, learnt=())


def _band(views: Sequence[StudyView]) -> AttainmentBand | None:
    signs = np.array([axis.metric.loss(1.0) for axis in (views[0].x, views[0].y)])
    fronts = [signs * _front(view) for view in views]
    seeds = len(fronts)
    if not all(map(len, fronts)):
        return None  # a seed without a front has no results yet
    quartiles = seeds >= _QUARTILES_FROM
    shares = (0.25, 0.5, 0.75) if quartiles else (1 / seeds, 0.5, 1.0)
    best, median, worst = (
        signs * attainment_surface(fronts, _least(share, seeds)) for share in shares
    )
    edges = "a quarter to three quarters" if quartiles else "the best to the worst"
    names = tuple(view.name for view in views)
    return AttainmentBand(names, f"{edges} of {seeds} seeds", best, median, worst)


def _least(share: float, seeds: int) -> int:
    return int(np.ceil(share * seeds - 1e-9))


def _front(view: StudyView) -> Points:
    rows = view.columns.rows(PointGroup.FRONT)
    return np.column_stack([view.columns.x[rows], view.columns.y[rows]])
