"""A page of figures as one self-contained file that loads nothing from the network.

Every figure has several themes (light and dark, wide and narrow); the page shows the one that fits,
and follows the reader's settings.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from nas.errors import ExportError
from nas.figures.page_assets import page_style
from nas.figures.theme import CONFIG, PageTheme

Draw: TypeAlias = Callable[[PageTheme], go.Figure]

LOOKS = {
    "light": PageTheme(),
    "dark": PageTheme(dark=True),
    "light-narrow": PageTheme(narrow=True),
    "dark-narrow": PageTheme(dark=True, narrow=True),
}
_ELSEWHERE = "Give another file, in a directory that exists and is writable."
# Inline code only; nothing may be fetched.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; form-action 'none'; base-uri 'none'"
)
_SCRIPT = """
const data = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 560px)");
const draw = () => {
  const theme = dark.matches ? "dark" : "light";
  for (const [id, looks] of Object.entries(data.figures)) {
    const figure = looks[narrow.matches ? theme + "-narrow" : theme];
    Plotly.react(id, figure.data, figure.layout, data.config);
  }
};
draw();
dark.addEventListener("change", draw);
narrow.addEventListener("change", draw);
"""


def document_html(
    heading: str,
    lead: Sequence[str],
    sections: Sequence[str],
    figures: Mapping[str, Draw],
    kind: str = "",
) -> str:
    """Return a page: `lead` are its first lines, `sections` HTML, `figures` by their id.

    `kind`, if given, follows the heading in the title of the window.
    """
    title = f"{heading}: {kind}" if kind else heading
    return page_html(title, header_html(heading, lead), sections, drawings(figures))


def page_html(
    title: str,
    header: str,
    sections: Iterable[str],
    figures: Mapping[str, Any],
    script: str = _SCRIPT,
    policy: str = POLICY,
) -> str:
    """Return a page with any header and sections (HTML), as one self-contained document.

    `figures` is available to `script` as JSON, under `figures` in the element `data`; the script of
    this module expects the result of `drawings`.
    """
    data = json.dumps({"config": CONFIG, "figures": figures}, separators=(",", ":"))
    data = data.replace("<", "\\u003c")  # so that no text of a figure ends the script element
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
<script>{get_plotlyjs()}</script>
<script>{script}</script>
</body>
</html>
"""


def header_html(heading: str, lines: Sequence[str], lead: str = "") -> str:
    """Return the header of a page: heading, a larger line `lead` if given, and further lines."""
    first = f'<p class="lead">{escape(lead)}</p>' if lead else ""
    rest = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f"<header><h1>{escape(heading)}</h1>{first}{rest}</header>"


def drawings(figures: Mapping[str, Draw]) -> dict[str, dict[str, Any]]:
    """Return every figure in every theme."""
    return {
        name: {key: json.loads(draw(look).to_json()) for key, look in LOOKS.items()}
        for name, draw in figures.items()
    }


def figure_section(name: str, heading: str, caption: str, label: str = "") -> str:
    """Return a section for the figure `name`; `label`, or the caption, describes it for readers."""
    return (
        f'<section class="card"><h2>{escape(heading)}</h2>'
        f'<p class="muted small">{escape(caption)}</p>'
        f'<div id="{name}" role="figure" aria-label="{escape(label or caption)}"></div></section>'
    )


def table_section(
    heading: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = ""
) -> str:
    """Return a table; all columns except the first are numbers."""
    head = "".join(f'<th scope="col"{_right(i)}>{escape(h)}</th>' for i, h in enumerate(heads))
    body = "".join(
        "<tr>"
        + "".join(f"<td{_right(i)}>{escape(str(cell))}</td>" for i, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    above = f'<p class="muted small">{escape(caption)}</p>' if caption else ""
    return (
        f'<section class="card"><h2>{escape(heading)}</h2>{above}'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(heading)}">'
        f'<table class="trials"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div></section>"
    )


def facts_section(heading: str, facts: Iterable[tuple[str, str]]) -> str:
    """Return a section of facts with their names."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in facts
    )
    return (
        f'<section class="card"><h2>{escape(heading)}</h2>'
        f'<table class="settings small">{rows}</table></section>'
    )


def write_document(page: str, path: Path, what: str = "page", remedy: str = _ELSEWHERE) -> None:
    """Write a page to `path` atomically; an error calls it `what`.

    Raises:
        ExportError: the directory is missing or not writable, or the disk is full.
    """
    text = page.encode()
    part = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            part = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        if part:
            with suppress(OSError):
                part.unlink()
        raise ExportError(
            f"the {what} {str(path)!r} cannot be written: {error.strerror or error}.", remedy
        ) from error


def _right(column: int) -> str:
    return ' class="number"' if column else ""
