"""The exact costs of one network, layer by layer, and its measured latency."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nas.cost import Cost, Device, Timing, layer_records, total_cost
from nas.space import Layer, NamedNetwork
from nas.workflows.network_requests import NetworkLatencyRequest, NetworkRequest
from nas.workflows.networks import network_of


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


@dataclass(frozen=True)
class NetworkLatency:
    """The latency of a network at batch 1, its cost, and the device that measured it."""

    network: NamedNetwork
    device: Device
    timing: Timing
    cost: Cost


def network_latency(request: NetworkLatencyRequest) -> NetworkLatency:
    """Measure a network with random weights and folded batch norms.

    Raises:
        NasError: there is no such network, or the device or the runtime is not available.
    """
    from nas.training import measure_network, open_runtime

    network = network_of(request.network)
    runtime = open_runtime(request.device, request.runtime, request.threads)
    layers = network.layers()
    timing = measure_network(runtime, layers)
    return NetworkLatency(network, runtime.device, timing, total_cost(layers))
