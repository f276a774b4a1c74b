"""The report: one self-contained HTML page that loads nothing from the network."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import TypeAlias

import plotly.graph_objects as go

from nas.cost import LAYER_COLUMNS
from nas.figures.curves import learning_curves_figure
from nas.figures.distributions import edf_figure, edf_text
from nas.figures.document import (
    POLICY,
    drawing_section,
    facts_section,
    figure_section,
    image_address,
    page_html,
    pictures_section,
    report_script,
    table_section,
    write_document,
)
from nas.figures.effects import (
    EFFECTS_HEADERS,
    effects_caption,
    effects_figure,
    effects_rows,
)
from nas.figures.front import front_figure
from nas.figures.network_drawing import DRAWING_CAPTION, network_svg
from nas.figures.parallel import parallel_figure, parallel_text
from nas.figures.progress import progress_figure, progress_text
from nas.figures.table import headers, layer_rows, numeric, point_facts, point_row
from nas.figures.theme import PageTheme, title
from nas.metrics import Direction
from nas.results import (
    AUDIT_COLUMNS,
    Explanation,
    Pictures,
    Point,
    PointGroup,
    StageTable,
    StudyView,
    audit_rows,
    audit_sentences,
)
from nas.space import Layer
from nas.units import duration

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


Draw: TypeAlias = Callable[[StudyView, PageTheme | None], go.Figure]

_MAX_ROWS = 1000
_FIGURES: dict[str, tuple[str, str, Draw]] = {
    "front": (
        "{front}",
        "{Better} and left is better. The line bounds the area that the front dominates; the "
        "dashed line is the budget. A point shows the mean over the seeds, its bar the 95 % "
        "interval. If some candidates are confirmed, those with a single seed are hollow and off "
        "the line. A stopped trial is shown at its last measurement.",
        front_figure,
    ),
    "curves": (
        "Learning curves",
        "The {value} after each epoch. Dotted lines are the rungs at which trials are judged.",
        learning_curves_figure,
    ),
    "progress": ("Progress", "{progress}", progress_figure),
}
_CONFUSION = (
    "Confusion on the test split",
    "Rows are classes, columns the predictions of the best network, over all its seeds.",
    confusion_figure,
)
_REMEDY = "Give another file with -o, in a directory that exists and is writable."


def write_report(
    view: StudyView,
    path: Path,
    why: Explanation | None = None,
    examples: Pictures | None = None,
    layers: Sequence[Layer] = (),
) -> None:
    """Write the page to `path` atomically, with the explanation of the study.

    `examples` and `layers` are those of the best network.

    Raises:
        ExportError: the directory is missing or not writable, or the disk is full.
    """
    write_document(report_html(view, why, examples, layers), path, "report", _REMEDY)


def report_html(
    view: StudyView,
    why: Explanation | None = None,
    examples: Pictures | None = None,
    layers: Sequence[Layer] = (),
) -> str:
    """Return the page of `write_report` as text."""
    why = why or Explanation()
    header = (
        f'<header><h1>{escape(view.name)}</h1><p class="lead">{escape(view.summary)}</p>'
        f"{''.join(_remarks(view))}</header>"
    )
    settings = (*view.settings, ("Wall clock", duration(view.seconds)))
    sections = [*_sections(view), *_examples(examples), *_layers(layers)]
    sections += [] if view.fixed else [*_why(view, why)]
    sections += [_trials(view), facts_section("Settings", settings)]
    figures = {name: partial(draw, view) for name, (_, _, draw) in _figures(view).items()}
    if not view.fixed:
        figures |= {"parallel": partial(parallel_figure, view), "edf": partial(edf_figure, [view])}
        if why.effects and why.effects.effects:
            figures["effects"] = partial(effects_figure, why.effects)
    title, script = f"{view.name}: report", report_script()
    return page_html(title, header, sections, figures, script, _policy(view))


def _policy(view: StudyView) -> str:
    """Return the page's security policy; WebGL, used for many lines, compiles code at run time."""
    code = "script-src 'unsafe-inline'"
    return POLICY if view.fixed else POLICY.replace(code, f"{code} 'unsafe-eval'")


def _remarks(view: StudyView) -> Iterator[str]:
    if view.note:
        yield f'<p class="note">{escape(view.note)}</p>\n'
    compared = [view.best] if view.best else []
    compared += [point for point in view.group(PointGroup.PUBLISHED) if point.test]
    for point in compared:
        short, test = escape(view.metric.short), escape(str(point.test))
        tested = f"; test {short} <strong>{test}</strong>" if point.test else ""
        words = escape(point.words)
        yield f"<p>{escape(point.label)}: validation {short} {words}{tested}.</p>\n"
    for point in view.points:
        if point.taught:
            yield f"<p>{escape(point.label)}: {escape(point.taught)}.</p>\n"
    for label, line in view.confirmed:
        yield f"<p>{escape(label)}: {escape(line)}.</p>\n"
    for line in view.verdicts:
        yield f"<p>Test {escape(view.metric.short)} of the best: {escape(line)}.</p>\n"
    if any(point.estimate and point.estimate.reach for point in view.points):
        yield '<p class="muted small">± is the 95 % interval of the mean over the seeds.</p>\n'
    for point in view.points:
        if point.note:
            yield f"<p>{escape(point.label)}: {escape(point.note)}.</p>\n"


