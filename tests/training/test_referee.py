"""The referee: fvcore and the closed form agree on whatever the space holds."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost.model import CostModel, total_cost
from nas.space.layers import Shape
from nas.space.lowering import lower
from nas.training.network import fvcore_count as referee
from nas.training.network.module import build
from tests.members import members, space_named
from tests.training.nets import small_layers

SPACE = space_named("igcv3")
inputs = st.builds(Shape, st.sampled_from([1, 3]), st.integers(5, 24), st.integers(5, 24))


@settings(max_examples=6, deadline=None)
@given(members(SPACE), inputs, st.integers(2, 100))
def test_equals_the_closed_form(architecture: Any, shape: Shape, classes: int) -> None:
    layers = lower(SPACE, architecture, shape, classes)
    assert referee.fvcore_cost(layers, shape) == CostModel(SPACE, shape, classes).cost(architecture)


@settings(max_examples=8, deadline=None)
@given(members(SPACE))
def test_parameters_are_those_of_the_trained_module(architecture: Any) -> None:
    network = build(lower(SPACE, architecture, Shape(1, 8, 8), 10))
    params = sum(parameter.numel() for parameter in network.parameters())
    assert params == CostModel(SPACE, Shape(1, 8, 8), 10).cost(architecture).params


@pytest.mark.parametrize("published", SPACE.published, ids=lambda published: published.name)
def test_equals_the_closed_form_at_the_deployment_input(published: Any) -> None:
    layers = lower(SPACE, published.architecture)
    assert referee.fvcore_cost(layers) == CostModel(SPACE).cost(published.architecture)


def test_counts_what_is_executed_not_what_is_written() -> None:
    layers = small_layers()
    wrong = [layer for layer in layers if layer.name != "body.0.depthwise"]
    assert referee.fvcore_cost(layers) == total_cost(layers)
    assert total_cost(wrong) != referee.fvcore_cost(layers)


def test_says_nothing(capfd: pytest.CaptureFixture[str], caplog: Any, recwarn: Any) -> None:
    referee.fvcore_cost(small_layers())
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert not recwarn.list
