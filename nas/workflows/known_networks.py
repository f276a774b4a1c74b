"""The known networks of spaces: our counts, exact ones, and published ones."""

import re
from collections.abc import Sequence
from typing import Any

from nas.cost import CostModel
from nas.errors import SpaceError
from nas.space import Published, SearchSpace, builtin_names, head_of, known_detectors, load_space

_COUNTS = ("params", "madds")
_SCALES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def published_counts(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Count every known network of spaces, by name or file; by default of the built-in ones.

    `compared` describes the records.

    Raises:
        SpaceError: a space cannot be read, or none of them has a known network.
    """
    rows = []
    for space in map(load_space, dict.fromkeys(names or builtin_names())):
        entries = (*space.published, *space.variants, *known_detectors(space))
        rows += [compared(space, entry) for entry in entries]
    if not rows:
        raise SpaceError(
            f"{', '.join(names)}: no network is listed to compare.",
            "Add a [[published]] or a [[variant]] table to the file.",
        )
    return rows


def compared(space: SearchSpace, entry: Published) -> dict[str, Any]:
    """Return one network: our counts, the exact ones, the printed ones, and the differences.

    Differences from exact counts are in units, differences from printed ones are relative; None
    without a printed or exact number.
    """
    costs = CostModel(entry.space, entry.input, entry.classes, own_head=head_of(entry))
    cost = costs.cost(entry.architecture)
    ours = {key: int(getattr(cost, key)) for key in _COUNTS}
    exact = {key: entry.counted.get(key) for key in _COUNTS}
    printed = {key: _read(entry.numbers.get(key)) for key in _COUNTS}
    off = {key: _minus(ours[key], exact[key]) for key in _COUNTS}
    return {
        "space": space.name,
        "name": entry.name,
        "title": entry.title,
        "arch_id": entry.architecture.arch_id,
        "input": str(entry.input),
        "strides": costs.adaptation.text,
        "classes": entry.classes,
        **ours,
        "exact": exact,
        "exact_difference": off,
        "agrees": not any(off.values()),
        "published": dict(entry.numbers),
        "published_difference": {
            key: None if (value := printed[key]) is None else ours[key] / value - 1
            for key in _COUNTS
        },
    }


def _minus(ours: int, exact: object) -> int | None:
    return ours - exact if isinstance(exact, int) else None


def _read(printed: object) -> float | None:
    """Return a printed count as a number, such as 318M; None if it is not one."""
    if isinstance(printed, int | float):
        return float(printed) or None
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMG]?)", str(printed))
    return (float(match[1]) * _SCALES[match[2]] or None) if match else None
