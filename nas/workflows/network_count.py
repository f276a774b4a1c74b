"""Exact costs of one network, layer by layer, without training."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nas.cost import Cost, layer_records, total_cost
from nas.space import Layer
from nas.workflows.network_requests import NetworkRequest
from nas.workflows.networks import NamedNetwork, network_of


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
        return layer_records(self._layers)


def count(request: NetworkRequest) -> NetworkCount:
    """Count the network that `request` names.

    Raises:
        NasError: there is no such network.
    """
    return NetworkCount(network_of(request))
