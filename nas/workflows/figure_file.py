"""A figure of a study as a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import ExportError, NasError, NoEffectError
from nas.results import axis_names, study_effects, view_of
from nas.store import open_store
from nas.suggestion import did_you_mean
from nas.workflows.request import Request
from nas.workflows.stored_study import StoredStudy

if TYPE_CHECKING:
    import plotly.graph_objects as go

FIGURES = ("front", "curves", "progress", "timeline", "effects")


@dataclass(frozen=True, kw_only=True)
class FigureRequest(Request):
    """A figure of a study (one of FIGURES) to write as `path`, SVG, PDF or PNG by its name.

    `x` and `y` are the metrics of the axes of the front; `width` and `height` are in pixels.
    `force` replaces an existing file.
    """

    study: str
    figure: str
    path: Path
    x: str | None = None
    y: str | None = None
    width: int = 900
    height: int | None = None
    force: bool = False
    db: str | None = None


def write_figure(request: FigureRequest) -> Path:
    """Write one figure of a study, and return its path.

    Raises:
        StoreError: there is no such study.
        NasError: there is no such figure, format or metric, or no browser to draw it.
        ExportError: the file exists, or it cannot be written.
    """
    from nas.figures import image_format, write_image

    path = request.path
    image_format(path)
    _check(request)
    if path.exists() and not request.force:
        raise ExportError(f"{path} already exists.", "Give another name, or add --force.")
    write_image(_drawn(request), path, request.width, request.height)
    return path


def _check(request: FigureRequest) -> None:
    if request.figure not in FIGURES:
        raise NasError(f"there is no figure {request.figure!r}.", f"Use {', '.join(FIGURES)}.")
    if request.figure != "front" and (request.x or request.y):
        raise NoEffectError(
            "x" if request.x else "y", f"the axes of the figure {request.figure} are fixed"
        )


def _drawn(request: FigureRequest) -> "go.Figure":
    from nas import figures

    if request.figure == "timeline":
        with open_store(request.db, read_only=True) as store:
            return figures.timeline_figure(store.timeline(request.study, figures.TIMELINE_MOST))
    found = StoredStudy(request.study, request.db).results
    if request.figure == "effects":
        effects = study_effects(found.spec, found.trials)
        if effects is None or not effects.effects:
            cause = figures.effects_caption(effects) if effects else "It is not a search."
            raise NasError(
                f"{request.study} has no effects to draw. {cause}", "Use another figure."
            )
        return figures.effects_figure(effects)
    known = axis_names(found.spec)
    for axis in filter(None, (request.x, request.y)):
        if axis not in known:
            near = did_you_mean(axis, known)
            raise NasError(
                f"{request.study} has no metric {axis!r}.", f"{near}Use {', '.join(known)}."
            )
    view = view_of(found, axes=(request.x, request.y))
    if request.figure == "curves":
        return figures.learning_curves_figure(view)
    if view.fixed:
        raise NasError(
            f"{request.study} is a training: it has no {request.figure}.", "Use the figure curves."
        )
    if request.figure == "front":
        return figures.front_figure(view)
    return figures.hypervolume_figure(view)
