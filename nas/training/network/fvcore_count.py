"""The count of a network by fvcore, which must equal the count of `nas.cost`.

fvcore traces the executed module, independently of the list of layers. Only its multiply-adds of
convolutions and linear layers are used, because its total includes batch norm and pooling.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch

from nas.cost import Cost
from nas.space import Layer, Shape
from nas.training.network.module import Network

_Handle = Callable[[Any, Any], Any]


def fvcore_cost(layers: Sequence[Layer], input_shape: Shape | None = None) -> Cost:
    """Return fvcore's count of `layers` for one image: multiply-adds, parameters, activations.

    `input_shape`, if given, must be the shape of the first layer. The network runs once on the CPU,
    in eval mode, with zero weights: fvcore cannot trace the meta device.
    """
    shape = input_shape or layers[0].shape
    network = Network(layers).eval()
    return count_network(network, shape)


def count_network(network: Network, input_shape: Shape) -> Cost:
    """Return fvcore's count of a network in eval mode on the CPU; its weights are set to zero."""
    from fvcore.nn.jit_analysis import JitModelAnalysis  # training alone does not need fvcore
    from fvcore.nn.jit_handles import conv_flop_jit, linear_flop_jit

    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()  # uninitialised memory may contain denormal numbers, which are slow
        image = torch.zeros(1, *input_shape)
        analysis = JitModelAnalysis(network, image)
        analysis.clear_op_handles().set_op_handle(
            "aten::_convolution",
            _both(conv_flop_jit),
            "aten::linear",
            _both(linear_flop_jit),
        )
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        counts = analysis.tracer_warnings("none").by_operator()
    params = sum(parameter.numel() for parameter in network.parameters())
    return Cost(int(counts["madds"]), params, int(counts["acts"]))


def _both(madds: _Handle) -> _Handle:
    """Return an op handle that counts multiply-adds and activations in one trace."""
    from fvcore.nn.jit_handles import generic_activation_jit

    acts = generic_activation_jit("acts")

    def handle(inputs: Any, outputs: Any) -> Any:
        counted = madds(inputs, outputs)
        total = sum(counted.values()) if isinstance(counted, Counter) else counted
        return Counter({"madds": int(total)}) + acts(inputs, outputs)

    return handle
