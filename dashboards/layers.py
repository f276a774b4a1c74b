"""The table of the layers of the chosen trial; it is computed when the reader opens it."""

from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State

from nas.cost import LAYER_COLUMNS
from nas.dashboards.reader import Reader
from nas.errors import NasError
from nas.figures import layer_rows
from nas.results import counted_at


def register_layers(app: dash.Dash, reader: Reader) -> None:
    """Register the callbacks of the table."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "layers"),
        Output("layers-of", "data"),
        Output("layers", "hidden"),
        Input("layers-open", "data"),
        Input("state", "data"),
        State("layers-of", "data"),
    )

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nas", "draw_layers"),
        Input("layer-rows", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("layer-text", "children"),
        Output("layer-rows", "data"),
        Input("layers-of", "data"),
        prevent_initial_call=True,
    )
    def show_layers(chosen: dict[str, Any]) -> tuple[str, Any]:
        try:
            return layers(reader, chosen["study"], chosen["trial"])
        except NasError as error:
            return str(error), {"head": [], "rows": []}


def layers(reader: Reader, study: str, number: int) -> tuple[str, dict[str, Any]]:
    """Return a description, and the table of the layers of a trial as `nas count` prints it.

    Raises:
        NasError: the study cannot be read, or the package that adds its task is not installed.
    """
    snapshot = reader.snapshot(study)
    trial = snapshot.found.table.get(number)
    shown = snapshot.spec.deployed_layers(trial.architecture) if trial else []
    text = f"trial {number} at {counted_at(snapshot.spec, brief=True)}, batch 1"
    return text, {"head": list(LAYER_COLUMNS.values()), "rows": layer_rows(shown)}
