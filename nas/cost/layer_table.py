"""The layers of a network with their costs, as records and as the texts of a table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

from nas.cost.model import layer_cost
from nas.space import (
    Activation,
    Add,
    BatchNorm,
    Concat,
    Conv,
    GlobalPool,
    Input,
    Layer,
    Linear,
    Pad,
    Pool,
    Shuffle,
)

LAYER_COSTS = ("params", "madds", "acts")
LAYER_COLUMNS = {
    "layer": "layer", "kind": "kind", "output": "output",
    "params": "params", "madds": "madds", "madds_share": "%", "acts": "acts",
}  # fmt: skip


def layer_records(layers: Iterable[Layer]) -> list[dict[str, Any]]:
    """Return one record per layer: name, kind with its groups, output shape, and costs."""
    return [
        {
            "layer": layer.name,
            "kind": _kind(layer),
            "output": str(layer.shape),
            **{name: getattr(layer_cost(layer), name) for name in LAYER_COSTS},
        }
        for layer in layers
    ]


def layer_texts(records: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the records of all layers of a network as texts, with the keys of LAYER_COLUMNS.

    `madds_share` is the share of the multiply-adds of the network in percent.
    """
    total = sum(record["madds"] for record in records) or 1
    return [
        {
            **record,
            **{name: f"{record[name]:,}" for name in LAYER_COSTS},
            "madds_share": f"{100 * record['madds'] / total:.1f}" if record["madds"] else "",
        }
        for record in records
    ]


def _kind(layer: Layer) -> str:
    match layer:
        case Conv():
            return _convolution(layer)
        case Activation():
            return layer.function
        case Shuffle():
            return f"shuffle g{layer.groups}"
        case BatchNorm():
            return "batch norm"
        case GlobalPool():
            return "global pool"
        case Input() | Add() | Concat() | Pool() | Pad():
            return type(layer).__name__.lower()
        case Linear():
            return "linear"
        case _:
            assert_never(layer)


def _convolution(layer: Conv) -> str:
    depthwise = layer.groups == layer.in_channels > 1
    parts = [f"conv {layer.kernel}x{layer.kernel}", "depthwise" if depthwise else ""]
    parts += [f"g{layer.groups}" if layer.groups > 1 and not depthwise else ""]
    parts += [f"/{layer.stride}" if layer.stride > 1 else ""]
    return " ".join(part for part in parts if part)