def _figures(view: StudyView) -> dict[str, tuple[str, str, Draw]]:
    """Return the figures of a page; a training has no figures of a search."""
    shown = {name: one for name, one in _FIGURES.items() if name == "curves" or not view.fixed}
    return shown | ({"confusion": _CONFUSION} if view.confusion else {})


def _sections(view: StudyView) -> Iterator[str]:
    for name, texts in _figures(view).items():
        heading, caption = (_worded(text, view) for text in texts[:2])
        label = view.summary if name == "front" else caption
        yield figure_section(name, heading, caption, label)
    if view.confusion:
        heads = ("class", "taken for", "images")
        yield table_section("Most frequent mistakes", heads, worst_confusions(view))
    for table in view.by_class:
        yield table_section(f"The best: {table.title.lower()}", table.headers, table.rows)


def _examples(found: Pictures | None) -> Iterator[str]:
    if found and found.pictures:
        shown = ((each.name, image_address(each.content, "jpeg")) for each in found.pictures)
        yield pictures_section("Examples of the best", found.caption, shown)


def _layers(layers: Sequence[Layer]) -> Iterator[str]:
    """Yield the drawing of the best network, and its layers, which the reader opens."""
    if layers:
        light, dark = (
            image_address(network_svg(layers, PageTheme(dark)).encode(), "svg+xml")
            for dark in (False, True)
        )
        yield drawing_section("The best", DRAWING_CAPTION, light, dark)
        words = "The best, layer by layer"
        table = StageTable((), tuple(LAYER_COLUMNS.values()), layer_rows(layers))
        yield (
            f'<section class="card"><details class="layers"><summary>{words}</summary>'
            f'<div class="scroll" tabindex="0" role="region" aria-label="{words}">'
            f"{_stages(table)}</div></details></section>"
        )


def _why(view: StudyView, why: Explanation) -> Iterator[str]:
    """Yield the sections that explain a search."""
    if why.effects and why.effects.effects:
        caption = effects_caption(why.effects)
        yield figure_section("effects", "Why: the effects of the choices", caption, caption)
        yield table_section("Effects", EFFECTS_HEADERS, effects_rows(why.effects))
    if why.audit:
        rows = [[*row.values()] for row in audit_rows(why.audit)] if why.audit.scored else []
        words = " ".join(audit_sentences(why.audit, why.compute))
        heads = [*AUDIT_COLUMNS.values()]
        yield table_section("Why: the scores without training", heads, rows, words)
    width = (parallel_figure(view).layout.meta or {}).get("width", 0)
    text = parallel_text(view)
    yield figure_section("parallel", "Why: the choices of each network", text, width=width)
    yield figure_section("edf", "Why: the distribution of the results", edf_text())


def _worded(text: str, view: StudyView) -> str:
    """Return a heading or a caption with the names of the metrics of this study."""
    value = view.metric.short
    better = "Down" if view.y.metric.direction is Direction.MINIMISE else "Up"
    front, progress = view.front_title, progress_text(view)
    return text.format(front=front, value=value, Better=better, progress=progress)


def _trials(view: StudyView) -> str:
    shown = view.points[:_MAX_ROWS]
    rest = len(view.points) - len(shown)
    more = f" The first {_MAX_ROWS} of {len(view.points)} are shown." if rest else ""
    heads = "".join(
        f'<th scope="col"{_number(head)}><button type="button">{head}</button></th>'
        for head in headers(view)
    )
    rows = "\n".join(_row(view, point) for point in shown)
    return (
        '<section class="card"><h2>Trials</h2>'
        f'<p class="muted small">The front first; click a heading to sort by its column.{more}</p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of trials">'
        f'<table class="trials" id="trials"><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _row(view: StudyView, point: Point) -> str:
    cells = []
    for head, cell in zip(headers(view), point_row(view, point), strict=True):
        key = "" if cell.key is None else escape(str(cell.key))
        text = escape(cell.text)
        if head == "Architecture":
            more = _stages(view.stage_table(point)) + _facts(view, point)
            text = f"<details><summary><code>{cell.key}</code></summary>{more}</details>"
        cells.append(f'<td data-key="{key}"{_number(head)}>{text}</td>')
    kind = point.group.value
    return f'<tr id="trial-{point.number}" class="{kind}">{"".join(cells)}</tr>'


def _stages(table: StageTable) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in table.header)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(value)}</td>' for value in values)}</tr>"
        for values in table.rows
    )
    shared = ", ".join(f"{key} {value}" for key, value in table.shared)
    line = f'<div class="small muted">all stages: {escape(shared)}</div>' if shared else ""
    return f'<table class="stages"><thead><tr>{heads}</tr></thead>{rows}</table>{line}'


def _facts(view: StudyView, point: Point) -> str:
    lines = [f"{name}: {value}" for name, value in point_facts(view, point)]
    return "".join(f'<div class="small muted">{escape(line)}</div>' for line in lines)


def _number(head: str) -> str:
    return ' class="number"' if numeric(head) else ""
