"""WeightAverage: an exponential moving average of a network's weights in training.

Its batch-norm statistics are undefined: they are recomputed before an evaluation.
"""

import copy

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from nas.training.network.module import Network


class Average:
    """A second network whose weights follow those of the first, by `decay` per step.

    In the first steps the decay is (1 + steps) / (10 + steps) if that is less, so that the initial
    weights have little influence in a short training (as in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, network: Network, decay: float) -> None:
        """Begin with a copy of `network`."""
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.steps = 0
        self._decay = decay
        self._pairs: tuple[list[Tensor], list[Tensor]] = (
            list(self.network.parameters()),
            list(network.parameters()),
        )

    @torch.no_grad()
    def update(self) -> None:
        """Take one step towards the current weights."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        mine, theirs = self._pairs
        follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        follow(mine, theirs, self.steps)
