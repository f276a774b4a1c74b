"""Our optimisers: the same bits as torch's, the same states, and without what torch's load."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nas.training.loop.optimiser import make_optimiser
from nas.training.loop.recipe import Recipe, load_recipe

SGD = replace(load_recipe("digits"), lr=0.1, momentum=0.9, weight_decay=1e-3)
RMSPROP = replace(SGD, optimiser="rmsprop", rmsprop_decay=0.9, rmsprop_epsilon=0.01, lr=0.003)
RECIPES = {
    "nesterov": replace(SGD, nesterov=True, decay_norms=False),
    "momentum": replace(SGD, nesterov=False, decay_norms=True),
    "plain": replace(SGD, nesterov=False, momentum=0.0),
    "no decay": replace(SGD, nesterov=True, weight_decay=0.0),
    "rmsprop": RMSPROP,
    "rmsprop, no momentum": replace(RMSPROP, momentum=0.0, decay_norms=True),
}


def network(seed: int) -> nn.Module:
    """Weights of 4, 2 and 1 dimensions, in the layout of training, at random."""
    torch.manual_seed(seed)
    made = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 1, groups=4), nn.Linear(8, 5)
    )
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def of_torch(made: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """What torch.optim has for `recipe`, all weights at once."""
    weights = list(made.parameters())
    decay, spared = recipe.weight_decay, recipe.weight_decay if recipe.decay_norms else 0.0
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": spared},
    ]
    common = {"lr": recipe.lr, "momentum": recipe.momentum, "foreach": True}
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, nesterov=recipe.nesterov and recipe.momentum > 0, **common)
    alpha, eps = recipe.rmsprop_decay, recipe.rmsprop_epsilon
    return torch.optim.RMSprop(groups, alpha=alpha, eps=eps, **common)


def train(made: nn.Module, optimiser: Any, seed: int, steps: int = 7) -> None:
    """Take steps at changing rates by gradients at random; one weight has one now and then."""
    random = torch.Generator().manual_seed(seed)
    for step in range(steps):
        optimiser.zero_grad(set_to_none=True)
        for number, weight in enumerate(made.parameters()):
            slope = torch.randn(weight.shape, generator=random)
            if number != 2 or step % 3 == 1:
                weight.grad = torch.empty_like(weight).copy_(slope)
        for group in optimiser.param_groups:
            group["lr"] *= 0.9
        optimiser.step()


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def tensors(state: dict[str, Any]) -> dict[tuple[int, str], Tensor]:
    """The tensors of a state, by weight and name."""
    return {(n, name): t for n, of in state["state"].items() for name, t in of.items()}


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31))
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_updates_are_those_of_torch_to_the_last_bit(recipe: Recipe, seed: int) -> None:
    ours, theirs = network(seed), network(seed)
    train(ours, make_optimiser(ours, recipe), seed)
    train(theirs, of_torch(theirs, recipe), seed)

    assert same(ours, theirs)
    assert not same(ours, network(seed))


MAKERS = {
    "torch's to ours": (of_torch, make_optimiser),
    "ours to torch's": (make_optimiser, of_torch),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("makers", MAKERS.values(), ids=MAKERS)
def test_a_state_of_the_one_goes_on_in_the_other(
    recipe: Recipe, makers: tuple[Callable[..., Any], Callable[..., Any]]
) -> None:
    through, split = network(1), network(1)
    whole, first = of_torch(through, recipe), makers[0](split, recipe)
    train(through, whole, 1)
    train(split, first, 1)

    second = makers[1](split, recipe)
    second.load_state_dict(first.state_dict())
    train(through, whole, 2)
    train(split, second, 2)

    assert same(through, split)
    ours, theirs = second.state_dict(), whole.state_dict()
    assert ours["param_groups"] == theirs["param_groups"]
    assert tensors(ours).keys() == tensors(theirs).keys()
    for key, tensor in tensors(theirs).items():
        assert torch.equal(tensors(ours)[key], tensor)
        assert tensors(ours)[key].stride() == tensor.stride()


def test_a_loaded_state_is_a_copy() -> None:
    first, second = network(1), network(1)
    begun, other = make_optimiser(first, SGD), make_optimiser(second, SGD)
    train(first, begun, 1)
    before = {key: tensor.clone() for key, tensor in tensors(begun.state_dict()).items()}

    other.load_state_dict(begun.state_dict())
    train(second, other, 2)

    after = tensors(begun.state_dict())
    assert all(torch.equal(after[key], tensor) for key, tensor in before.items())


def test_a_state_of_another_network_is_refused() -> None:
    small = nn.Linear(3, 2)
    state = make_optimiser(small, SGD).state_dict()

    with pytest.raises(ValueError, match="groups of"):
        make_optimiser(network(1), SGD).load_state_dict(state)


def test_gradients_can_be_kept_as_zeros() -> None:
    made = network(1)
    optimiser = make_optimiser(made, SGD)
    train(made, optimiser, 1, steps=2)

    optimiser.zero_grad(set_to_none=False)

    slopes = [w.grad for w in chain(made.parameters()) if w.grad is not None]
    assert slopes
    assert not any(slope.any() for slope in slopes)


ONE_EPOCH = """
import sys
from nas.space.lowering import lower
from nas.space.file import load_space
from nas.training.data import load_task
from nas.training.scores.proxies import proxy_batches, proxy_scores
from nas.training.loop.recipe import load_recipe
from nas.training.network.fvcore_count import fvcore_cost
from nas.training.loop.session import Session

space, task = load_space("igcv3"), load_task("digits", limit=128)
layers = lower(space, space.published[0].architecture, task.input, task.classes)
fvcore_cost(layers)
session = Session(layers, task, load_recipe("digits"), 1, seed=0)
assert session.run_epoch().epoch == 1
print(*sorted({"torch._dynamo", "torch._inductor", "sympy", "onnx", "scipy", "pandas", "sklearn",
    "matplotlib", "torchvision", "ray", "optuna"} & set(sys.modules)))
"""


def test_a_training_loads_nothing_that_it_does_not_need() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ONE_EPOCH],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
