"""The ONNX file: checked when read back, and never there when it is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from small_networks import randomise
from torch import nn

from nas.errors import ExportError
from nas.export import onnx_file
from nas.export.parity import Reference, compare, reference
from nas.export.request import ExportRequest
from nas.export.weights import settle_statistics
from nas.layers import Shape
from nas.train.network import build

Listing = Callable[[Path], list[str]]


@pytest.fixture
def network(plain: ExportRequest) -> nn.Module:
    network = build(plain.layers(), torch.Generator().manual_seed(2))
    randomise(network)
    settle_statistics(network, plain.input, seed=2)
    return network.eval()


@pytest.fixture
def expected(network: nn.Module, plain: ExportRequest) -> Reference:
    return reference(network, plain.input)


def test_file_computes_the_network_at_any_batch(
    network: nn.Module, expected: Reference, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "network.onnx"
    parity = onnx_file.write_onnx(network, path, expected, {"arch_id": "abc"})
    assert parity.inputs == 69
    assert parity.max_relative_error <= 1e-4
    assert parity.top1_agreement == 1.0
    assert capfd.readouterr() == ("", "")
    assert [entry.name for entry in tmp_path.iterdir()] == ["network.onnx"]
    forward = onnx_file.load(path)
    for batch in (1, 3, 17):
        images = torch.randn(batch, 3, 32, 32)
        with torch.inference_mode():
            torch.testing.assert_close(forward(images), network(images), rtol=1e-4, atol=1e-4)
    model = onnx.load(path)
    assert {entry.key: entry.value for entry in model.metadata_props} == {"arch_id": "abc"}
    kinds = {node.op_type for node in model.graph.node}
    assert "Conv" in kinds
    assert "BatchNormalization" not in kinds  # folded into the convolutions
    assert str(Path(onnx_file.__file__).parents[1]).encode() not in path.read_bytes()


def test_wrong_file_is_refused_and_removed(
    network: nn.Module,
    expected: Reference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listing: Listing,
) -> None:
    convert = onnx_file.convert

    def corrupt(network: nn.Module, shape: torch.Size) -> onnx.ModelProto:
        model = convert(network, shape)
        weight = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        values = np.frombuffer(weight.raw_data, dtype=np.float32) * np.float32(1.01)
        weight.raw_data = values.tobytes()
        return model

    monkeypatch.setattr(onnx_file, "convert", corrupt)
    with pytest.raises(ExportError, match="ONNX file disagrees"):
        onnx_file.write_onnx(network, tmp_path / "network.onnx", expected, {})
    assert listing(tmp_path) == []


def test_network_that_overflows_is_refused(network: nn.Module) -> None:
    network.get_submodule("stem.bn").weight.data.fill_(float("nan"))  # type: ignore[operator, union-attr]
    with pytest.raises(ExportError, match="infinity or NaN"):
        reference(network, Shape(3, 32, 32))


def test_exact_copy_has_no_error(network: nn.Module, expected: Reference) -> None:
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
    network: nn.Module, expected: Reference, change: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    with torch.inference_mode(), pytest.raises(ExportError, match="it disagrees with PyTorch"):
        compare(expected, lambda x: change(network(x)), "it")


def test_classes_that_tie_may_be_exchanged() -> None:
    images, logits = torch.zeros(1, 1, 2, 2), torch.tensor([[1.0, 1.0 + 1e-6, 0.0]])
    tied = Reference(((images, logits),), ((images, logits),))
    swapped = torch.tensor([[1.0 + 1e-6, 1.0, 0.0]])
    assert compare(tied, lambda _: swapped, "it").top1_agreement == 1.0
