"""The ONNX file: checked when read back, and absent if it is wrong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from nas.errors import ExportError
from nas.exports.onnx_file import convert, load, write_onnx
from nas.exports.parity import Reference, compare, reference
from nas.exports.request import OPSETS, ExportRequest
from nas.exports.weights import settle_statistics
from nas.space.layers import Layer, Shape
from nas.training.network.module import Network, build
from tests.exports.small_networks import randomise

Listing = Callable[[Path], list[str]]


@pytest.fixture
def layers(plain: ExportRequest) -> list[Layer]:
    return plain.layers()


@pytest.fixture
def network(layers: list[Layer], plain: ExportRequest) -> Network:
    network = build(layers, torch.Generator().manual_seed(2))
    randomise(network)
    settle_statistics(network, plain.input, seed=2)
    return network.eval()


@pytest.fixture
def expected(network: Network, plain: ExportRequest) -> Reference:
    return reference(network, plain.input)


def test_file_computes_the_network_at_any_batch(
    network: Network,
    layers: list[Layer],
    expected: Reference,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "network.onnx"
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    parity = write_onnx(convert(network, layers, 17), path, expected, {"arch_id": "abc"})
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    assert parity.inputs == 69
    assert parity.max_relative_error <= 1e-4
    assert parity.top1_agreement == 1.0
    assert capfd.readouterr() == ("", "")
    assert [entry.name for entry in tmp_path.iterdir()] == ["network.onnx"]
    forward = load(path)
    for batch in (1, 3, 17):
        images = torch.randn(batch, 3, 32, 32)
        with torch.inference_mode():
            torch.testing.assert_close(forward(images), network(images), rtol=1e-4, atol=1e-4)
    model = onnx.load(path)
    assert {entry.key: entry.value for entry in model.metadata_props} == {"arch_id": "abc"}


def test_file_says_what_each_node_and_each_array_is(network: Network, layers: list[Layer]) -> None:
    model = convert(network, layers, 17)
    (opset,) = model.opset_import
    assert (opset.domain, opset.version, model.ir_version) == ("", 17, 8)
    nodes = {node.name: node.op_type for node in model.graph.node}
    assert len(nodes) == len(model.graph.node)
    assert nodes["stem/conv"] == nodes["stage2.0/depthwise"] == "Conv"
    assert nodes["head/pool"] == "GlobalAveragePool"
    assert nodes["classifier"] == "Gemm"
    assert "BatchNormalization" not in nodes.values()  # folded into the convolutions
    arrays = {array.name: tuple(array.dims) for array in model.graph.initializer}
    for name, tensor in network.state_dict().items():
        if name in arrays:
            assert arrays[name] == tuple(tensor.shape)
    assert {"stem.conv.weight", "stem.conv.bias", "classifier.bias"} <= set(arrays)
    (images,), (logits,) = model.graph.input, model.graph.output
    assert [images.name, *_shape(images)] == ["images", "batch", 3, 32, 32]
    assert [logits.name, *_shape(logits)] == ["logits", "batch", 20]


def _shape(value: onnx.ValueInfoProto) -> list[str | int]:
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("opset", OPSETS)
def test_file_computes_the_network_in_every_opset(
    opset: int, network: Network, layers: list[Layer], expected: Reference, tmp_path: Path
) -> None:
    path = tmp_path / "network.onnx"
    model = convert(network, layers, opset)
    assert write_onnx(model, path, expected, {}).top1_agreement == 1.0
    assert onnx.load(path).opset_import[0].version == opset


def test_opset_out_of_range_is_refused(plain: ExportRequest) -> None:
    for opset in (OPSETS[0] - 1, OPSETS[-1] + 1):
        with pytest.raises(ExportError, match=f"of opset {opset} cannot") as caught:
            replace(plain, opset=opset)
        assert f"{OPSETS[0]} to {OPSETS[-1]}" in caught.value.remedy


def test_wrong_file_is_refused_and_removed(
    network: Network,
    layers: list[Layer],
    expected: Reference,
    tmp_path: Path,
    listing: Listing,
) -> None:
    model = convert(network, layers, 17)
    weight = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = np.frombuffer(weight.raw_data, dtype=np.float32) * np.float32(1.01)
    weight.raw_data = values.tobytes()
    with pytest.raises(ExportError, match="ONNX file disagrees"):
        write_onnx(model, tmp_path / "network.onnx", expected, {})
    assert listing(tmp_path) == []


def test_network_that_overflows_is_refused(network: Network) -> None:
    norm: Any = network.get_submodule("stem.bn")
    norm.weight.data.fill_(float("nan"))
    with pytest.raises(ExportError, match="infinity or NaN"):
        reference(network, Shape(3, 32, 32))


def test_exact_copy_has_no_error(network: Network, expected: Reference) -> None:
    with torch.inference_mode():
        parity = compare(expected, network, "it")
    assert (parity.max_abs_error, parity.top1_agreement) == (0.0, 1.0)


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y * 1.001,
        lambda y: y.roll(1, dims=1),
        lambda y: y * float("nan"),
        lambda y: y[:, :-1],
        lambda y: torch.where(torch.arange(len(y))[:, None] == 3, -y, y),
    ],
    ids=["scaled", "classes moved", "nan", "a class lost", "fourth of a batch wrong"],
)
def test_differences_are_found(
    network: Network, expected: Reference, change: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    with torch.inference_mode(), pytest.raises(ExportError, match="it disagrees with PyTorch"):
        compare(expected, lambda x: change(network(x)), "it")


def test_classes_that_tie_may_be_exchanged() -> None:
    images, logits = torch.zeros(1, 1, 2, 2), torch.tensor([[1.0, 1.0 + 1e-6, 0.0]])
    tied = Reference(((images, logits),), ((images, logits),))
    swapped = torch.tensor([[1.0 + 1e-6, 1.0, 0.0]])
    assert compare(tied, lambda _: swapped, "it").top1_agreement == 1.0
