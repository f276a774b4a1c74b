"""An exponential moving average of a network's weights during training.

Its batch-norm statistics are undefined and must be recomputed before an evaluation.
"""

import copy

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from nas.training.network.module import Network


class Average:
    """A second network whose weights are the moving average of those of the first.

    `decay` is the weight of the previous average in a step. In the first steps it is
    (1 + steps) / (10 + steps) if that is less, so that the initial weights have little influence in
    a short training (as in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, network: Network, decay: float) -> None:
        """Start with a copy of `network`."""
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.steps = 0
        self._decay = decay
        self._pairs: tuple[list[Tensor], list[Tensor]] = (
            list(self.network.parameters()),
            list(network.parameters()),
        )

    @torch.no_grad()
    def update(self) -> None:
        """Include the current weights in the average."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        mine, theirs = self._pairs
        follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        follow(mine, theirs, self.steps)
