"""Optimisers: what a recipe names, with weight decay where it wants it."""

import torch
from torch import nn

from nas.train.recipe import Recipe


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser of `recipe` over the weights of `network`."""
    parameters = list(network.parameters())
    spared_decay = recipe.weight_decay if recipe.decay_norms else 0.0
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": spared_decay},
    ]
    if recipe.optimiser == "rmsprop":
        return torch.optim.RMSprop(
            groups,
            lr=recipe.lr,
            alpha=recipe.rmsprop_decay,
            eps=recipe.rmsprop_epsilon,
            momentum=recipe.momentum,
            foreach=True,
        )
    nesterov = recipe.nesterov and recipe.momentum > 0
    return torch.optim.SGD(
        groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=nesterov, foreach=True
    )
