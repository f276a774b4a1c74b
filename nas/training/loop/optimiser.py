"""The optimisers that a recipe names, and the moving average of the weights."""

import copy

import torch
from torch import Tensor, nn
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd
from torch.optim.swa_utils import get_ema_multi_avg_fn

from nas.training.loop.recipe import Recipe
from nas.training.network.module import Network


class Optimiser:
    """The optimiser of a recipe over the weights of a network.

    It uses the functional forms of torch.optim. `torch.optim.Optimizer` imports the compiler of
    PyTorch when it is created, which costs each process that trains seconds and 150 MB.

    `lr` is the learning rate of the next step. `state` has the tensors that a step keeps of each
    weight, by the number of the weight: those of matrices and kernels come first.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        """Optimise the weights of `network`; norms and biases decay if the recipe says so."""
        weights = list(network.parameters())
        matrices = [weight for weight in weights if weight.ndim > 1]
        self._weights = matrices + [weight for weight in weights if weight.ndim <= 1]
        numbers = range(len(self._weights))
        self._groups = (
            (numbers[: len(matrices)], recipe.weight_decay),
            (numbers[len(matrices) :], recipe.weight_decay if recipe.decay_norms else 0.0),
        )
        self._recipe = recipe
        self.lr = recipe.lr
        self.state: dict[int, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Remove the gradients of all weights."""
        for weight in self._weights:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change the weights by their gradients; those without a gradient stay."""
        change = self._rmsprop if self._recipe.optimiser == "rmsprop" else self._sgd
        for numbers, decay in self._groups:
            given = [(n, g) for n in numbers if (g := self._weights[n].grad) is not None]
            change([number for number, _ in given], [gradient for _, gradient in given], decay)

    def load(self, state: dict[int, dict[str, Tensor]]) -> None:
        """Continue from the `state` of another optimiser of the same network and recipe."""
        self.state = {
            number: {
                name: value if name == "step" else value.to(self._weights[number].device)
                for name, value in kept.items()
            }
            for number, kept in state.items()
        }

    # `foreach` updates all weights of a group together, also on a CPU.

    def _sgd(self, numbers: list[int], gradients: list[Tensor], decay: float) -> None:
        recipe = self._recipe
        buffers = [self.state.get(number, {}).get("momentum_buffer") for number in numbers]
        sgd(
            [self._weights[number] for number in numbers], gradients, buffers, foreach=True,
            weight_decay=decay, momentum=recipe.momentum, lr=self.lr, dampening=0.0,
            nesterov=recipe.nesterov and recipe.momentum > 0, maximize=False,
        )  # fmt: skip
        self.state |= {
            number: {"momentum_buffer": buffer}
            for number, buffer in zip(numbers, buffers, strict=True)
            if buffer is not None
        }

    def _rmsprop(self, numbers: list[int], gradients: list[Tensor], decay: float) -> None:
        recipe = self._recipe
        names = ("square_avg", "momentum_buffer") if recipe.momentum else ("square_avg",)
        for number in numbers:
            if number not in self.state:
                weight = self._weights[number]
                self.state[number] = {name: torch.zeros_like(weight) for name in names}
                self.state[number]["step"] = torch.tensor(0.0)
        kept = [self.state[number] for number in numbers]
        rmsprop(
            [self._weights[number] for number in numbers], gradients,
            [each["square_avg"] for each in kept], [],
            [each["momentum_buffer"] for each in kept] if recipe.momentum else [],
            [each["step"] for each in kept], foreach=True, lr=self.lr,
            alpha=recipe.rmsprop_decay, eps=recipe.rmsprop_epsilon, weight_decay=decay,
            momentum=recipe.momentum, centered=False,
        )  # fmt: skip


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
