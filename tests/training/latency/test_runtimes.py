"""Timed networks equal the module; times of a runtime are assigned to layers."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from nas.cost.latency_table import latency_units
from nas.cost.model import CostModel
from nas.errors import NasError
from nas.space.file import load_space, parse_input, read_space
from nas.space.layers import Layer
from nas.space.lowering import lower
from nas.training.latency.measure import measure_network, measure_networks, measure_units
from nas.training.latency.pieces import covering_pieces, side_by_side
from nas.training.latency.runtimes import open_runtime
from nas.training.latency.torch_runtime import TorchRuntime
from nas.training.network.folded import fold, folded_weights
from nas.training.network.module import build
from nas.training.network.onnx_graph import onnx_model
from tests.messages import carrying
from tests.test_latency import SMALL

NETWORKS = [
    ("igcv3", "igcv3-d-1.0"),
    ("shufflenetv1", "shufflenet-1x-g3"),
    ("igcv2", None),
    ("nasnet-a", None),
]


def layers_of(name: str, arch: str | None, side: str = "3x32x32") -> list[Layer]:
    space = load_space(name)
    known = space.known(arch) if arch else None
    entry = known or (*space.published, *space.variants)[0]
    return lower(entry.space, entry.architecture, parse_input(side), 10)


@pytest.mark.parametrize(("name", "arch"), NETWORKS)
def test_the_graph_computes_what_the_network_does(name: str, arch: str | None) -> None:
    layers = layers_of(name, arch)
    network = build(layers, torch.Generator().manual_seed(0)).eval()
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # as if trained, so that folding has to be right
            module.weight.data.uniform_(0.5, 1.0, generator=generator)
            module.bias.data.normal_(0.0, 0.1, generator=generator)
            module.running_mean.normal_(0.0, 0.1, generator=generator)
            module.running_var.uniform_(0.8, 1.5, generator=generator)
    images = torch.randn(1, 3, 32, 32, generator=generator)
    with torch.inference_mode():
        expected = network(images)
        model = onnx_model(layers, folded_weights(network, layers), opset=17)
        fold(network, layers)
        folded = network(images)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    computed = session.run(None, {layers[0].name: images.numpy()})[0]
    reach = expected.abs().max().item()
    assert reach > 0
    assert (folded - expected).abs().max() < 1e-3 * reach
    assert np.abs(computed - expected.numpy()).max() < 1e-3 * reach


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch"])
def test_every_convolution_of_a_profile_has_its_time(runtime: str) -> None:
    space = read_space(SMALL, "small.toml")
    pieces = covering_pieces(CostModel(space), np.random.default_rng(0))
    layers, timed = side_by_side([*pieces[:6], layers_of("shufflenetv1", None)])
    profiles = open_runtime("cpu", runtime).profile(layers, 2)
    assert len(profiles) == 2
    names = {layer.name for layer in layers}
    for profile in profiles:
        assert set(profile) <= names
        assert all(spent >= 0 for spent in profile.values())
        for unit in timed:
            if unit.key.startswith("conv"):
                assert any(name in profile for name in unit.names), unit


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch"])
def test_networks_and_units_are_measured(runtime: str) -> None:
    opened = open_runtime("cpu", runtime)
    layers = layers_of("mobilenetv2", "mobilenetv2-0.35")
    timing = measure_network(opened, layers)
    assert timing.runs >= 15
    assert 0 < timing.low <= timing.median <= timing.high
    both = measure_networks(
        opened, [layers, layers_of("mobilenetv1", "mobilenetv1-0.25")], rounds=3
    )
    assert [each.runs for each in both] == [3, 3]
    heard: list[float] = []
    found = measure_units(opened, [layers], heard.append)
    assert set(found) == {unit.key for unit in latency_units(layers)}
    assert heard == [1.0]
    assert torch.get_num_threads() >= 1


def test_the_device_is_named() -> None:
    device = open_runtime("cpu", "torch").device
    assert (device.kind, device.runtime, device.threads) == ("cpu", "torch", 1)
    assert device.version == torch.__version__
    assert device.name
    assert str(device).endswith("1 thread")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tpu",), "'tpu'"),
        (("cpu", "tflite"), "'tflite'"),
        (("cpu", None, 10_000), "10000 threads"),
        (("cuda", "onnxruntime"), "onnxruntime … CPU"),
    ],
)
def test_what_is_not_here_is_refused(words: tuple[Any, ...], said: str) -> None:
    with pytest.raises(NasError, match=carrying(said)):
        open_runtime(*words)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_here_is_refused() -> None:
    with pytest.raises(NasError, match="GPU"):
        open_runtime("cuda")


@pytest.mark.gpu
def test_a_gpu_is_measured() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    runtime = TorchRuntime(torch.device("cuda"))
    layers = layers_of("igcv3", "igcv3-d-1.0")
    assert measure_network(runtime, layers).median > 0
    assert set(measure_units(runtime, [layers])) == {unit.key for unit in latency_units(layers)}
