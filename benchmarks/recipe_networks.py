"""The networks on which recipes are compared: five of each of three families, 3M to 25M madds.

The costs are multiply-adds at 3x32x32 and 10 classes. Four networks of a family are drawn uniformly
from 90 to 100 % of a ceiling, the fifth is a published one (ShuffleNetV1 has none of that size, and
gets another drawn one). Heads are 320 wide, since those of 1,280 leave nothing below 6M.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nas.cost.budget import parse_budgets
from nas.cost.model import CostModel
from nas.feasible import feasible_space
from nas.space import (
    Architecture,
    Layer,
    SearchSpace,
    Shape,
    load_space,
    lower,
    parse_input,
    read_space,
)

INPUT, CLASSES = parse_input("3x32x32"), 10
# family: (ceilings of drawn networks in millions, published networks)
FAMILIES: dict[str, tuple[tuple[float, ...], tuple[str, ...]]] = {
    "igcv3": ((4.2, 6.5, 10, 15), ("igcv3-d-0.25-os",)),
    "mobilenetv2": ((3.6, 6.5, 10, 15, 24), ()),
    "shufflenetv1": ((3, 6, 10, 15, 24), ()),
}
# families that are only checked; the smallest NASNet-A has 76M
OTHERS: dict[str, tuple[tuple[float, ...], tuple[str, ...]]] = {
    "igcv1": ((12,), ()),
    "igcv2": ((12,), ()),
    "mobilenetv1": ((12,), ()),
}


@dataclass(frozen=True)
class Subject:
    """A network to train: `madds` are those at 3x32x32."""

    name: str
    family: str
    madds: int
    architecture: Architecture
    space: SearchSpace

    def layers(self, shape: Shape, classes: int) -> list[Layer]:
        """Return its layers for images of `shape`."""
        return lower(self.space, self.architecture, shape, classes)


def subjects(families: dict[str, tuple[tuple[float, ...], tuple[str, ...]]]) -> Iterator[Subject]:
    """Yield the networks of `families`, each family from small to large."""
    for family, (ceilings, published) in families.items():
        space = load_space(family)
        narrow = read_space(space.source.replace("width = 1280", "width = 320", 1), family)
        costs = CostModel(narrow, INPUT, CLASSES)
        for number, ceiling in enumerate(ceilings):
            feasible = feasible_space(costs, parse_budgets([f"{ceiling}M-flops"]))
            rng = np.random.default_rng([7, number])
            found = feasible.sample_many(rng, 1, 0.9, 1.0)[0]
            madds = costs.cost(found).madds
            yield Subject(f"{family}-{ceiling:g}M", family, madds, found, narrow)
        for name in published:
            entry = space.known(name)
            assert entry is not None
            madds = CostModel(entry.space, INPUT, CLASSES).cost(entry.architecture).madds
            yield Subject(name, family, madds, entry.architecture, entry.space)
