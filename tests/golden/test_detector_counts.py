"""Golden counts of the published detectors: closed form, layers and fvcore agree."""

import itertools

import pytest

from nas.cost import CostModel, total_cost
from nas.space import (
    Detector,
    Shape,
    SSDLite,
    known_detectors,
    load_space,
    lower,
    outputs_of,
    yolov2_layers,
)
from nas.training.network.fvcore_count import fvcore_cost

GOLDEN = {  # 3x320x320, 80 classes and the background
    "ssdlite-mobilenetv1": (5_100_661, 1_309_162_944),
    "ssdlite-mobilenetv2": (4_337_013, 788_830_144),
    "ssdlite-igcv3-d": (4_000_245, 794_480_832),
}
SIDES = [20, 10, 5, 3, 2, 1]
DETECTORS = {
    entry.name: entry
    for name in ("mobilenetv1", "mobilenetv2", "igcv3")
    for entry in known_detectors(load_space(name))
}


def model(entry: Detector, classes: int = 80) -> CostModel:
    return CostModel(entry.space, Shape(3, 320, 320), classes, own_head=entry.head)


def test_every_golden_count_is_of_a_known_detector() -> None:
    assert DETECTORS.keys() == GOLDEN.keys()


@pytest.mark.parametrize("name", GOLDEN)
def test_closed_form_layers_and_fvcore_give_the_golden_count(name: str) -> None:
    entry, costs = DETECTORS[name], model(DETECTORS[name])
    layers = costs.layers(entry.architecture)
    cost = costs.cost(entry.architecture)
    assert (cost.params, cost.madds) == GOLDEN[name]
    assert cost == total_cost(layers) == fvcore_cost(layers)


def test_ninety_classes_as_in_the_configuration_of_the_authors() -> None:
    cost = model(entry := DETECTORS["ssdlite-mobilenetv2"], 90).cost(entry.architecture)
    assert (cost.params, cost.madds) == (4_500_543, 804_397_504)


def test_extras_and_predictors_alone() -> None:
    """Those on MobileNetV2: 2.11 M parameters, 178 M multiply-adds."""
    entry = DETECTORS["ssdlite-mobilenetv2"]
    backbone = lower(entry.space, entry.architecture, Shape(3, 320, 320), 80)
    without = total_cost(layer for layer in backbone if layer.name != "classifier")
    cost = model(entry).cost(entry.architecture)
    assert (cost.params - without.params, cost.madds - without.madds) == (2_113_141, 177_617_344)


@pytest.mark.parametrize("name", GOLDEN)
def test_maps_of_boxes_and_classes_for_each_size(name: str) -> None:
    entry = DETECTORS[name]
    maps = outputs_of(model(entry).layers(entry.architecture))
    anchors = [3, 6, 6, 6, 6, 6]
    assert [each.shape for each in maps[0::2]] == [
        Shape(4 * count, side, side) for count, side in zip(anchors, SIDES, strict=True)
    ]
    assert [each.shape for each in maps[1::2]] == [
        Shape(81 * count, side, side) for count, side in zip(anchors, SIDES, strict=True)
    ]


@pytest.mark.parametrize(("name", "tap"), [("mobilenetv1", 512), ("mobilenetv2", 576)])
def test_taps_of_the_reference(name: str, tap: int) -> None:
    entry = DETECTORS[f"ssdlite-{name}"]
    layers = {layer.name: layer for layer in model(entry).layers(entry.architecture)}
    (source,) = layers["box_heads.0.depthwise"].inputs
    assert layers[source].shape == Shape(tap, 20, 20)


def test_only_igcv3_has_grouped_extras() -> None:
    for entry in DETECTORS.values():
        layers = model(entry).layers(entry.architecture)
        groups = {getattr(layer, "groups", 0) for layer in layers if layer.name == "extras.0.first"}
        assert groups == {2 if entry.space.name == "igcv3" else 1}


@pytest.mark.parametrize("shape", [Shape(3, 64, 64), Shape(1, 100, 60), Shape(3, 512, 384)])
def test_any_input_size(shape: Shape) -> None:
    space = load_space("igcv3")
    costs = CostModel(space, shape, 3, own_head=SSDLite())
    member = space.published[0].architecture
    layers = costs.layers(member)
    assert costs.cost(member) == total_cost(layers)
    sizes = [each.shape[1:] for each in outputs_of(layers)[0::2]]
    for (h, w), smaller in itertools.pairwise(sizes):
        assert smaller == (-(-h // 2), -(-w // 2))


@pytest.mark.parametrize(
    ("side", "classes", "params", "madds"),
    [
        (416, 80, 50_962_889, 14_732_084_224),
        (608, 80, 50_962_889, 31_469_126_656),
        (416, 20, 50_655_389, 14_680_167_424),
    ],
)
def test_yolov2(side: int, classes: int, params: int, madds: int) -> None:
    cost = total_cost(yolov2_layers(Shape(3, side, side), classes))
    assert (cost.params, cost.madds) == (params, madds)


def test_fvcore_counts_yolov2_alike() -> None:
    layers = yolov2_layers(Shape(3, 64, 64), 80)
    assert fvcore_cost(layers) == total_cost(layers)
