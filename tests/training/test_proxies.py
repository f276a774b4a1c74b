"""Training-free scores: their values, their finiteness, and that they leave no trace."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from nas import __version__
from nas.space.file import load_space
from nas.space.layers import Builder, Layer, Shape
from nas.space.lowering import lower
from nas.study.evaluator import Job, WorkerPlan
from nas.training.data import load_task
from nas.training.data.task import Split
from nas.training.evaluator import TrainingEvaluator
from nas.training.network.module import Network, initialise
from nas.training.scores.proxies import (
    PROXIES,
    proxy_batches,
    proxy_scores,
    synflow,
    zico_score,
)
from tests.studies import small_spec
from tests.training.nets import DIGITS, coloured_task, small_layers

pytestmark = pytest.mark.usefixtures("one_thread")

EVERY = {*PROXIES, "depth"}


def noise(shape: Shape, images: int = 8, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    random = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(images, *shape, generator=random),
            torch.randint(10, (images,), generator=random),
        )
        for _ in range(2)
    ]


def network_of(layers: list[Layer], seed: int = 0) -> Network:
    network = Network(layers)
    initialise(network, torch.Generator().manual_seed(seed))
    return network


def two_layers() -> list[Layer]:
    net = Builder(Shape(1, 2, 2))
    net.conv("conv", 2)
    net.batch_norm("bn")
    net.activation("relu")
    net.global_pool("pool")
    net.linear("classifier", 2)
    return net.layers


# -- synflow -------------------------------------------------------------------------------------


def test_synflow_is_the_value_computed_by_hand() -> None:
    network = Network(two_layers())
    with torch.no_grad():
        network.get_parameter("conv.weight").copy_(torch.tensor([8.0, -3.0]).reshape(2, 1, 1, 1))
        network.get_parameter("classifier.weight").copy_(torch.tensor([[1.0, -1.0], [0.5, 2.0]]))
    # features 8 and 3, past the 6 where a ReLU6 would end; logits 8 + 3 and 4 + 6; each of the two
    # layers passes on all 21
    assert synflow(network, two_layers()) == pytest.approx(math.log(42), rel=1e-6)


def by_autograd(network: Network) -> float:
    """Compute synflow as it is defined, weight by weight, in double precision."""
    passing = nn.BatchNorm2d | nn.ReLU | nn.ReLU6
    network.change_modules(lambda m: nn.Identity() if isinstance(m, passing) else m)
    network.double()
    weights = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for weight in weights:
            weight.abs_()
    flow = network(torch.ones(1, *network.input_shape, dtype=torch.float64)).sum()
    gradients = torch.autograd.grad(flow, weights)
    return sum(float((w * g).abs().sum().detach()) for w, g in zip(weights, gradients, strict=True))


@pytest.mark.parametrize("name", ["small", "igcv3", "shufflenetv1"])
def test_synflow_agrees_with_its_definition(name: str) -> None:
    if name == "small":
        layers = small_layers()
    else:
        space = load_space(name)
        layers = lower(space, space.published[0].architecture, DIGITS, 10)
    found = synflow(network_of(layers), layers)
    assert found == pytest.approx(math.log(by_autograd(network_of(layers))), rel=1e-6)


def test_synflow_survives_what_no_float_holds() -> None:
    net = Builder(Shape(64, 1, 1))
    for index in range(400):
        net.conv(f"conv{index}", 64)
    net.linear("classifier", 10)
    network = network_of(net.layers)
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.constant_(part.weight, -1.0)
    nn.init.constant_(network.get_parameter("classifier.weight"), 1.0)
    # 64 ^ 400 on each of 64 channels, summed into 10 logits, through 401 layers
    wanted = 401 * math.log(64) + math.log(10) + math.log(401)
    assert synflow(network, net.layers) == pytest.approx(wanted, rel=1e-6)


def test_nothing_flows_through_dead_weights() -> None:
    network = network_of(two_layers())
    nn.init.zeros_(network.get_parameter("conv.weight"))
    assert synflow(network, two_layers()) is None


# -- the scores that look at images --------------------------------------------------------------


def test_naswot_is_the_determinant_of_the_agreements() -> None:
    layers = two_layers()
    batches = [(images, labels % 2) for images, labels in noise(Shape(1, 2, 2), images=4)]
    network = network_of(layers, seed=5).train()
    with torch.no_grad():
        on = (
            network.get_submodule("bn")(network.get_submodule("conv")(batches[0][0])) > 0
        ).double()
    on = on.flatten(1)
    kernel = on @ on.T + (1 - on) @ (1 - on).T + torch.eye(4)
    wanted = torch.linalg.slogdet(kernel).logabsdet.item()
    assert proxy_scores(layers, batches, seed=5)["naswot"] == pytest.approx(wanted, rel=1e-9)


def test_grad_norm_is_the_sum_over_layers() -> None:
    layers, batches = small_layers(), noise(DIGITS)
    network = network_of(layers, seed=5).train()
    loss = nn.functional.cross_entropy(network(batches[0][0]), batches[0][1])
    loss.backward()  # type: ignore[no-untyped-call]
    weights = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    wanted = sum(float(weight.grad.norm()) for weight in weights)
    assert proxy_scores(layers, batches, seed=5)["grad_norm"] == pytest.approx(wanted, rel=1e-4)


def test_zico_by_hand() -> None:
    one = [torch.tensor([1.0, -1.0, 2.0]), torch.tensor([0.0]), torch.tensor([3.0])]
    other = [torch.tensor([3.0, 1.0, 2.0]), torch.tensor([0.0]), torch.tensor([1.0])]
    # mean |g| over deviation: 2/1 and 1/1, the third does not vary; then a layer that never moves;
    # then 2/1
    assert zico_score(one, other) == pytest.approx(math.log(3) + math.log(2))
    assert zico_score(one[1:2], other[1:2]) is None


def test_without_a_relu_the_codes_are_left_out() -> None:
    net = Builder(DIGITS)
    net.conv("conv", 4, kernel=3)
    net.global_pool("pool")
    net.linear("classifier", 10)
    found = proxy_scores(net.layers, noise(DIGITS), 0)
    assert set(found) == EVERY - {"naswot"}
    assert all(map(math.isfinite, found.values()))


def test_images_with_one_code_still_have_a_score() -> None:
    image, label = torch.ones(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64)
    found = proxy_scores(small_layers(), [(image, label)] * 2, 0)
    assert math.isfinite(found["naswot"])
    assert "zico" not in found  # equal batches: no deviation


@pytest.mark.parametrize("name", ["igcv3", "shufflenetv1", "nasnet-a"])
def test_real_networks_have_every_score(name: str) -> None:
    space = load_space(name)
    layers = lower(space, space.published[0].architecture, DIGITS, 10)
    found = proxy_scores(layers, noise(DIGITS), 0)
    assert set(found) >= EVERY
    assert all(map(math.isfinite, found.values()))


def test_scores_are_those_of_the_seed_and_leave_no_trace() -> None:
    layers, batches = small_layers(), noise(DIGITS)
    torch.manual_seed(3)
    before, images = torch.get_rng_state(), batches[0][0].clone()
    first = proxy_scores(layers, batches, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(batches[0][0], images)
    assert batches[0][0].grad is None
    assert not batches[0][0].requires_grad
    torch.manual_seed(99)
    assert proxy_scores(layers, batches, seed=1) == first
    assert proxy_scores(layers, batches, seed=2) != first


# -- batches -------------------------------------------------------------------------------------


def test_batches_are_training_images_that_the_seed_picks() -> None:
    task = load_task("digits")
    one, again, other = (proxy_batches(task, seed, "cpu") for seed in (0, 0, 1))
    assert [images.shape for images, _ in one] == [(32, 1, 8, 8)] * 2
    for (images, labels), (same, alike) in zip(one, again, strict=True):
        assert torch.equal(images, same)
        assert torch.equal(labels, alike)
    assert not torch.equal(one[0][0], other[0][0])
    assert not torch.equal(one[0][0], one[1][0])
    mean, std = task.mean[0], task.std[0]
    known = {tuple(image.flatten().tolist()) for image in task.train.images}
    for images, _ in one:
        pixels = (255 * (images * std + mean)).round().to(torch.uint8)
        assert all(tuple(image.flatten().tolist()) in known for image in pixels)


def test_large_images_come_in_smaller_batches_and_few_in_none() -> None:
    wide = coloured_task(images=200)
    assert [len(labels) for _, labels in proxy_batches(wide, 0, "cpu")] == [32, 32]
    images = torch.zeros(40, 3, 64, 64, dtype=torch.uint8)
    assert isinstance(wide.train, Split)
    train = replace(wide.train, held=images, labels=torch.arange(40) % 2)
    large = replace(wide, input=Shape(3, 64, 64), train=train)
    assert [len(labels) for _, labels in proxy_batches(large, 0, "cpu")] == [16, 16]
    few = coloured_task(images=3)
    assert proxy_batches(few, 0, "cpu") == []
    assert proxy_scores(small_layers(few.input, 2), [], 0) == {}


# -- the training that follows -------------------------------------------------------------------


def test_training_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    spec = small_spec(rungs=(2,), recipe="digits", limit=100)
    job = Job(0, 1, 11, spec.space.parse("small-plain"))
    runs = []
    for proxies in (False, True):
        text = replace(spec, proxies=proxies).to_json()
        plan = WorkerPlan(text, str(tmp_path / str(proxies)), None, "", __version__)
        runs.append(list(TrainingEvaluator(plan).evaluate(job)))
    without, with_ = runs
    assert [epoch.proxies for epoch in without[:-1]] == [None, None]
    assert set(with_[0].proxies) >= EVERY
    assert with_[1].proxies is None
    assert [replace(epoch, proxies=None) for epoch in with_[:-1]] == without[:-1]
    assert with_[-1].sha256 == without[-1].sha256


def test_a_training_does_not_fail_for_want_of_memory_for_its_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starve(*_: object) -> dict[str, float]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("nas.training.scores.proxies.proxy_scores", starve)
    spec = small_spec(rungs=(1,), recipe="digits", limit=60, proxies=True)
    evaluator = TrainingEvaluator(WorkerPlan(spec.to_json(), str(tmp_path), None, "", __version__))
    epoch, _ = evaluator.evaluate(Job(0, 1, 11, spec.space.parse("small-plain")))
    assert epoch.proxies == {}
