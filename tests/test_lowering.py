"""Lowering: names, shapes and edges of the layers, and the adaptation to small inputs."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from nas.space.layers import Add, Conv, GlobalPool, Input, Linear, Shape, Shuffle
from nas.space.lowering import lower
from nas.space.search_space import SearchSpace
from tests.members import members, space_named, spaces

IGCV3 = space_named("igcv3")
D = IGCV3.parse("igcv3-d-1.0")
inputs = st.builds(Shape, st.sampled_from([1, 3]), st.integers(1, 80), st.integers(1, 80))


@settings(max_examples=80, deadline=None)
@given(st.data(), spaces, inputs, st.integers(2, 12))
def test_the_layers_of_any_member_fit_together(
    data: DataObject, space: SearchSpace, input_shape: Shape, classes: int
) -> None:
    layers = lower(space, data.draw(members(space)), input_shape, classes)
    shapes: dict[Any, Any] = {}
    for layer in layers:
        assert layer.name not in shapes
        read = [shapes[name] for name in layer.inputs]  # only earlier layers
        shapes[layer.name] = layer.shape
        check(layer, read)
    assert isinstance(layers[0], Input)
    assert layers[0].shape == input_shape
    assert isinstance(layers[-1], Linear)
    assert layers[-1].shape == (classes, 1, 1)
    read_by_someone = {name for layer in layers for name in layer.inputs}
    assert read_by_someone == set(shapes) - {layers[-1].name}


def check(layer: Any, read: list[Shape]) -> None:
    """Assert what must hold between a layer's output shape and those that it reads."""
    match layer:
        case Input():
            assert read == []
        case Conv(in_channels=channels, groups=groups, kernel=kernel, stride=stride):
            assert channels == read[0].channels
            assert channels % groups == layer.shape.channels % groups == 0
            sides = ((side + 2 * (kernel // 2) - kernel) // stride + 1 for side in read[0][1:])
            assert layer.shape[1:] == tuple(sides)
        case Add():
            assert read[0] == read[1] == layer.shape
        case Shuffle(groups=groups):
            assert read[0] == layer.shape
            assert 1 < groups < layer.shape.channels
            assert layer.shape.channels % groups == 0
        case GlobalPool():
            assert layer.shape == (read[0].channels, 1, 1)
        case Linear(in_features=features):
            assert read[0] == (features, 1, 1)
        case _:
            assert read == [layer.shape]


@settings(max_examples=40, deadline=None)
@given(st.data(), spaces)
def test_every_block_but_the_first_of_a_stage_adds_its_input(
    data: DataObject, space: SearchSpace
) -> None:
    member = data.draw(members(space))
    adds = [layer.name for layer in lower(space, member) if isinstance(layer, Add)]
    depths = zip(space.stages, member.column("depth"), strict=True)
    wanted = [f"{stage.name}.{block}.add" for stage, n in depths for block in range(1, int(n))]
    assert adds == wanted


def test_a_stage_of_depth_0_has_no_layers_and_the_next_reads_past_it() -> None:
    text = D.text.replace("depth=1-4-6-8-6-6-1", "depth=0-4-6-8-0-6-0")
    layers = lower(IGCV3, IGCV3.parse(text))
    assert not any(layer.name.startswith(("stage1.", "stage5.", "stage7.")) for layer in layers)
    first = {layer.name: layer for layer in layers}["stage2.0.first"]
    assert first.inputs == ("stem.relu",)
    assert first.in_channels == 32


def test_the_names_are_dotted_by_stage_and_block() -> None:
    found = [layer.name for layer in lower(IGCV3, D)]
    assert found[:5] == ["input", "stem.conv", "stem.bn", "stem.relu", "stage1.0.first"]
    assert "stage4.7.depthwise_relu" in found
    assert found[-5:] == ["head.conv", "head.bn", "head.relu", "head.pool", "classifier"]


def test_the_stride_of_a_stage_is_carried_by_its_first_depthwise_convolution() -> None:
    strided = [x.name for x in lower(IGCV3, D) if isinstance(x, Conv) and x.stride == 2]
    assert strided == ["stem.conv", *(f"stage{i}.0.depthwise" for i in (2, 3, 4, 6))]
