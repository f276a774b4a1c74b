"""Optimisers: which weights decay, by which method; and what a training loads."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from nas.training.loop.optimiser import Optimiser
from nas.training.loop.recipe import Recipe, load_recipe

SGD = replace(load_recipe("digits"), lr=0.1, momentum=0.9, weight_decay=0.5, nesterov=False)


def after_steps(recipe: Recipe, slope: float, steps: int = 2) -> tuple[float, float]:
    """A weight and a gain, both 1 before `steps` with the gradient `slope`."""
    made = nn.Sequential(nn.Linear(1, 1, bias=False), nn.LayerNorm(1, bias=False))
    optimiser = Optimiser(made, recipe)
    for parameter in made.parameters():
        nn.init.ones_(parameter)
    for _ in range(steps):
        for parameter in made.parameters():
            parameter.grad = torch.full_like(parameter, slope)
        optimiser.step()
    weight, gain = (parameter.item() for parameter in made.parameters())
    return weight, gain


def test_norms_decay_where_the_recipe_says_so() -> None:
    weight, gain = after_steps(replace(SGD, decay_norms=False), slope=0.0)
    assert (weight, gain) == (pytest.approx(0.95 - 0.1 * (0.9 * 0.5 + 0.5 * 0.95)), 1.0)
    weight, gain = after_steps(replace(SGD, decay_norms=True), slope=0.0)
    assert weight == gain < 1


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (replace(SGD, weight_decay=0.0), 1 - 0.1 * (1 + 1.9)),
        (replace(SGD, weight_decay=0.0, nesterov=True), 1 - 0.1 * (1.9 + 1 + 0.9 * 1.9)),
        (replace(SGD, weight_decay=0.0, nesterov=True, momentum=0.0), 1 - 0.1 * 2),
        (
            replace(
                SGD, weight_decay=0.0, momentum=0.0, optimiser="rmsprop", rmsprop_decay=0.75,
                rmsprop_epsilon=0.5,
            ),
            1 - 0.1 / (0.25**0.5 + 0.5) - 0.1 / (0.4375**0.5 + 0.5),
        ),
    ],
    ids=["momentum", "nesterov", "no momentum", "rmsprop"],
)  # fmt: skip
def test_two_steps_are_those_of_the_method(recipe: Recipe, expected: float) -> None:
    weight, gain = after_steps(recipe, slope=1.0)
    assert weight == pytest.approx(expected)
    assert gain == pytest.approx(expected)


@pytest.mark.parametrize(
    "recipe",
    [
        SGD,
        replace(SGD, nesterov=True, decay_norms=True),
        replace(SGD, momentum=0.0),
        replace(SGD, optimiser="rmsprop"),
        replace(SGD, optimiser="rmsprop", momentum=0.0),
    ],
    ids=["momentum", "nesterov", "plain", "rmsprop", "rmsprop without momentum"],
)
def test_steps_are_bit_for_bit_those_of_torch_also_after_a_checkpoint(recipe: Recipe) -> None:
    ours, theirs = (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    weights = list(theirs.parameters())
    spared = recipe.weight_decay if recipe.decay_norms else 0.0
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": spared},
    ]
    expected: torch.optim.Optimizer
    if recipe.optimiser == "sgd":
        expected = torch.optim.SGD(
            groups, recipe.lr, recipe.momentum, nesterov=recipe.nesterov, foreach=True
        )
    else:
        expected = torch.optim.RMSprop(
            groups, recipe.lr, recipe.rmsprop_decay, recipe.rmsprop_epsilon,
            momentum=recipe.momentum, foreach=True,
        )  # fmt: skip
    optimiser = Optimiser(ours, recipe)
    for step in range(6):
        if step == 3:
            kept = {number: dict(state) for number, state in optimiser.state.items()}
            optimiser = Optimiser(ours, recipe)
            optimiser.load(kept)
        optimiser.lr = recipe.lr / (1 + step)
        for group in expected.param_groups:
            group["lr"] = optimiser.lr
        for one, other in zip(ours.parameters(), weights, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        if step == 4:  # a weight that was not used
            ours[0].bias.grad = theirs[0].bias.grad = None
        optimiser.step()
        expected.step()
        for one, other in zip(ours.parameters(), weights, strict=True):
            assert torch.equal(one, other)
    optimiser.zero_grad()
    assert all(weight.grad is None for weight in ours.parameters())


ONE_EPOCH = """
import sys
from nas.space.lowering import lower
from nas.space.file import load_space
from nas.training.data import load_task
from nas.training.scores.proxies import proxy_batches, proxy_scores
from nas.training.loop.recipe import load_recipe
from nas.training.loop.session import Session

space, task = load_space("igcv3"), load_task("digits", limit=128)
layers = lower(space, space.published[0].architecture, task.input, task.classes)
session = Session(layers, task, load_recipe("digits"), 1, seed=0)
assert session.run_epoch().epoch == 1
print(*sorted({"nas.training.cpu", "fvcore", "sqlalchemy", "dash"} & set(sys.modules)))
from nas.training.network.fvcore_count import fvcore_cost
fvcore_cost(layers)
print(*sorted({"onnx", "scipy", "pandas", "sklearn", "torch._dynamo",
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
