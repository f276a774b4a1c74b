"""Updates: of what a page shows, only that is sent which differs from what it has.

A page keeps a digest of each part that it was sent, so that the server keeps nothing of its pages.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, TypeAlias

import plotly.graph_objects as go
from dash import Patch, no_update
from plotly.utils import PlotlyJSONEncoder

Digests: TypeAlias = dict[str, Any]


def changed(parts: Mapping[str, Any], before: Digests) -> tuple[dict[str, Any], Digests]:
    """Return the parts of a page by name, `no_update` for those that it has, and all digests."""
    sent: dict[str, Any] = {}
    after = dict(before)
    for name, part in parts.items():
        if part is no_update:
            sent[name] = part
        elif isinstance(part, go.Figure):
            sent[name], after[name] = _figure(part, before.get(name))
        else:
            after[name] = _digest(part)
            sent[name] = no_update if before.get(name) == after[name] else part
    return sent, after


def _figure(figure: go.Figure, before: Any) -> tuple[Any, dict[str, Any]]:
    """Return a figure, or the traces of it that changed, and its digests."""
    plain = _plain(figure)
    traces = [_digest(trace) for trace in plain["data"]]
    after = {"layout": _digest(plain["layout"]), "traces": traces}
    if before == after:
        return no_update, after
    if not before or len(before["traces"]) != len(traces):
        return plain, after
    patch = Patch()
    for place, (old, new) in enumerate(zip(before["traces"], traces, strict=True)):
        if old != new:
            patch["data"][place] = plain["data"][place]
    if before["layout"] != after["layout"]:
        patch["layout"] = plain["layout"]
    return patch, after


def _plain(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as plain data.

    Dash takes the custom data of a clicked point from a list, while arrays become encoded bytes.
    """
    plain: dict[str, Any] = figure.to_dict()
    for trace, own in zip(plain["data"], figure.data, strict=True):
        if isinstance(trace.get("customdata"), dict):
            trace["customdata"] = own.customdata.tolist()
    return plain


def _digest(part: Any) -> str:
    text = json.dumps(part, cls=PlotlyJSONEncoder)
    return blake2b(text.encode(), digest_size=8).hexdigest()
