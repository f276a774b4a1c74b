"""Latency of one network, measured as a whole."""

from dataclasses import dataclass

from nas.cost import Cost, Device, Timing, total_cost
from nas.workflows.network_requests import NetworkLatencyRequest
from nas.workflows.networks import NamedNetwork, network_of


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
