"""Optimisers: what a recipe names, with weight decay where it wants it.

SGD and RMSprop as torch.optim has them, to the last bit, all weights of a group at a time, and with
its form of a state. They are our own because the first step of a `torch.optim.Optimizer` imports
`torch._dynamo`: over a second of processor time and 80 MB in every process that trains.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from nas.training.loop.recipe import Recipe

State = dict[str, Any]  # of one weight, under torch's names


def make_optimiser(network: nn.Module, recipe: Recipe) -> "Optimiser":
    """Return the optimiser of `recipe` over the weights of `network`."""
    parameters = list(network.parameters())
    spared_decay = recipe.weight_decay if recipe.decay_norms else 0.0
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": spared_decay},
    ]
    if recipe.optimiser == "rmsprop":
        values = {"alpha": recipe.rmsprop_decay, "eps": recipe.rmsprop_epsilon, "centered": False}
        return RMSprop(groups, lr=recipe.lr, momentum=recipe.momentum, **values)
    nesterov = recipe.nesterov and recipe.momentum > 0
    values = {"dampening": 0, "nesterov": nesterov}
    return SGD(groups, lr=recipe.lr, momentum=recipe.momentum, **values)


class Optimiser(ABC):
    """Weights in groups, each with its settings, and what is remembered of each weight.

    `param_groups` are dictionaries of `params` and settings, which may be changed between steps;
    `state` belongs to the weights that were stepped before.
    """

    def __init__(self, groups: Iterable[Mapping[str, Any]], **settings: Any) -> None:
        """Optimise the weights in `groups`; a setting that a group leaves out is in `settings`."""
        common = {**settings, "maximize": False, "foreach": True, "differentiable": False}
        self.param_groups: list[dict[str, Any]] = [{**common, **group} for group in groups]
        self.state: defaultdict[Tensor, State] = defaultdict(dict)

    @torch.no_grad()
    def step(self) -> None:
        """Change every weight that has a gradient, by the settings of its group."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._step(weights, [weight.grad for weight in weights], group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients, or set them to zero where they are."""
        for weight in self._weights():
            if set_to_none:
                weight.grad = None
            elif weight.grad is not None:
                weight.grad.detach_().zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return state and settings in the form of torch.optim, weights by their number."""
        number = {weight: index for index, weight in enumerate(self._weights())}
        groups = [
            {**group, "params": [number[weight] for weight in group["params"]]}
            for group in self.param_groups
        ]
        return {
            "state": {number[w]: dict(s) for w, s in self.state.items()},
            "param_groups": groups,
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over what `state_dict`, ours or that of torch.optim, returned for equal groups.

        Raises:
            ValueError: its groups are others.
        """
        theirs = saved["param_groups"]
        lengths = [len(group["params"]) for group in theirs]
        if lengths != [len(group["params"]) for group in self.param_groups]:
            raise ValueError(f"the state is of groups of {lengths} weights")
        known = dict(zip(chain(*(g["params"] for g in theirs)), self._weights(), strict=True))
        self.state.clear()
        for number, state in saved["state"].items():
            weight = known[number]
            self.state[weight] = {name: _moved(v, name, weight) for name, v in state.items()}
        for group, other in zip(self.param_groups, theirs, strict=True):
            group.update({**other, "params": group["params"]})

    def _weights(self) -> list[Tensor]:
        return [weight for group in self.param_groups for weight in group["params"]]

    def _remembered(self, weights: list[Tensor], name: str) -> list[Tensor]:
        """Return what is remembered of `weights` under `name`, in their layout; zeros at first."""
        for weight in weights:
            state = self.state[weight]
            if name not in state:
                state[name] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        return [self.state[weight][name] for weight in weights]

    @abstractmethod
    def _step(self, weights: list[Tensor], slopes: list[Tensor], group: dict[str, Any]) -> None:
        """Change `weights` by their gradients, `slopes`, and the settings of their `group`."""


