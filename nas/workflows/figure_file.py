"""A figure of a study as a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import ExportError, NasError, NoEffectError
from nas.figures import ProgressBy, ProgressOf, ProgressOptions
from nas.results import (
    StudyResults,
    StudyView,
    axis_names,
    overlay,
    overlay_problem,
    study_effects,
    view_of,
)
from nas.store import open_store
from nas.study import StudySpec
from nas.suggestion import did_you_mean
from nas.workflows.request import Request
from nas.workflows.stored_study import StoredStudy

if TYPE_CHECKING:
    import plotly.graph_objects as go

FIGURES = ("front", "curves", "progress", "timeline", "effects", "parallel", "edf")
_USED = {
    "front": ("x", "y", "others"),
    "parallel": ("x", "y", "choice"),
    "edf": ("y", "others"),
    "progress": ("shows", "against"),
}


@dataclass(frozen=True, kw_only=True)
class FigureRequest(Request):
    """A figure of a study (one of FIGURES) to write as `path`, SVG, PDF or PNG by its name.

    `x` and `y` are the metrics of the front and of `parallel`, `y` also that of `edf`.
    `others` are studies that are drawn with this one, by the front and by `edf`. `choice` is one
    choice of the space, whose stages `parallel` has as axes. `shows` (hypervolume or best) and
    `against` (trainings, time or device-time) are those of `progress`, by default the first ones.
    `width` and `height` are in pixels. `force` replaces an existing file.
    """

    study: str
    figure: str
    path: Path
    x: str | None = None
    y: str | None = None
    others: Sequence[str] = ()
    choice: str | None = None
    shows: str | None = None
    against: str | None = None
    width: int = 900
    height: int | None = None
    force: bool = False
    db: str | None = None

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect."""
        for name in ("x", "y", "others", "choice", "shows", "against"):
            if self.figure in FIGURES and name not in _USED.get(self.figure, ()):
                yield NoEffectError(name, f"the figure {self.figure} does not have it")


def write_figure(request: FigureRequest) -> Path:
    """Write one figure of a study, and return its path.

    Raises:
        StoreError: there is no such study.
        NasError: there is no such figure, format or metric, no browser to draw it, or one of the
            studies cannot be drawn with the first.
        ExportError: the file exists, or it cannot be written.
    """
    from nas.figures import image_format, write_image

    path = request.path
    image_format(path)
    if request.figure not in FIGURES:
        raise NasError(f"there is no figure {request.figure!r}.", f"Use {', '.join(FIGURES)}.")
    if path.exists() and not request.force:
        raise ExportError(f"{path} already exists.", "Give another name, or add --force.")
    write_image(_drawn(request), path, request.width, request.height)
    return path


def _drawn(request: FigureRequest) -> "go.Figure":
    from nas import figures

    if request.figure == "timeline":
        with open_store(request.db, read_only=True) as store:
            return figures.timeline_figure(store.timeline(request.study, figures.TIMELINE_MOST))
    found = StoredStudy(request.study, request.db).results
    if request.figure == "effects":
        return _effects(found)
    for axis in filter(None, (request.x, request.y)):
        _check_known(axis, axis_names(found.spec), f"{request.study} has no metric")
    view = view_of(found, axes=(request.x, request.y))
    if request.figure == "curves":
        return figures.learning_curves_figure(view)
    if view.fixed:
        raise NasError(
            f"{request.study} is a training: it has no {request.figure}.", "Use the figure curves."
        )
    match request.figure:
        case "front" if request.others:
            return figures.overlay_figure(overlay(list(_overlaid(request, found, view))))
        case "front":
            return figures.front_figure(view)
        case "edf":
            return figures.edf_figure([own for _, own in _overlaid(request, found, view)])
        case "parallel":
            return _parallel(request, view)
    return _progress(request, view)


def _progress(request: FigureRequest, view: StudyView) -> "go.Figure":
    from nas import figures

    shows, against = (
        request.shows or ProgressOf.HYPERVOLUME,
        request.against or ProgressBy.TRAININGS,
    )
    for given, kinds in ((shows, ProgressOf), (against, ProgressBy)):
        _check_known(given, list(kinds), "the progress has no")
    options = ProgressOptions(ProgressOf(shows), ProgressBy(against))
    spent: list[tuple[datetime, float]] = []
    if options.by is ProgressBy.DEVICE_TIME:
        with open_store(request.db, read_only=True) as store:
            spent = store.device_seconds(request.study)
    return figures.progress_figure(view, options=options, spent=spent)


def _parallel(request: FigureRequest, view: StudyView) -> "go.Figure":
    from nas import figures

    if request.choice is not None:
        known = figures.parallel_choices(view)
        _check_known(request.choice, known, f"{request.study} does not vary the choice")
    return figures.parallel_figure(view, choice=request.choice)


def _effects(found: StudyResults) -> "go.Figure":
    from nas import figures

    effects = study_effects(found.spec, found.trials)
    if effects is None or not effects.effects:
        cause = figures.effects_caption(effects) if effects else "It is not a search."
        raise NasError(f"{found.spec.name} has no effects to draw. {cause}", "Use another figure.")
    return figures.effects_figure(effects)


def _overlaid(
    request: FigureRequest, found: StudyResults, view: StudyView
) -> Iterator[tuple[StudySpec, StudyView]]:
    """Yield the study and those that are drawn with it, each once."""
    yield found.spec, view
    for name in dict.fromkeys(request.others):
        if name == request.study:
            continue
        other = StoredStudy(name, request.db).read(curves=False)
        problem = overlay_problem(found.spec, other.spec)
        if problem:
            raise NasError(
                f"{name} cannot be drawn with {request.study}: {problem}.",
                "Draw studies of the same task, metrics and input together.",
            )
        yield other.spec, view_of(other, axes=(view.x.name, view.y.name))


def _check_known(name: str, known: Sequence[str], cause: str) -> None:
    """Refuse a name that is not `known`.

    Raises:
        NasError: it is not known; the message begins with `cause`.
    """
    if name not in known:
        near = did_you_mean(name, known)
        raise NasError(f"{cause} {name!r}.", f"{near}Use {', '.join(known)}.")
