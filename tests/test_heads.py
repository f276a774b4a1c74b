"""Heads of tasks: they append layers, read a tap, and belong to every count."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from nas.cost import Constraint, CostModel, latency_units, total_cost
from nas.errors import ArchitectureError
from nas.feasible import feasible_space
from nas.metrics import DETECTION
from nas.space import (
    Architecture,
    Builder,
    Head,
    Layer,
    SearchSpace,
    Shape,
    SSDLite,
    load_space,
    lower,
    outputs_of,
    outputs_text,
    read_space,
)
from nas.training.latency.pieces import covering_pieces
from nas.training.network.fvcore_count import fvcore_cost
from nas.training.network.module import build
from tests.exports.small_networks import SMALL
from tests.studies import small_spec

SIDE = Shape(3, 96, 96)  # every stride of the spaces
STAGED = ("igcv1", "igcv1-imagenet", "igcv2", "igcv3", "mobilenetv1", "mobilenetv2", "shufflenetv1")


@dataclass(frozen=True)
class TwoMaps:
    """A convolution on the tapped map, and one on the last."""

    outputs: int = 4
    side: int | None = None

    def lower_tap(self, net: Builder, outputs: int) -> None:
        net.conv("fine.conv", outputs)

    def lower(self, space: SearchSpace, net: Builder, outputs: int) -> None:
        net.conv("coarse", 2 * outputs, kernel=3)


def tap(layers: list[Layer]) -> Layer:
    named = {layer.name: layer for layer in layers}
    return named[named["fine.conv"].inputs[0]]


def of(space: SearchSpace, name: str = "") -> list[Layer]:
    architecture = space.parse(name) if name else space.published[0].architecture
    return lower(space, architecture, SIDE, 4, head=TwoMaps())


def test_a_head_taps_the_expansion_of_the_last_strided_block() -> None:
    found = tap(of(load_space("mobilenetv2"), "mobilenetv2-1.0"))
    assert found.name.endswith(".0.expand_relu")
    assert found.shape == (6 * 96, 6, 6)


@pytest.mark.parametrize("name", ["mobilenetv1", "shufflenetv1", "igcv1-imagenet", "igcv2"])
def test_a_head_taps_the_input_of_a_block_without_an_expansion(name: str) -> None:
    layers = of(load_space(name))
    block = layers[layers.index(tap(layers)) + 1]
    assert ".0." in block.name
    assert not tap(layers).name.startswith(block.name.partition(".0.")[0])


@pytest.mark.parametrize("name", STAGED)
def test_the_tap_has_twice_the_resolution_of_the_last_map(name: str) -> None:
    layers = of(load_space(name))
    fine, coarse = outputs_of(layers)
    assert (fine.name, coarse.name) == ("fine.conv", "head.coarse")
    assert fine.shape[1:] == tuple(2 * side for side in coarse.shape[1:])


@pytest.mark.parametrize("name", STAGED)
def test_the_model_counts_a_head_with_a_tap_for_every_member(name: str) -> None:
    space = load_space(name)
    costs = CostModel(space, SIDE, 4, own_head=TwoMaps())
    feasible = feasible_space(costs, (Constraint("params", 10**9),))
    rng = np.random.default_rng(0)
    for member in (feasible.sample(rng) for _ in range(3)):
        assert costs.cost(member) == total_cost(costs.layers(member))


def test_a_head_replaces_the_classifier_of_a_kind_that_plans_whole_networks() -> None:
    space = load_space("nasnet-a")
    costs = CostModel(space, SIDE, 4, own_head=TwoMaps())
    for entry in space.published[:2]:
        layers = costs.layers(entry.architecture)
        fine, coarse = outputs_of(layers)
        assert (fine.name, coarse.name) == ("fine.conv", "head.coarse")
        assert fine.shape[1:] == tuple(2 * side for side in coarse.shape[1:])
        assert costs.cost(entry.architecture) == total_cost(layers)


def test_fvcore_counts_both_outputs_and_the_network_returns_them() -> None:
    space = load_space("igcv3")
    layers = of(space, "igcv3-d-1.0")
    assert fvcore_cost(layers) == total_cost(layers)
    fine, coarse = build(layers).eval()(torch.zeros(2, *SIDE))
    assert (fine.shape, coarse.shape) == ((2, 4, 6, 6), (2, 8, 3, 3))


def test_a_head_with_a_tap_needs_a_stage_with_a_stride() -> None:
    space = load_space("mobilenetv2")
    member: Architecture = space.published[0].architecture
    with pytest.raises(ArchitectureError, match="no stage has a stride"):
        lower(space, member, SIDE, 4, (2, *(1 for _ in space.stages)), TwoMaps())


def test_a_latency_table_has_the_units_of_the_head_and_of_its_tap() -> None:
    space = read_space(SMALL, "small.toml")
    costs = CostModel(space, SIDE, 4, own_head=TwoMaps())
    pieces = covering_pieces(costs, np.random.default_rng(0))
    known = {unit.key for piece in pieces for unit in latency_units(piece)}
    feasible = feasible_space(costs, (Constraint("params", 10**9),))
    rng = np.random.default_rng(1)
    for member in (feasible.sample(rng) for _ in range(5)):
        assert {unit.key for unit in latency_units(costs.layers(member))} <= known


@pytest.mark.parametrize(
    ("head", "outputs", "text"),
    [
        (None, 10, "10 classes"), (None, 1, "1 class"), (SSDLite(), 3, "3 classes"),
        (SSDLite(), 80, "80 classes"), (TwoMaps(), 4, "4 outputs"), (TwoMaps(), 1, "1 output"),
    ],
)  # fmt: skip
def test_outputs_are_named_by_what_they_are(head: Head | None, outputs: int, text: str) -> None:
    assert outputs_text(head, outputs) == text


def test_a_study_of_detectors_has_classes() -> None:
    spec = small_spec(task="detection", metrics=DETECTION, classes=80)
    assert spec.outputs == "80 classes"
