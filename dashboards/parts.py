"""The parts of the page, made from a StudyView; data is inserted as text, never as markup."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dash import dcc, html

from nas.dashboards.page_state import PageState
from nas.dashboards.reader import Snapshot
from nas.figures import (
    DRAWING_CAPTION,
    PageTheme,
    headers,
    image_address,
    network_svg,
    numeric,
    point_facts,
    point_row,
    point_standing,
    point_summary,
    sorted_points,
)
from nas.results import Pictures, Point, StudyView, class_tables
from nas.store import StudySummary
from nas.study import TrialState
from nas.units import capitalised, duration

PAGE_ROWS = 50
_LISTED = 20
_DEFAULT_DATABASE = "nas.db"


def counters(view: StudyView) -> list[Any]:
    """Return the counters: finished trials by state, the best so far with its cost, the time."""
    best = view.best
    cost = f"at {view.x.show(best.x)} {view.x.name}, trial {best.number}" if best else ""
    tiles = [
        (str(view.finished), f"of {view.planned} ended" if view.planned else "ended"),
        (str(view.count(TrialState.RUNNING)), "running"),
        (str(view.count(TrialState.STOPPED)), "stopped early"),
        (str(view.count(TrialState.FAILED)), "failed"),
        (view.y.show(best.y if best else None), f"best {cost}".strip()),
        (duration(view.seconds), "wall clock"),
    ]
    return [
        html.Div([html.Strong(value), html.Span(words, className="muted small")], className="tile")
        for value, words in tiles
    ]


def settings(view: StudyView) -> Any:
    """Return the table of the study's settings."""
    rows = [html.Tr([html.Th(name, scope="row"), html.Td(text)]) for name, text in view.settings]
    return html.Table(html.Tbody(rows), className="settings small")