class SGD(Optimiser):
    """Stochastic gradient descent, with momentum, plain or Nesterov's, as `torch.optim.SGD`."""

    def __init__(self, groups: Iterable[Mapping[str, Any]], **settings: Any) -> None:
        """Take the settings of torch.optim: `lr`, `momentum`, `dampening` 0 and `nesterov`."""
        super().__init__(groups, **settings, fused=None)

    def _step(self, weights: list[Tensor], slopes: list[Tensor], group: dict[str, Any]) -> None:
        slopes = _decayed(weights, slopes, group["weight_decay"])
        if group["momentum"]:
            kept = self._momentum(weights, slopes, group["momentum"])
            if group["nesterov"]:
                slopes = list(torch._foreach_add(slopes, kept, alpha=group["momentum"]))
            else:
                slopes = kept
        torch._foreach_add_(weights, slopes, alpha=-group["lr"])

    def _momentum(
        self, weights: list[Tensor], slopes: list[Tensor], momentum: float
    ) -> list[Tensor]:
        """Add `slopes` to what is remembered, which the first one starts as it is."""
        name = "momentum_buffer"
        old = [pair for pair in zip(weights, slopes, strict=True) if name in self.state[pair[0]]]
        if old:
            kept = [self.state[weight][name] for weight, _ in old]
            torch._foreach_mul_(kept, momentum)
            torch._foreach_add_(kept, [slope for _, slope in old])
        if len(old) < len(weights):
            for weight, slope in zip(weights, slopes, strict=True):
                if name not in self.state[weight]:
                    self.state[weight][name] = slope.detach().clone()
        return [self.state[weight][name] for weight in weights]


class RMSprop(Optimiser):
    """Slopes over the root of their mean square (Tieleman and Hinton 2012), as `torch.optim`."""

    def __init__(self, groups: Iterable[Mapping[str, Any]], **settings: Any) -> None:
        """Take the settings of torch.optim: `lr`, `alpha`, `eps` and `momentum`; not centered."""
        super().__init__(groups, **settings, capturable=False)

    def _step(self, weights: list[Tensor], slopes: list[Tensor], group: dict[str, Any]) -> None:
        self._count(weights)
        slopes = _decayed(weights, slopes, group["weight_decay"])
        squares = self._remembered(weights, "square_avg")
        torch._foreach_mul_(squares, group["alpha"])
        torch._foreach_addcmul_(squares, slopes, slopes, value=1 - group["alpha"])
        roots = torch._foreach_sqrt(squares)
        torch._foreach_add_(roots, group["eps"])
        if group["momentum"] > 0:
            kept = self._remembered(weights, "momentum_buffer")
            torch._foreach_mul_(kept, group["momentum"])
            torch._foreach_addcdiv_(kept, slopes, roots)
            torch._foreach_add_(weights, kept, alpha=-group["lr"])
        else:
            torch._foreach_addcdiv_(weights, slopes, roots, value=-group["lr"])

    def _count(self, weights: list[Tensor]) -> None:
        """Count the steps of each weight: nothing reads them, but torch's state has them."""
        for weight in weights:
            self.state[weight].setdefault("step", torch.zeros(()))
        steps = [self.state[weight]["step"] for weight in weights]
        torch._foreach_add_(steps, torch.ones(()), alpha=1.0)  # a tensor: not made for each anew


def _decayed(weights: list[Tensor], slopes: list[Tensor], decay: float) -> list[Tensor]:
    """Return `slopes` with the pull of `weights` to zero."""
    if not decay:
        return slopes
    return list(torch._foreach_add(slopes, weights, alpha=decay))


def _moved(value: Any, name: str, weight: Tensor) -> Any:
    """Return what was saved on the device of `weight` and in its kind of numbers."""
    if not isinstance(value, Tensor):
        return value
    if name == "step":  # a count, kept on the CPU
        return value.to(torch.float32).clone()
    return value.to(dtype=weight.dtype, device=weight.device).clone()
