"""A page of figures as one self-contained file that loads nothing from the network.

Every figure has several themes (light and dark, wide and narrow); the page shows the one that fits,
and follows the reader's settings.
"""

import base64
import gzip
import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from nas.errors import ExportError
from nas.figures.theme import CONFIG, PageTheme
from nas.files import write_bytes, write_whole

Draw: TypeAlias = Callable[[PageTheme], go.Figure]
Patch: TypeAlias = tuple[list[str | int], Any]

_ELSEWHERE = "Give another file, in a directory that exists and is writable."
# Inline code only; nothing may be fetched.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; form-action 'none'; base-uri 'none'"
)


def document_html(
    heading: str,
    lead: Sequence[str],
    sections: Sequence[str],
    figures: Mapping[str, Draw],
    kind: str = "",
) -> str:
    """Return a page with the first lines `lead`, `sections` as HTML, and `figures` by their id.

    `kind`, if given, follows the heading in the title of the window.
    """
    title = f"{heading}: {kind}" if kind else heading
    lines = "".join(f"<p>{escape(line)}</p>" for line in lead)
    header = f"<header><h1>{escape(heading)}</h1>{lines}</header>"
    return page_html(title, header, sections, figures)


def page_html(
    title: str,
    header: str,
    sections: Iterable[str],
    figures: Mapping[str, Draw],
    script: str = "",
    policy: str = POLICY,
) -> str:
    """Return a page with any header and sections (HTML), as one self-contained document.

    The `figures` are drawn into the elements with their names as ids. `script` runs first; the
    names are in `data.figures`, and the promise `drawn` is resolved when all are drawn.
    """
    drawn = {name: _looks(draw) for name, draw in figures.items()}
    data = json.dumps({"config": CONFIG, "figures": drawn}, separators=(",", ":"))
    data = data.replace("<", "\\u003c")  # a text of a figure must not end the script element
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{page_style()}</style>
</head>
<body>
<main>
{header}
{"".join(sections)}
</main>
<script type="application/json" id="data">{data}</script>
<script type="application/gzip" id="plotly">{packed_plotly()}</script>
<script>{page_script()}{script}</script>
</body>
</html>
"""


def _looks(draw: Draw) -> dict[str, Any]:
    """Return a figure for a light and wide page, with the patches for other themes.

    The patches for a narrow page apply to this figure. Those for a dark page are a pair, for the
    wide and for the narrow figure, because the two may have different traces.
    """
    wide, phone = _plain(draw, False, False), _plain(draw, False, True)
    nights = (_plain(draw, True, narrow) for narrow in (False, True))
    return {
        "figure": wide,
        "narrow": _difference(wide, phone),
        "dark": [_difference(*pair) for pair in zip((wide, phone), nights, strict=True)],
    }


def _plain(draw: Draw, dark: bool, narrow: bool) -> Any:
    return json.loads(draw(PageTheme(dark=dark, narrow=narrow)).to_json())


def _difference(base: Any, other: Any, path: tuple[str | int, ...] = ()) -> list[Patch]:
    """Return the values to set in `base`, path by path, to make it equal `other`."""
    if base == other:
        return []
    if isinstance(base, dict) and isinstance(other, dict) and base.keys() >= other.keys():
        keys: list[Any] = list(base)
        return [p for k in keys for p in _difference(base[k], other.get(k), (*path, k))]
    if isinstance(base, dict) and isinstance(other, dict):
        missing = {key: None for key in other if key not in base}
        return _difference(base | missing, other, path)
    both = (list, tuple)
    if isinstance(base, both) and isinstance(other, both) and len(base) == len(other):
        pairs = enumerate(zip(base, other, strict=True))
        return [p for i, (a, b) in pairs for p in _difference(a, b, (*path, i))]
    return [([*path], other)]


def figure_section(name: str, heading: str, caption: str, label: str = "", width: int = 0) -> str:
    """Return a section for the figure `name`; `label`, or the caption, is for screen readers.

    A figure that needs a `width`, in pixels, scrolls on a narrower page.
    """
    figure = f'<div id="{name}" role="figure" aria-label="{escape(label or caption)}"></div>'
    if width:
        figure = (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(heading)}">'
            f'<div style="min-width: {width}px">{figure}</div></div>'
        )
    return (
        f'<section class="card"><h2>{escape(heading)}</h2>'
        f'<p class="muted small">{escape(caption)}</p>{figure}</section>'
    )


def table_section(
    heading: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = ""
) -> str:
    """Return a table below a caption, if it has rows; all columns except the first are numbers."""
    above = f'<p class="muted small">{escape(caption)}</p>' if caption else ""
    top = f'<section class="card"><h2>{escape(heading)}</h2>{above}'
    if not rows:
        return f"{top}</section>"
    head = "".join(f'<th scope="col"{_right(i)}>{escape(h)}</th>' for i, h in enumerate(heads))
    body = "".join(
        "<tr>"
        + "".join(f"<td{_right(i)}>{escape(str(cell))}</td>" for i, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return (
        f'{top}<div class="scroll" tabindex="0" role="region" aria-label="{escape(heading)}">'
        f'<table class="trials"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div></section>"
    )


def pictures_section(heading: str, caption: str, pictures: Iterable[tuple[str, str]]) -> str:
    """Return a section of pictures, each with its name and its address."""
    shown = "".join(
        f'<figure><img src="{address}" alt="{escape(name)}"><figcaption class="muted small">'
        f"{escape(name)}</figcaption></figure>"
        for name, address in pictures
    )
    return (
        f'<section class="card"><h2>{escape(heading)}</h2>'
        f'<p class="muted small">{escape(caption)}</p><div class="pictures">{shown}</div></section>'
    )


def drawing_section(heading: str, caption: str, light: str, dark: str) -> str:
    """Return a section of a drawing, given as two addresses: for a light and for a dark page."""
    return (
        f'<section class="card"><h2>{escape(heading)}</h2><picture>'
        f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img class="drawing" src="{light}" alt="{escape(heading)}: its stages"></picture>'
        f'<p class="muted small">{escape(caption)}</p></section>'
    )


def image_address(content: bytes, kind: str) -> str:
    """Return an image as a data URL; `kind` is that of its MIME type, such as `jpeg`."""
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


def facts_section(heading: str, facts: Iterable[tuple[str, str]]) -> str:
    """Return a section with a list of named facts."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in facts
    )
    return (
        f'<section class="card"><h2>{escape(heading)}</h2>'
        f'<table class="settings small">{rows}</table></section>'
    )


def write_document(
    page: str | bytes, path: Path, what: str = "page", remedy: str = _ELSEWHERE
) -> None:
    """Write a page or an image to `path` atomically; an error calls it `what`.

    Raises:
        ExportError: the directory is missing or not writable, or the disk is full.
    """
    try:
        path.parent.stat()  # a missing folder is an error
        whole = page.encode() if isinstance(page, str) else page
        write_whole(path, lambda part: write_bytes(part, whole))
    except OSError as error:
        raise ExportError(
            f"the {what} {str(path)!r} cannot be written: {error.strerror or error}.", remedy
        ) from error


def _right(column: int) -> str:
    return ' class="number"' if column else ""


@cache
def page_style() -> str:
    """Return the style sheet of the report and the dashboard."""
    return _asset("page.css")


@cache
def page_script() -> str:
    """Return the script that draws the figures of a page."""
    return _asset("page.js")


@cache
def packed_plotly() -> str:
    """Return plotly.js for a page: gzip in base64, 2 MB in place of 4.8 MB; page.js unpacks it."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


@cache
def report_script() -> str:
    """Return the script of the report's table."""
    return _asset("report.js")


def _asset(name: str) -> str:
    return files("nas.figures").joinpath("assets", name).read_text(encoding="utf-8")