def trials(view: StudyView, order: dict[str, Any]) -> list[Any]:
    """Return one page of the table of trials; `order` holds header, descending and page."""
    pages = max(1, -(-len(view.points) // PAGE_ROWS))
    page = min(order["page"], pages - 1)
    part = slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS)
    shown = sorted_points(view, order["header"], order["descending"], part)
    table = html.Table(
        [
            html.Thead(
                html.Tr([sortable_head(w, order, "head", numeric(w)) for w in headers(view)])
            ),
            html.Tbody([_row(view, point) for point in shown]),
        ],
        className="trials",
    )
    return [html.Div(table, className="scroll"), *_pager(page, pages)]


def detail(
    snapshot: Snapshot,
    point: Point,
    database: str,
    look: PageTheme,
    compared: bool,
    examples: Pictures | None = None,
) -> list[Any]:
    """Return everything about one trial, with the commands that show and export it."""
    view = snapshot.view
    table = view.stage_table(point)
    shared = ", ".join(f"{key} {value}" for key, value in table.shared)
    parts = [
        html.Div(
            [
                html.H2(capitalised(point.label)),
                html.Button("Close", id={"type": "close", "number": point.number}, type="button"),
            ],
            className="bar",
        ),
        html.P(f"{point_standing(view, point)}: {point_summary(view, point)}", className="muted"),
        pin(point, "Compare", compared),
        *_drawing(snapshot, point, look),
        html.Div(_stages(table.header, table.rows), className="scroll"),
        html.P(f"all stages: {shared}" if shared else "", className="muted small"),
        html.Table(
            html.Tbody(
                [html.Tr([html.Th(key), html.Td(text)]) for key, text in point_facts(view, point)]
            ),
            className="settings small",
        ),
        *_by_class(snapshot, point),
        *_examples(examples),
        html.P(html.Code(point.architecture.text), className="wrap small"),
    ]
    if point.state is TrialState.COMPLETE:
        parts += copied(export_command(view.name, point.number, database), "command")
    else:
        arch_id = point.architecture.arch_id
        source = ("export", "--arch", arch_id, "--format", "source", "-o", arch_id)
        parts += copied(command(source, database), "source-command")
    shown = ("show", view.name, "--trial", str(point.number))
    parts += copied(command(shown, database), "show-command")
    if point.detail:
        parts.append(html.Details([html.Summary(f"Why: {point.reason}"), html.Pre(point.detail)]))
    return parts


def _by_class(snapshot: Snapshot, point: Point) -> Iterator[Any]:
    """Yield the tables of the metrics by class, if they are recorded."""
    trial = snapshot.found.table.get(point.number)
    for table in class_tables(snapshot.found, trial) if trial else ():
        yield html.H3(table.title)
        yield scrolled(_stages(table.headers, table.rows), table.title)


def _examples(found: Pictures | None) -> list[Any]:
    """Return the pictures of some images with the outputs of a network."""
    if found is None or not found.pictures:
        return []
    shown = [
        html.Figure([
            html.Img(src=image_address(each.content, "jpeg"), alt=each.name),
            html.Figcaption(each.name, className="muted small"),
        ])
        for each in found.pictures
    ]  # fmt: skip
    caption = html.P(found.caption, className="muted small")
    return [html.H3("Examples"), caption, html.Div(shown, className="pictures")]


def pin(point: Point, words: str, pressed: bool = False) -> Any:
    """Return the button that pins or unpins a network, which the browser does at once."""
    label = f"pin {point.label}"
    named = {} if words else {"title": label, **aria(label=label)}
    state = {"data-pin": point.number, **aria(pressed=str(pressed).lower())}
    return html.Button(words, type="button", className="pin", **named, **state)


def _drawing(snapshot: Snapshot, point: Point, look: PageTheme) -> list[Any]:
    """Return the drawing of the network of a trial at the deployment."""
    svg = network_svg(snapshot.spec.deployed_layers(point.architecture), look)
    words = f"{point.label}: {len(point.architecture.stages)} stages, {point.architecture.text}"
    return [
        html.Img(src=svg_address(svg), alt=words, className="drawing"),
        html.P(DRAWING_CAPTION, className="muted small"),
    ]


def svg_address(svg: str) -> str:
    """Return an SVG drawing as the address of an image."""
    return image_address(svg.encode(), "svg+xml")


def missing(cause: str, state: PageState, entries: Sequence[StudySummary]) -> list[Any]:
    """Return the page for an address that does not exist, because of `cause`."""
    names, words = [entry.name for entry in reversed(entries)], "These studies exist:"
    if state.study in names:
        names, words = [str(state.study)], "Its study exists:"
    links = [
        html.Li(dcc.Link(name, href=PageState(study=name, theme=state.theme).address))
        for name in names[:_LISTED]
    ]
    more = len(names) - len(links)
    return [
        html.H1("Not found"),
        html.P(cause),
        html.P(words if links else "The database has no study yet."),
        html.Ul(links),
        html.P(f"and {more} more" if more > 0 else ""),
    ]


def export_command(study: str, number: int, database: str) -> str:
    """Return the command that exports a trial."""
    name = f"{study}-trial-{number}"
    return command(("export", study, "--trial", str(number), "-o", name), database)


def command(words: Sequence[str], database: str) -> str:
    """Return `nas words` as a command to paste, with --db unless the database is the default."""
    db = () if database == _DEFAULT_DATABASE else ("--db", database)
    return shlex.join(("nas", *words, *db))


def aria(**words: str) -> dict[str, Any]:
    """Return ARIA attributes, which Dash's signatures do not include."""
    return {f"aria-{name}": value for name, value in words.items()}


def copied(text: str, name: str) -> list[Any]:
    """Return a command with a button that copies it; the id of its text is `name`."""
    return [
        html.Div(
            [html.Code(text, id=name), dcc.Clipboard(target_id=name, title="copy the command")],
            className="command",
        )
    ]


def scrolled(table: Any, label: str) -> Any:
    """Return a table that may be wider than the page, called `label` by screen readers."""
    return html.Div(table, className="scroll", tabIndex="0", role="region", **aria(label=label))


def sortable_head(word: str, order: Mapping[str, Any], kind: str, number: bool) -> Any:
    """Return the heading of a column with a button that sorts; `order` is that of the table.

    `kind` is the type of the button's id; a column of a `number` is aligned to the right.
    """
    direction = "descending" if order.get("descending") else "ascending"
    sort = aria(sort=direction) if order.get("header") == word else {}
    button = html.Button(word, id={"type": kind, "name": word}, type="button")
    return html.Th(button, scope="col", className="number" if number else "", **sort)


def turned(order: Mapping[str, Any], header: str) -> dict[str, Any]:
    """Return the order after a click on a heading: ascending first, then the other direction."""
    down = order["header"] == header and not order["descending"]
    return {"header": header, "descending": down}


def _row(view: StudyView, point: Point) -> Any:
    cells = []
    for header, cell in zip(headers(view), point_row(view, point), strict=True):
        text: Any = cell.text
        if header == "Trial":
            row = html.Button(text, id={"type": "row", "number": point.number}, type="button")
            text = [pin(point, ""), row]
        if header == "Architecture":
            text = html.Code(str(cell.key))
        cells.append(html.Td(text, className="number" if numeric(header) else ""))
    return html.Tr(cells, className=point.group.value, id=f"trial-{point.number}")


def _pager(page: int, pages: int) -> list[Any]:
    if pages == 1:
        return []
    return [
        html.Nav(
            [
                html.Button("Back", id={"type": "page", "to": page - 1}, disabled=page == 0),
                html.Span(f"page {page + 1} of {pages}", className="muted small"),
                html.Button("On", id={"type": "page", "to": page + 1}, disabled=page == pages - 1),
            ],
            className="pager",
            **aria(label="pages of the table"),
        )
    ]


def _stages(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    head = html.Thead(html.Tr([html.Th(word, scope="col") for word in header]))
    body = html.Tbody([html.Tr([html.Td(value) for value in values]) for values in rows])
    return html.Table([head, body], className="stages")


def zone_of(look: dict[str, Any]) -> tzinfo:
    """Return the zone that a browser named; UTC if it is unknown here."""
    try:
        return ZoneInfo(str(look.get("zone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def now_in(zone: tzinfo) -> str:
    """Return the time of day, to the second."""
    return datetime.now(zone).strftime("%H:%M:%S")


def day_in(moment: datetime, zone: tzinfo) -> str:
    """Return a moment, to the minute."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
