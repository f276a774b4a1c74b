"""Optimisers of torch.optim that a recipe names, and the moving average of the weights."""

import copy

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from nas.training.loop.recipe import Recipe
from nas.training.network.module import Network


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser of `recipe` over the weights of `network`.

    `foreach` updates all weights of a group together, also on a CPU.
    """
    parameters = list(network.parameters())
    spared_decay = recipe.weight_decay if recipe.decay_norms else 0.0
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": spared_decay},
    ]
    if recipe.optimiser == "rmsprop":
        return torch.optim.RMSprop(
            groups, recipe.lr, alpha=recipe.rmsprop_decay, eps=recipe.rmsprop_epsilon,
            momentum=recipe.momentum, foreach=True,
        )  # fmt: skip
    nesterov = recipe.nesterov and recipe.momentum > 0
    return torch.optim.SGD(
        groups, recipe.lr, momentum=recipe.momentum, nesterov=nesterov, foreach=True
    )


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
