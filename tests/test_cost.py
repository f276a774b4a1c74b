"""The counts: by hand, against the sum over the layers, and from the cache."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from nas.cost.model import COST_NAMES, ZERO, Cost, CostModel, layer_cost, total_cost
from nas.space.layers import (
    Activation,
    Add,
    BatchNorm,
    Conv,
    GlobalPool,
    Input,
    Linear,
    Shape,
    Shuffle,
)
from nas.space.lowering import lower
from nas.space.search_space import SearchSpace
from tests.members import members, space_named, spaces

IGCV3 = space_named("igcv3")
inputs = st.builds(Shape, st.sampled_from([1, 3]), st.integers(1, 80), st.integers(1, 80))


@pytest.mark.parametrize(
    ("layer", "cost"),
    [
        # 8 outputs of 4 channels each (16 / 4 groups) through a 3x3 window, on a 5x6 map
        (Conv("c", ("x",), Shape(8, 5, 6), 16, 3, 2, 4, 1), (8 * 4 * 9 * 30, 8 * 4 * 9, 240)),
        (Conv("c", ("x",), Shape(16, 5, 6), 16, 3, 1, 16, 1), (16 * 9 * 30, 16 * 9, 480)),
        (Conv("c", ("x",), Shape(8, 1, 1), 16, 1, 1, 1, 0), (128, 128, 8)),
        (Linear("l", ("x",), Shape(10, 1, 1), 64), (640, 650, 10)),
        (BatchNorm("b", ("x",), Shape(8, 5, 6)), (0, 16, 0)),
        (Input("i", (), Shape(3, 5, 6)), (0, 0, 0)),
        (Activation("a", ("x",), Shape(8, 5, 6), "relu6"), (0, 0, 0)),
        (Shuffle("s", ("x",), Shape(8, 5, 6), 2), (0, 0, 0)),
        (Add("+", ("x", "y"), Shape(8, 5, 6)), (0, 0, 0)),
        (GlobalPool("p", ("x",), Shape(8, 1, 1)), (0, 0, 0)),
    ],
)
def test_one_layer_is_counted_by_hand(layer: Any, cost: tuple[int, int, int]) -> None:
    assert layer_cost(layer) == Cost(*cost)


def test_igcv3_d_counts_as_the_readme_says() -> None:
    member = IGCV3.parse("igcv3-d-1.0")
    at_224 = CostModel(IGCV3).cost(member)
    at_32 = CostModel(IGCV3, Shape(3, 32, 32), 10).cost(member)
    assert (at_224.params, at_224.madds) == (3_491_688, 312_970_176)
    assert at_32.params == 2_223_498
    assert 166.0e6 < at_32.madds < 166.1e6


@settings(max_examples=50, deadline=None)
@given(st.data(), spaces, inputs, st.integers(2, 1000))
def test_the_model_equals_the_sum_over_the_layers(
    data: DataObject, space: SearchSpace, input_shape: Shape, classes: int
) -> None:
    model = CostModel(space, input_shape, classes)
    for _ in range(2):
        member = data.draw(members(space))
        wanted = total_cost(lower(space, member, input_shape, classes))
        assert model.cost(member) == wanted
        assert model.cost(member) == wanted  # now from the cache
        assert all(type(getattr(wanted, name)) is int for name in COST_NAMES)


@settings(max_examples=30, deadline=None)
@given(st.data(), spaces)
def test_the_parts_add_up_to_the_whole(data: DataObject, space: SearchSpace) -> None:
    model = CostModel(space)
    member = data.draw(members(space))
    total, shape = model.stem
    for index, values in enumerate(member.stages):
        cost, shape = model.stage(index, shape, values)
        total += cost
    assert total + model.head(shape) == model.cost(member)


def test_the_model_counts_at_the_deployment_unless_told_otherwise() -> None:
    member = IGCV3.parse("igcv3-w")
    assert CostModel(IGCV3).cost(member) == CostModel(IGCV3, IGCV3.deployment, 1000).cost(member)
    fewer = CostModel(IGCV3, classes=10).cost(member)
    assert CostModel(IGCV3).cost(member).params - fewer.params == 990 * 1281


def test_a_wider_input_costs_in_proportion_where_it_divides() -> None:
    member = IGCV3.parse("mobilenetv2-1.0")
    square, wide = (
        total_cost(x for x in lower(IGCV3, member, Shape(3, 224, side)) if isinstance(x, Conv))
        for side in (224, 448)
    )
    assert (wide.madds, wide.acts, wide.params) == (
        2 * square.madds,
        2 * square.acts,
        square.params,
    )


def test_costs_add_and_multiply() -> None:
    one = Cost(1, 2, 3)
    assert one + ZERO == one
    assert one + one == one.times(2) == Cost(2, 4, 6)
    assert one.times(0) == ZERO
