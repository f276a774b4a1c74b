"""The layout of the application: it contains all pages; the address selects the shown one."""

from typing import Any, cast

from dash import dcc, html

from nas.dashboards.changes import dialog
from nas.dashboards.page_state import MOST_COMPARED, MOST_OVERLAID, THEMES
from nas.dashboards.parts import aria, scrolled
from nas.figures import CONFIG, PROGRESS_BY_WORDS, ProgressOf
from nas.results import PointGroup

POLL_MILLISECONDS = 2500
SYSTEM = "system"  # the theme of the page follows the system
# Parts of the page that are drawn after the front, and their cards.
CARDS = (
    {"name": "table", "of": ["table-card"]},
    {"name": "effects", "of": ["effects", "scores"]},
    {"name": "progress", "of": ["progress-card"]},
    {"name": "timeline", "of": ["timeline-card"]},
    {"name": "why", "of": ["parallel-card", "edf-card"]},
)
PAGES = ("studies-page", "study-page", "missing-page")
_STORES = (  # state of a page that callbacks pass to each other
    "beat", "roll-call", "state", "seen", "near", "due", "listed", "changing", "changed", "tabled",
    "detailed", "action", "layers-open", "layers-of", "layer-rows", "window", "explained",
    "chosen-by", "offered", "timeline-of", "progress-of",
)  # fmt: skip
_HIDEABLE = (
    PointGroup.STOPPED, PointGroup.DOMINATED, PointGroup.UNCONFIRMED, PointGroup.RUNNING,
    PointGroup.OVER_BUDGET, PointGroup.PUBLISHED,
)  # fmt: skip
_FIGURE = {**CONFIG, "modeBarButtonsToRemove": ["sendChartToCloud", "lasso2d", "autoScale2d"]}


def page_layout() -> Any:
    """Return the layout, the same for every address."""
    return html.Main(
        [
            dcc.Location(id="url", refresh=False),
            dcc.Interval(id="tick", interval=POLL_MILLISECONDS),
            dcc.Interval(id="job-tick", interval=1000, disabled=True),
            dcc.Store(id="look", data={"dark": False, "narrow": False, "hidden": False}),
            dcc.Store(id="cards", data=CARDS),
            *(dcc.Store(id=name) for name in _STORES),
            *(dcc.Store(id=f"{card['name']}-seen") for card in CARDS),
            dcc.Store(id="list-order", data={"header": None, "descending": False}),
            dcc.Store(id="order", data={"header": None, "descending": False, "page": 0}),
            html.Header(
                [
                    html.A("All studies", href="/", id="home", className="small"),
                    html.Div(id="status", role="status", className="small muted"),
                    dcc.RadioItems(
                        id="theme",
                        options=[*THEMES, SYSTEM],  # the address selects one
                        inline=True,
                        className="small checks theme",
                    ),
                ],
                className="bar",
            ),
            html.Section(_studies(), id="studies-page", hidden=True),
            html.Section(_study(), id="study-page", hidden=True),
            html.Section(id="missing-page", hidden=True),
        ]
    )


def _studies() -> list[Any]:
    return [
        html.H1("Studies"),
        html.Div(
            [
                html.Label("Search", htmlFor="find"),
                dcc.Input(id="find", type="text", debounce=0.3, placeholder="name, space, task"),
            ],
            className="picker",
        ),
        html.Div(id="studies", className="card scroll"),
        dialog(),
    ]


def _study() -> list[Any]:
    return [
        html.H1(id="name"),
        html.P(id="summary", className="lead", **aria(live="polite")),
        html.P(id="note", className="note"),
        html.Div(id="counters", className="tiles"),
        html.Div(
            [
                html.Div(
                    [
                        html.Section(
                            [
                                html.H2("Front", id="front-heading"),
                                _controls(),
                                html.P(
                                    id="overlay-text",
                                    className="small muted",
                                    **aria(live="polite"),
                                ),
                                _graph("front", 500, movable=True),
                            ],
                            id="front-card",
                            className="card",
                        ),
                        html.Section(id="compare", className="card"),
                        _card("curves", "Learning curves", 380),
                        _card("progress", "Progress", 300, _progress_controls()),
                        _card("timeline", "Workers", 200),
                        html.Section(id="effects", className="card"),
                        html.Section(id="scores", className="card"),
                        _parallel(),
                        _card("edf", "Why: the distribution of the results", 360),
                        html.Section(
                            [html.H2("Trials"), html.Div(id="table")],
                            id="table-card",
                            className="card",
                        ),
                        html.Section(
                            [html.H2("Settings"), html.Div(id="settings")], className="card"
                        ),
                    ],
                    className="main",
                ),
                html.Aside(
                    [
                        html.Div(id="detail", **aria(live="polite")),
                        html.Details(
                            [
                                html.Summary("Layer by layer"),
                                html.P(id="layer-text", className="muted small"),
                                scrolled(html.Div(id="layer-table"), "Layer by layer"),
                            ],
                            id="layers",
                            className="layers",
                            hidden=True,
                        ),
                        html.Div(id="downloads"),
                    ],
                    id="side",
                    className="card",
                ),
            ],
            className="columns",
        ),
    ]


