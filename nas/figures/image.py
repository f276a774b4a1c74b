"""Figures as files for papers: SVG, PDF and PNG, drawn by the installed Chromium or Chrome."""

import logging
from pathlib import Path

import plotly.graph_objects as go

from nas.errors import ExportError, NasError
from nas.figures.document import write_document

FORMATS = ("svg", "pdf", "png")
_SCALE = 2  # pixels of a PNG for each unit of width


def image_format(path: Path) -> str:
    """Return the format in the suffix of a file name.

    Raises:
        NasError: it is not one of FORMATS.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise NasError(
            f"{str(path)!r} names no format of a figure.",
            f"End the name of the file in {', '.join('.' + each for each in FORMATS)}.",
        )
    return kind


def write_image(figure: go.Figure, path: Path, width: int, height: int | None = None) -> None:
    """Write a figure to `path` with `width` and `height` in units; None is the figure's height.

    Raises:
        NasError: the name of the file has no known format, or there is no Chromium or Chrome.
        ExportError: the file cannot be written, or the browser fails.
    """
    import kaleido  # loads asyncio and a protocol for browsers
    from kaleido import errors

    kind = image_format(path)
    logging.getLogger("kaleido").setLevel(logging.CRITICAL)
    logging.getLogger("choreographer").setLevel(logging.CRITICAL)
    size = {"format": kind, "width": width, "height": height or figure.layout.height}
    scale = _SCALE if kind == "png" else 1
    try:
        drawn = kaleido.calc_fig_sync(
            figure, opts={**size, "scale": scale}, kopts={"mathjax": False}
        )
    except errors.ChromeNotFoundError as error:
        raise NasError(
            "figures are drawn by Chromium or Chrome, and neither is installed.",
            "Install one, for example: apt install chromium. Or write an HTML page: nas report",
        ) from error
    except (errors.BrowserFailedError, errors.BrowserClosedError, errors.KaleidoError) as error:
        raise ExportError(
            f"the browser could not draw the figure: {str(error).splitlines()[0]}",
            "Try again, or write an HTML page: nas report",
        ) from error
    write_document(drawn, path, "figure")
