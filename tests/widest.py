"""The rule behind the known network `igcv3-widest-strict`, and the conditions of a network."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nas.cost import CostModel
from nas.errors import ArchitectureError
from nas.space import Architecture, Conv, Layer, Shape, StageValues, Value
from nas.space.complementary import Condition, complementary

_STEP = 8
_LIMIT = 4


def block_conditions(layers: Sequence[Layer]) -> dict[str, Condition]:
    """Return the condition that each IGCV3 block of a network meets, by its name (`stage2.0`).

    Blocks without the first 1x1 convolution have no pair, and are left out.
    """
    convs = {layer.name: layer for layer in layers if isinstance(layer, Conv)}
    return {
        block: complementary(first.shape.channels, first.groups, convs[f"{block}.last"].groups)
        for name, first in convs.items()
        for block, _, part in [name.rpartition(".")]
        if part == "first"
    }


def widest(costs: CostModel, reference: Architecture) -> Architecture:
    """Return the widest IGCV3 network whose pairs are all strictly complementary.

    The rule: depths, expansions and ReLUs are those of `reference`; each stage takes a width and
    groups with which all its blocks are strictly complementary, at no more multiply-adds than that
    stage of `reference`, the last stage together with the head; of these networks, the one with
    the greatest product of widths. Widths are multiples of 8, up to four times those of
    `reference`; equal widths go to the fewer multiply-adds.

    Raises:
        ArchitectureError: `reference` has a block without a pair, or no widths meet the rule.
    """
    shape = costs.stem[1]
    reached = {shape.channels: _Partial(0.0, 0, shape, ())}
    last = max((i for i, values in enumerate(reference.stages) if values[0]), default=-1)
    limits = _stage_limits(costs, reference, last)
    for index, values in enumerate(reference.stages):
        following: dict[int, _Partial] = {}
        for part in reached.values():
            for stage in _strict_stages(costs, index, part, values) if values[0] else (values,):
                madds = _madds(costs, index, part.shape, stage, index == last)
                if madds > limits[index]:
                    continue
                longer = part.then(costs.stage(index, part.shape, stage)[1], stage, madds)
                width = longer.shape.channels
                if width not in following or longer.rank > following[width].rank:
                    following[width] = longer
        reached = following
    if not reached:
        raise ArchitectureError(
            f"no strictly complementary network costs as little as {reference}, stage by stage.",
            "Give a reference with more channels.",
        )
    found = max(reached.values(), key=lambda part: part.rank)
    return costs.space.assemble(Architecture(reference.space, reference.keys, found.stages))


@dataclass(frozen=True)
class _Partial:
    """The first stages of a network: log of the product of widths, madds, output shape, choices."""

    log_width: float
    madds: int
    shape: Shape
    stages: tuple[StageValues, ...]

    @property
    def rank(self) -> tuple[float, int]:
        """Wider first, then cheaper; rounded, since equal products may be summed in any order."""
        return round(self.log_width, 9), -self.madds

    def then(self, shape: Shape, stage: StageValues, madds: int) -> "_Partial":
        """Return this with one more stage, which gives a map of `shape`."""
        log_width = self.log_width + (math.log(shape.channels) if stage[0] else 0)
        return _Partial(log_width, self.madds + madds, shape, (*self.stages, stage))


def _stage_limits(costs: CostModel, reference: Architecture, last: int) -> list[int]:
    """Return the madds of each stage of `reference`, those of stage `last` with the head."""
    shape, limits = costs.stem[1], []
    for index, values in enumerate(reference.stages):
        if values[0] and not reference.choices(index)["expansion"]:
            raise ArchitectureError(
                f"stage {costs.space.stages[index].name} of {reference} has no first convolution.",
                "Give a reference with an expansion of 1 or more.",
            )
        limits.append(_madds(costs, index, shape, values, index == last))
        shape = costs.stage(index, shape, values)[1]
    return limits


def _madds(costs: CostModel, index: int, shape: Shape, values: StageValues, with_head: bool) -> int:
    cost, after = costs.stage(index, shape, values)
    return cost.madds + (costs.head(after).madds if with_head else 0)


def _strict_stages(
    costs: CostModel, index: int, part: _Partial, values: StageValues
) -> Iterator[StageValues]:
    """Yield stages like `values` whose blocks after `part` are all strictly complementary."""
    space = costs.space
    choices = {k: v for k, v in zip(space.keys, values, strict=True) if v is not None}
    before = part.shape.channels
    for g1 in _divisors(before):
        # Both group counts split the width: only its multiples can be built.
        step = math.lcm(_STEP, int(choices["expansion"]) * before // g1)
        step = math.lcm(step, g1) if choices["depth"] != 1 else step
        for width in range(step, _LIMIT * int(choices["width"]) + 1, step):
            written: dict[str, Value] = {**choices, "width": width, "g1": g1, "g2": "strict"}
            if space.buildable(written, before) is None:
                yield space.canonical_stage(written)


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]
