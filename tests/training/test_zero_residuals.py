"""Residual branches that start at 0: which batch norms, in which family, and what it changes."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from nas.space import Add, BatchNorm, Layer, Shape, load_space, lower
from nas.space.layers import Builder
from nas.training.loop.recipe import Recipe, load_recipe
from nas.training.loop.session import Session
from nas.training.network.module import build, residual_norms
from tests.training.nets import RECIPE, coloured_task, small_layers

# family: (network, its residuals; for NASNet-A the sums of a convolution and its own input)
FAMILIES = {
    "igcv1": ("igcv1-plain-l24m2-d8", 0),
    "igcv1-imagenet": ("igcv1-l100m2", 8),
    "igcv2": ("igcv2-rule-1.0", 0),
    "igcv3": ("igcv3-d-0.25-os", 25),
    "mobilenetv1": ("mobilenetv1-0.25", 0),
    "mobilenetv2": ("mobilenetv2-0.35", 10),
    "shufflenetv1": ("shufflenetv1-g3-0.5", 13),
    "nasnet-a": ("nasnet-a-4-1056", 12),
}


def known_layers(space_name: str, name: str, side: int = 32) -> list[Layer]:
    entry = load_space(space_name).known(name)
    assert entry is not None
    return lower(entry.space, entry.architecture, Shape(3, side, side), 10)


def zeroed(layers: list[Layer], zero_residuals: bool) -> set[str]:
    """Return the batch norms of a new network whose scale is 0."""
    network = build(layers, torch.Generator().manual_seed(0), zero_residuals)
    norms = [layer.name for layer in layers if isinstance(layer, BatchNorm)]
    return {name for name in norms if not network.get_parameter(f"{name}.weight").any()}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_residual_of_a_family_starts_at_zero(family: str) -> None:
    name, residuals = FAMILIES[family]
    layers = known_layers(family, name)
    assert len(zeroed(layers, True)) == residuals
    if family != "nasnet-a":
        assert residuals == sum(isinstance(layer, Add) for layer in layers)


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=pytest.mark.slow) if family == "igcv1-imagenet" else family
        for family in FAMILIES
    ],
)
def test_something_normed_still_reaches_the_classifier(family: str) -> None:
    layers = known_layers(family, FAMILIES[family][0])
    network = build(layers, torch.Generator().manual_seed(0), zero_residuals=True).train()
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    logits = network(images)
    assert logits.std() > 0.01
    logits.square().sum().backward()
    for norm in residual_norms(layers):  # the branch learns from the first step on
        gradient = network.get_parameter(f"{norm}.weight").grad
        assert gradient is not None
        assert gradient.any()


def residual_block(end: Callable[[Builder], object]) -> Builder:
    """Return a block whose branch is a convolution, a batch norm, and what `end` adds."""
    net = Builder(Shape(8, 6, 6))
    source = net.last
    net.conv("conv", 8, kernel=3)
    net.batch_norm("bn")
    end(net)
    net.add("add", source)
    return net


def test_a_block_starts_as_the_identity() -> None:
    net = residual_block(lambda net: net.shuffle("permute", 2))
    images = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(1))
    assert residual_norms(net.layers) == ["bn"]
    assert torch.equal(build(net.layers, zero_residuals=True).train()(images), images)
    assert not torch.equal(build(net.layers).train()(images), images)


def test_a_branch_that_ends_in_a_relu_can_still_learn() -> None:
    net = residual_block(lambda net: net.activation("relu"))
    network = build(net.layers, torch.Generator().manual_seed(0), zero_residuals=True).train()
    network(torch.randn(2, 8, 6, 6)).square().sum().backward()
    gradient = network.get_parameter("conv.weight").grad
    assert gradient is not None
    assert gradient.any()


def test_a_projected_shortcut_keeps_its_scale() -> None:
    net = Builder(Shape(8, 6, 6))
    source = net.last
    net.conv("one", 8, kernel=3)
    net.batch_norm("one_bn")
    other = net.last
    net.branch(source)
    net.activation("relu")
    net.conv("two", 8, kernel=3)
    net.batch_norm("two_bn")
    net.add("add", other)
    assert residual_norms(net.layers) == ["two_bn"]  # the other is a projection of the input


def test_without_the_setting_only_sums_before_a_relu_start_at_zero() -> None:
    for family, (name, _) in FAMILIES.items():
        layers = known_layers(family, name)
        before = zeroed(layers, False)
        assert before <= zeroed(layers, True)
        assert bool(before) == (family in ("igcv1-imagenet", "shufflenetv1")), family


def _first_scale(recipe: Recipe) -> float:
    task = coloured_task()
    layers = small_layers(task.input, 2)
    session = Session(layers, task, recipe, 1, 0, "cpu")
    return float(session.network.get_parameter("body.0.bn3.weight").detach().abs().sum())


def test_the_recipe_decides() -> None:
    assert _first_scale(RECIPE) > 0
    assert _first_scale(replace(RECIPE, zero_residuals=True)) == 0


def test_our_recipes_zero_and_the_published_do_not() -> None:
    ours = {"cifar10", "cifar100", "digits", "folder", "imagenet", "short"}
    published = {"igcv3-cifar", "igcv3-imagenet", "mobilenetv2"}
    assert {load_recipe(name).zero_residuals for name in ours} == {True}
    assert {load_recipe(name).zero_residuals for name in published} == {False}
