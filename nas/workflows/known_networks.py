"""The known networks of spaces: our counts, exact ones, and published ones."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nas.cost import Cost, CostModel, total_cost
from nas.errors import SpaceError
from nas.space import (
    Published,
    SearchSpace,
    Shape,
    builtin_names,
    head_of,
    known_detectors,
    load_space,
    yolov2_layers,
)
from nas.units import PREFIXES

_COUNTS = ("params", "madds")
_YOLO = {
    "params": "50.7M",
    "madds": "17.5G",
    "coco_map": 0.216,
    "source": "MobileNetV2 paper, Table 6 (COCO test-dev); its params are those of 20 classes, its "
    "madds those of an earlier passthrough",
}
_YOLO_COUNTED = {"params": 50_962_889, "madds": 14_732_084_224}


def published_counts(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Count every known network of spaces, by name or file; by default of the built-in ones.

    YOLOv2, which belongs to no space, is added at the end. `compared` describes the records.

    Raises:
        SpaceError: a space cannot be read, or none of them has a known network.
    """
    rows = []
    for space in map(load_space, dict.fromkeys(names or builtin_names())):
        entries = (*space.published, *space.variants, *known_detectors(space))
        rows += [compared(space, entry) for entry in entries]
    if not names:
        rows.append(_yolov2())
    if not rows:
        raise SpaceError(
            f"{', '.join(names)}: no network is listed to compare.",
            "Add a [[published]] or a [[variant]] table to the file.",
        )
    return rows


def compared(space: SearchSpace, entry: Published) -> dict[str, Any]:
    """Return one network: our counts, the exact ones, the printed ones, and the differences.

    Differences from exact counts are absolute, differences from printed ones are relative; they are
    None without an exact or printed number.
    """
    costs = CostModel(entry.space, entry.input, entry.classes, own_head=head_of(entry))
    return {
        "space": space.name,
        "name": entry.name,
        "title": entry.title,
        "arch_id": entry.architecture.arch_id,
        "input": str(entry.input),
        "strides": costs.adaptation.text,
        "classes": entry.classes,
        **_differences(costs.cost(entry.architecture), entry.counted, entry.numbers),
    }


def _yolov2() -> dict[str, Any]:
    shape, classes = Shape(3, 416, 416), 80
    return {
        "space": "",
        "name": "yolov2-coco",
        "title": "YOLOv2, for comparison",
        "arch_id": "",
        "input": str(shape),
        "strides": "",
        "classes": classes,
        **_differences(total_cost(yolov2_layers(shape, classes)), _YOLO_COUNTED, _YOLO),
    }


def _differences(
    cost: Cost, counted: Mapping[str, object], numbers: Mapping[str, object]
) -> dict[str, Any]:
    """Return our counts, the exact and the printed ones, and the differences."""
    ours = {key: int(getattr(cost, key)) for key in _COUNTS}
    exact = {key: counted.get(key) for key in _COUNTS}
    printed = {key: _read(numbers.get(key)) for key in _COUNTS}
    off = {key: _minus(ours[key], exact[key]) for key in _COUNTS}
    return {
        **ours,
        "exact": exact,
        "exact_difference": off,
        "agrees": not any(off.values()),
        "published": dict(numbers),
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
    return (float(match[1]) * PREFIXES[match[2]] or None) if match else None
