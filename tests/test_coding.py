"""Codes of architectures: cached codes of a stage equal new ones."""

from typing import Any

import numpy as np
import pytest

from nas.cost.budget import parse_budgets
from nas.cost.model import CostModel
from nas.feasible import FeasibleSpace
from nas.feasible.encoding import DEAD, SpaceCoding
from nas.space.architecture import Architecture
from tests.members import space_named
from tests.traced import kept_bytes

SPACE = space_named("igcv3")
COSTS = CostModel(SPACE)
DRAWN = FeasibleSpace(COSTS, parse_budgets(["300M-flops"])).sample_many(
    np.random.default_rng(0), 200
)


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
        else DEAD
        for variable in coding.variables
    )


def test_codes_are_the_places_of_the_values_however_little_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def encoded() -> tuple[Any, Any]:
        coding = SpaceCoding(COSTS)
        return coding, [coding.encode(architecture) for architecture in DRAWN]

    (coding, codes), large = kept_bytes(encoded)
    expected = [looked_up(coding, architecture) for architecture in DRAWN]
    assert codes == expected
    assert [coding.encode(architecture) for architecture in DRAWN] == expected
    monkeypatch.setattr("nas.feasible.encoding.REMEMBERED", 3)
    (_, codes), small = kept_bytes(encoded)
    assert codes == expected
    assert small < large  # fewer were kept


def test_codes_tell_1_from_true_whichever_was_asked_first() -> None:
    drawn = next(a for a in DRAWN if a.stages[1][0] == 1)
    stages = [list(values) for values in drawn.stages]
    stages[1][0] = True
    odd = Architecture(drawn.space, drawn.keys, tuple(map(tuple, stages)))
    for order in ((odd, drawn), (drawn, odd)):
        coding = SpaceCoding(COSTS)
        codes = {id(a): coding.encode(a) for a in order}
        differ = [one != two for one, two in zip(codes[id(odd)], codes[id(drawn)], strict=True)]
        assert sum(differ) == 1
        assert codes[id(odd)][differ.index(True)] == DEAD
