"""Updates: send a page only the parts that have changed.

A page keeps a digest of each part that it has, so that the server keeps no data about its pages.
"""

import json
import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeAlias, TypeVar

import plotly.graph_objects as go
from dash import Patch, no_update
from plotly.utils import PlotlyJSONEncoder

Digests: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A part as it is sent, with its digest: one text, or several for a figure."""

    part: Any
    digest: Any


def prepared(parts: Mapping[str, Any]) -> dict[str, Prepared]:
    """Return parts of a page by name, ready to be compared with the digests of several pages."""
    return {name: _prepared(part) for name, part in parts.items()}


def changed(parts: Mapping[str, Any], before: Digests) -> tuple[dict[str, Any], Digests]:
    """Return the parts of a page by name, `no_update` for unchanged ones, and all digests."""
    sent: dict[str, Any] = {}
    after = dict(before)
    for name, part in parts.items():
        if part is no_update:
            sent[name] = part
            continue
        own = _prepared(part)
        after[name] = own.digest
        known = before.get(name)
        if known == own.digest:
            sent[name] = no_update
        elif known and isinstance(own.digest, dict):
            sent[name] = _patch(own.part, known, own.digest)
        else:
            sent[name] = own.part
    return sent, after


def _prepared(part: Any) -> Prepared:
    if isinstance(part, Prepared):
        return part
    if not isinstance(part, go.Figure):
        return Prepared(part, _digest(part))
    plain = _plain(part)
    traces = [_digest(trace) for trace in plain["data"]]
    return Prepared(plain, {"layout": _digest(plain["layout"]), "traces": traces})


def _patch(plain: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> Any:
    """Return the traces of a figure that changed; the figure if their number changed."""
    traces = after["traces"]
    if len(before["traces"]) != len(traces):
        return plain
    patch = Patch()
    for place, (old, new) in enumerate(zip(before["traces"], traces, strict=True)):
        if old != new:
            patch["data"][place] = plain["data"][place]
    if before["layout"] != after["layout"]:
        patch["layout"] = plain["layout"]
    return patch


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


_Made = TypeVar("_Made")
_KEPT = 24  # parts of pages; the oldest are removed


class Shared:
    """Keeps the parts of pages by their content; safe to call from several threads."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = threading.Lock()
        self._kept: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """Return the result of `make` for `key`; a second caller waits for the first one.

        An error of `make` is raised, and nothing is kept.
        """
        with self._lock:
            known = self._kept.get(key)
            if known is None:
                own = self._kept[key] = Future[Any]()
                while len(self._kept) > _KEPT:
                    del self._kept[next(iter(self._kept))]
        if known is not None:
            found: _Made = known.result()
            return found
        try:
            made = make()
        except BaseException as error:
            with self._lock:
                self._kept.pop(key, None)
            own.set_exception(error)
            raise
        own.set_result(made)
        return made
