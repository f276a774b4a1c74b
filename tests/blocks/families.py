"""Tests shared by all families: counts, members, feasibility and training."""

import functools
from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st

from nas.cost.budget import Constraint, admits
from nas.cost.model import CostModel, total_cost
from nas.errors import BudgetError
from nas.feasible import FeasibleSpace, feasible_space
from nas.space.architecture import Architecture
from nas.space.file import load_space
from nas.space.layers import Shape
from nas.space.lowering import lower
from nas.space.search_space import Published, SearchSpace
from nas.training.data import load_task
from nas.training.loop.epoch import EpochResult
from nas.training.loop.recipe import load_recipe
from nas.training.loop.session import Session
from nas.training.network import fvcore_count as referee
from nas.training.network.module import build
from tests.members import costs_of_members

space_named = functools.cache(load_space)
shapes = st.builds(Shape, st.sampled_from([1, 3]), st.integers(8, 40), st.integers(8, 40))
seeds = st.integers(0, 2**31)


def known(name: str) -> list[Published]:
    """Return every network of a built-in space that has golden counts."""
    space = space_named(name)
    return [entry for entry in (*space.published, *space.variants) if entry.counted]


def assert_golden(entry: Published) -> None:
    """The closed form and the sum over the layers give the counts that the space file holds."""
    cost = CostModel(entry.space, entry.input, entry.classes).cost(entry.architecture)
    assert (cost.params, cost.madds) == (entry.counted["params"], entry.counted["madds"])
    assert cost == total_cost(lower(entry.space, entry.architecture, entry.input, entry.classes))


@functools.cache
def _everything(space: SearchSpace) -> FeasibleSpace:
    return feasible_space(CostModel(space), ())


def random_member(space: SearchSpace, seed: int) -> Architecture:
    """Draw uniformly from all architectures of `space`."""
    drawn = _everything(space).sample(np.random.default_rng(seed))
    assert drawn is not None
    return drawn


def assert_counted_thrice(space: SearchSpace, seed: int, shape: Shape, classes: int) -> None:
    """The closed form, the sum over the layers and fvcore agree on a random member."""
    member = random_member(space, seed)
    layers = lower(space, member, shape, classes)
    cost = CostModel(space, shape, classes).cost(member)
    assert cost == total_cost(layers) == referee.fvcore_cost(layers, shape)
    assert space.check(member) == member
    assert space.parse(member.text) == member


def assert_feasible_agrees(space: SearchSpace, seed: int) -> None:
    """Totals, bounds, extremes and samples within budgets are those of the full list."""
    costs = CostModel(space)
    members = costs_of_members(costs)
    assert feasible_space(costs, ()).total == len(members)
    rng = np.random.default_rng(seed)
    for name in ("madds", "params", "acts"):
        values = [getattr(cost, name) for cost in members.values()]
        budget = (Constraint(name, int(np.quantile(values, rng.uniform(0.05, 0.9))) + 1),)
        feasible = feasible_space(costs, budget)
        inside = {member for member, cost in members.items() if admits(budget, cost)}
        low, high = feasible.bounds()
        assert low <= len(inside) <= high
        assert getattr(costs.cost(feasible.smallest(name)), name) == min(values)
        drawn = set(feasible.sample_many(rng, 12 * len(inside)))
        assert drawn <= inside
        assert len(drawn) > 0.9 * len(inside)
        tight = feasible_space(costs, (Constraint(name, min(values) - 1),))
        try:
            tight.check()
        except BudgetError:
            continue
        raise AssertionError("a budget below the smallest network was accepted")


def train_on_digits(space: SearchSpace, member: Architecture, epochs: int = 1) -> list[EpochResult]:
    """Train `member` on 300 of the handwritten digits."""
    torch.set_num_threads(1)
    task = load_task("digits", limit=300)
    recipe = replace(load_recipe("digits"), batch_size=25, warmup_epochs=0.5)
    layers = lower(space, member, task.input, task.classes)
    run = Session(layers, task, recipe, epochs, seed=1, device="cpu")
    return [run.run_epoch() for _ in range(epochs)]


def logits_are_finite(space: SearchSpace, member: Architecture, shape: Shape) -> bool:
    """Tell whether the network answers an image of `shape` with 5 finite numbers."""
    network = build(lower(space, member, shape, 5), torch.Generator().manual_seed(0)).eval()
    with torch.inference_mode():
        logits = network(torch.randn(2, *shape, generator=torch.Generator().manual_seed(1)))
    return logits.shape == (2, 5) and bool(logits.isfinite().all())
