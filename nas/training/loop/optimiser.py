"""The optimiser of torch.optim that a recipe names, with its weight decay."""

import torch
from torch import nn

from nas.training.loop.recipe import Recipe


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
