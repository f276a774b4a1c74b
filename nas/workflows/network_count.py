"""Exact costs of one network, layer by layer, without training."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, assert_never

from nas.cost import Cost, layer_cost, total_cost
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
from nas.workflows.network_requests import NetworkRequest
from nas.workflows.networks import NamedNetwork, network_of

COUNTS = ("params", "madds", "acts")


@dataclass(frozen=True)
class NetworkCount:
    """The costs of a network at its input, batch 1, in total and by layer."""

    network: NamedNetwork

    @cached_property
    def _layers(self) -> list[Layer]:
        return self.network.layers()

    @cached_property
    def cost(self) -> Cost:
        """The cost of the whole network."""
        return total_cost(self._layers)

    @property
    def madds(self) -> int:
        """Multiply-adds of convolution and linear layers."""
        return self.cost.madds

    @property
    def params(self) -> int:
        """Trainable parameters, batch-norm scale and shift included."""
        return self.cost.params

    @property
    def acts(self) -> int:
        """Output elements of convolution and linear layers."""
        return self.cost.acts

    @property
    def layers(self) -> list[dict[str, Any]]:
        """One record per layer: name, kind, output shape, and costs."""
        return [
            {
                "layer": layer.name,
                "kind": _kind(layer),
                "output": str(layer.shape),
                **{name: getattr(layer_cost(layer), name) for name in COUNTS},
            }
            for layer in self._layers
        ]


def count(request: NetworkRequest) -> NetworkCount:
    """Count the network that `request` names.

    Raises:
        NasError: there is no such network.
    """
    return NetworkCount(network_of(request))


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
