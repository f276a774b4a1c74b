"""Codes of architectures: the positions of their values."""

from typing import Any

import numpy as np
import pytest

from nas.cost.budget import parse_budgets
from nas.cost.model import CostModel
from nas.feasible import FeasibleSpace
from nas.feasible.encoding import INACTIVE, SpaceCoding
from nas.space.architecture import Architecture
from tests.members import space_named

SPACE = space_named("igcv3")
COSTS = CostModel(SPACE)


@pytest.fixture(scope="module")
def drawn() -> list[Architecture]:
    """Members within a budget."""
    feasible = FeasibleSpace(COSTS, parse_budgets(["300M-flops"]))
    return feasible.sample_many(np.random.default_rng(0), 100)


def looked_up(coding: Any, architecture: Architecture) -> Any:
    """Return the codes by the meaning of the variables."""
    by_name = {
        (stage.name, key): value
        for stage, values in zip(SPACE.stages, architecture.stages, strict=True)
        for key, value in zip(SPACE.keys, values, strict=True)
    }
    return tuple(
        variable.values.index(by_name[variable.stage, variable.key])
        if by_name[variable.stage, variable.key] in variable.values
        else INACTIVE
        for variable in coding.variables
    )


def test_codes_are_the_places_of_the_values(drawn: list[Architecture]) -> None:
    coding = SpaceCoding(COSTS)
    for architecture in drawn:
        assert coding.encode(architecture) == looked_up(coding, architecture)


def test_codes_tell_1_from_true(drawn: list[Architecture]) -> None:
    even = next(a for a in drawn if a.stages[1][0] == 1)
    stages = [list(values) for values in even.stages]
    stages[1][0] = True
    odd = Architecture(even.space, even.keys, tuple(map(tuple, stages)))
    coding = SpaceCoding(COSTS)
    theirs, ours = coding.encode(odd), coding.encode(even)
    differ = [one != two for one, two in zip(theirs, ours, strict=True)]
    assert sum(differ) == 1
    assert theirs[differ.index(True)] == INACTIVE
