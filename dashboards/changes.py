"""Rename and delete studies, for a reader whose page was opened with the key.

The process of the page only reads: `nas rename` and `nas delete` run in separate processes, and
take the lease of the study as in a terminal. Without the key a page shows these commands.
"""

import secrets
from collections.abc import Sequence
from typing import Any

import dash
from dash import ALL, ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update

from nas.dashboards.nas_command import Commands, Ran
from nas.dashboards.parts import aria, command, copied
from nas.dashboards.reader import Reader
from nas.errors import NasError
from nas.store import StudySummary
from nas.units import plural

_NO_KEY = (
    "To change studies on this page, start it with nas dashboard --allow-changes, and open the "
    "address that it prints."
)


class StudyEditor:
    """Changes studies of one database for a page that has the `key`; without a key, for none."""

    def __init__(self, database: str | None, key: str | None = None) -> None:
        """Change studies in `database`, as `open_store` takes it."""
        self._commands, self._key = Commands(database), key

    def allowed(self, key: object) -> bool:
        """Tell whether a page with this key may change studies."""
        if self._key is None or not isinstance(key, str):
            return False
        return secrets.compare_digest(self._key.encode(), key.encode())

    def rename(self, study: str, name: str, key: object) -> Ran:
        """Give a study another name."""
        return self._changed(["rename", "--", study, name], key)

    def delete(self, study: str, typed: str, key: object) -> Ran:
        """Delete a study whose name the reader has typed."""
        if typed != study:
            return Ran(problem=f"Nothing was deleted. Type {study} to delete it.")
        return self._changed(["delete", "--yes", "--", study], key)

    def _changed(self, words: Sequence[str], key: object) -> Ran:
        return self._commands.run(words) if self.allowed(key) else Ran(problem=_NO_KEY)


def dialog() -> Any:
    """Return the dialog, empty; the browser opens it."""
    close = html.Button("Close", id="close-change", type="button")
    bar = html.Div([html.H2(id="change-name"), close], className="bar")
    parts = [bar, html.Div(id="change-body")]
    return html.Dialog(parts, id="change", className="card", **aria(labelledby="change-name"))


def register_changes(app: dash.Dash, reader: Reader, changes: StudyEditor) -> None:
    """Register the callbacks of the dialog."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "change"),
        Output("changing", "data"),
        Input({"type": "change", "name": ALL}, "n_clicks"),
        Input("close-change", "n_clicks"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("change-name", "children"),
        Output("change-body", "children"),
        Input("changing", "data"),
        prevent_initial_call=True,
    )
    def show(changing: Any) -> tuple[Any, ...]:
        if not changing:
            return (no_update,) * 2
        try:
            entries = {one.name: one for one in reader.studies()}
        except NasError as error:
            return changing["study"], html.P(str(error), className="bad")
        entry = entries.get(changing["study"])
        if entry is None:
            return changing["study"], html.P("There is no such study any more.")
        allowed = changes.allowed(changing["key"])
        shown = _controls if allowed else _commands
        return entry.name, shown(entry, reader.database)

    @app.callback(
        Output("change-text", "children"),
        Output("change-forms", "hidden"),
        Output("changed", "data"),
        Input("rename-study", "n_clicks"),
        Input("delete-study", "n_clicks"),
        State("new-name", "value"),
        State("typed-name", "value"),
        State("changing", "data"),
        running=[
            (Output("rename-study", "disabled"), True, False),
            (Output("delete-study", "disabled"), True, False),
        ],
        prevent_initial_call=True,
    )
    def change(
        renamed: Any, deleted: Any, name: str | None, typed: str | None, changing: Any
    ) -> tuple[Any, ...]:
        study, key = changing["study"], changing["key"]
        if not (renamed or deleted):
            return (no_update,) * 3  # the buttons were only redrawn
        if ctx.triggered_id == "rename-study":
            ran = changes.rename(study, (name or "").strip(), key)
        else:
            ran = changes.delete(study, (typed or "").strip(), key)
        if ran.problem:
            return html.Span(ran.problem, className="bad"), no_update, no_update
        reader.forget()
        return ran.out, True, changing["time"]


def _controls(entry: StudySummary, database: str) -> list[Any]:
    """Return the forms that rename and delete a study; a running study has none."""
    if entry.holder:
        return [
            html.P(f"It is running on {entry.holder}, so it cannot be renamed or deleted."),
            *copied(command(("stop", entry.name), database), "stop-command"),
        ]
    trials = plural(sum(entry.counts.values()), "trial")
    asked = f"Delete its {trials}, weights, report and export; type its name to confirm"
    rename = _form("New name", "new-name", "rename-study", "Rename")
    delete = _form(asked, "typed-name", "delete-study", "Delete")
    text = html.P(id="change-text", role="status")
    return [html.Div([rename, delete], id="change-forms"), text]


def _form(label: str, field: str, button: str, words: str) -> Any:
    return html.Div(
        [
            html.Label(label, htmlFor=field),
            html.Div([dcc.Input(id=field, type="text"), html.Button(words, id=button)]),
        ],
        className="change",
    )


def _commands(entry: StudySummary, database: str) -> list[Any]:
    words = {"rename": (entry.name, "NEW-NAME"), "delete": (entry.name,)}
    lines = [
        part
        for verb, rest in words.items()
        for part in copied(command((verb, *rest), database), f"{verb}-command")
    ]
    return [*lines, html.P(_NO_KEY, className="muted small")]