def _controls() -> Any:
    return html.Div(
        [
            _labelled("Horizontal", dcc.Dropdown(id="x", clearable=False)),
            _labelled("Vertical", dcc.Dropdown(id="y", clearable=False)),
            _labelled("Colour", dcc.Dropdown(id="colour", placeholder="standing")),
            _labelled("Best under", dcc.Input(id="under", type="text", debounce=True, size="9")),
            html.Span(id="best-under", className="small", **aria(live="polite")),
            _labelled("With", _overlaid()),
            _labelled(
                "Best of all (%)",
                dcc.Input(
                    id="top", type="number", min=0.1, max=100, debounce=True, placeholder="100"
                ),
            ),
            html.Button("All trials", id="all-trials", type="button", hidden=True),
            dcc.Checklist(
                id="scales",
                options=[
                    {"label": "log. horizontal", "value": "log_x"},
                    {"label": "log. vertical", "value": "log_y"},
                ],
                value=[],
                inline=True,
                className="small checks",
            ),
            dcc.Checklist(
                id="shown",
                options=[{"label": group.label, "value": group.value} for group in _HIDEABLE],
                value=[group.value for group in _HIDEABLE],
                inline=True,
                className="small checks",
            ),
        ],
        className="controls",
    )


def _progress_controls() -> Any:
    shows = [{"label": each.value, "value": each.value} for each in ProgressOf]
    against = [{"label": words, "value": by.value} for by, words in PROGRESS_BY_WORDS.items()]
    controls = [
        _labelled("Shows", dcc.Dropdown(shows, id="shows", clearable=False)),
        _labelled("Against", dcc.Dropdown(against, id="against", clearable=False)),
    ]
    return html.Div(controls, className="controls")


def _overlaid() -> Any:
    return dcc.Dropdown(id="others", multi=True, placeholder=f"up to {MOST_OVERLAID} studies")


def _parallel() -> Any:
    return html.Section(
        [
            html.H2("Why: the choices of each network"),
            html.P(id="parallel-text", className="muted small"),
            _labelled("Axes", dcc.Dropdown(id="along", placeholder="all choices")),
            html.Div(
                html.Div(_graph("parallel", 420), id="parallel-room"),
                className="scroll",
                tabIndex="0",
                role="region",
                **aria(label="Parallel coordinates"),
            ),
        ],
        id="parallel-card",
        className="card",
    )


def hidden_groups(shown: list[str]) -> tuple[str, ...]:
    """Return the groups that are not among those `shown`."""
    return tuple(group.value for group in _HIDEABLE if group.value not in shown)


def shown_groups(hidden: tuple[str, ...]) -> list[str]:
    """Return the groups to select in the list of those shown."""
    return [group.value for group in _HIDEABLE if group.value not in hidden]


def compare_hint() -> Any:
    """Return the text for a comparison without trials."""
    return html.P(
        f"Pin up to {MOST_COMPARED} networks to compare them: by the stars of the table, or hold "
        "Shift and click a point.",
        className="muted small",
    )


def _labelled(words: str, control: Any) -> Any:
    return html.Label([html.Span(words, className="muted small"), control], className="control")


def _graph(name: str, height: int, *, movable: bool = False) -> Any:
    """Return a figure; `movable` lines can be dragged.

    Its height, in pixels, is set before it is drawn: a figure that is drawn on a hidden page would
    otherwise have no height, and cover the parts below.
    """
    config = {**_FIGURE, "edits": {"shapePosition": movable}}
    return dcc.Graph(id=name, config=cast("Any", config), style={"height": height})


def _card(name: str, heading: str, height: int, controls: Any = None) -> Any:
    text = html.P(id=f"{name}-text", className="muted small")
    return html.Section(
        [html.H2(heading), *([controls] if controls else []), text, _graph(name, height)],
        id=f"{name}-card",
        className="card",
    )
