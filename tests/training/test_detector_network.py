"""The module of a detector: several maps, also by the kernels, and its training-free scores."""

from collections.abc import Iterator

import pytest
import torch

from nas.space import Shape, SSDLite, load_space, lower, read_space
from nas.space.layers import Layer
from nas.training.cpu import accelerate
from nas.training.network.module import build
from nas.training.scores.proxies import proxy_scores
from tests.exports.small_networks import SMALL
from tests.training.exact import needs_compiler

SHAPE = Shape(3, 64, 64)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute on one thread, as the kernels do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def detector(expansion: str = "0-2") -> list[Layer]:
    """A small backbone with the head; its tap is an expansion after a shuffle."""
    space = read_space(SMALL, "small.toml")
    text = f"depth=1-2,width=8-16,expansion={expansion},g1=1-2,g2=2,relu=depthwise,permute2=no"
    return lower(space, space.parse(text), SHAPE, 2, head=SSDLite())


def test_the_maps_are_those_of_the_layers_in_their_order() -> None:
    network = build(detector(), torch.Generator().manual_seed(0)).eval()
    maps = network(torch.randn(2, *SHAPE))
    assert [tuple(each.shape) for each in maps[:4]] == [
        (2, 12, 32, 32), (2, 9, 32, 32), (2, 24, 16, 16), (2, 18, 16, 16),
    ]  # fmt: skip
    assert len(maps) == 12


@needs_compiler
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("expansion", ["0-2", "0-1"])
def test_the_kernels_compute_every_map_and_the_biases(expansion: str) -> None:
    images = torch.randn(8, *SHAPE, generator=torch.Generator().manual_seed(1))
    results = []
    for hurry in (False, True):
        network = build(detector(expansion), torch.Generator().manual_seed(0))
        for name, bias in network.named_parameters():
            if name.endswith("conv.bias"):
                bias.data += 1.0
        if hurry:
            assert accelerate(network) == ""
        maps = network.train()(images)
        loss = torch.stack([each.square().mean() for each in maps]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.inference_mode():
            inferred = network.eval()(images)
        gradients = [network.get_parameter(f"class_heads.{n}.conv.bias").grad for n in range(6)]
        results.append((*maps, *inferred, *gradients))
    for plain, fast in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-3, atol=1e-3)


def test_the_gradient_of_every_output_reaches_the_backbone() -> None:
    network = build(detector(), torch.Generator().manual_seed(0))
    stem = network.get_parameter("stem.conv.weight")
    for each in network(torch.randn(4, *SHAPE)):
        (gradient,) = torch.autograd.grad(each.square().sum(), stem, retain_graph=True)
        assert gradient.abs().max() > 0


def test_a_detector_has_training_free_scores() -> None:
    batches = [(torch.randn(4, *SHAPE), torch.zeros(4)) for _ in range(2)]

    def loss(outputs: tuple[torch.Tensor, ...], targets: torch.Tensor) -> torch.Tensor:
        return torch.stack([each.square().mean() for each in outputs]).sum()

    found = proxy_scores(detector(), batches, 0, loss)  # type: ignore[arg-type]
    assert {"synflow", "naswot", "grad_norm", "zico", "depth"} <= found.keys()


def test_a_backbone_keeps_its_weights_by_name() -> None:
    """The layers before the head have the names and shapes of the classification network."""
    space = load_space("mobilenetv2")
    member = space.published[0].architecture
    classifier = build(lower(space, member, SHAPE, 5)).state_dict()
    found = build(lower(space, member, SHAPE, 5, head=SSDLite())).state_dict()
    shared = {name for name in classifier if not name.startswith("classifier.")}
    assert all(found[name].shape == classifier[name].shape for name in shared)
