"""The networks whose training is timed: the largest of a sample within a budget."""

from functools import cache
from pathlib import Path

import numpy as np

from nas.cost.budget import parse_budgets
from nas.cost.model import Cost, CostModel, total_cost
from nas.feasible import FeasibleSpace
from nas.space.architecture import Architecture
from nas.space.file import load_space
from nas.space.layers import Layer, Shape
from nas.space.lowering import lower

INPUT, CLASSES = Shape(3, 32, 32), 10
SMALL = str(Path(__file__).parent / "igcv3_small.toml")
# name: (space, ceiling at 32x32 or name of a published architecture)
CANDIDATES = {
    "1M": (SMALL, "1M-flops"),
    "5M": (SMALL, "5M-flops"),
    "22M": ("igcv3", "22M-flops"),
    "IGCV3-D": ("igcv3", "igcv3-d-1.0"),
}
_DRAWS = 64


@cache
def architecture(name: str) -> Architecture:
    """The one with most multiply-adds of 64 uniform draws, seed 0; or the published one."""
    space, what = CANDIDATES[name]
    loaded = load_space(space)
    if not what.endswith("-flops"):
        return loaded.parse(what)
    costs = CostModel(loaded, INPUT, CLASSES)
    drawn = FeasibleSpace(costs, parse_budgets([what])).sample_many(
        np.random.default_rng(0), _DRAWS
    )
    return max(drawn, key=lambda found: costs.cost(found).madds)


def candidate(name: str) -> list[Layer]:
    """Its layers at 32x32, where the stem and the stages keep the strides of the CIFAR rule."""
    return lower(load_space(CANDIDATES[name][0]), architecture(name), INPUT, CLASSES)


def cost(name: str) -> Cost:
    return total_cost(candidate(name))
