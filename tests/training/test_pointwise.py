"""Dense forms of grouped 1x1 convolutions: results, gradients, statistics of the grouped ones."""

import copy

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nas.errors import TaskError
from nas.space.file import load_space
from nas.space.layers import Builder, Layer, Shape
from nas.space.lowering import lower
from nas.training.cpu.pointwise import VARIABLE, Fold, chosen_form, folds
from nas.training.loop.session import Session
from nas.training.network.fvcore_count import count_network
from nas.training.network.module import build
from tests.training.nets import RECIPE, coloured_task, small_layers

SPACE = load_space("igcv3")
SHAPE = Shape(3, 32, 32)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def block(channels: int, factor: int, groups: int, between: str) -> list[Layer]:
    """A grouped 1x1 convolution, a shuffle behind what `between` names, and a grouped one."""
    net = Builder(Shape(channels, 4, 4))
    net.conv("first", channels * factor, groups=groups)
    for number, kind in enumerate(between):
        if kind == "b":
            net.batch_norm(f"between.{number}")
        else:
            net.activation(f"between.{number}", "relu6" if kind == "6" else "relu")
    net.shuffle("shuffle", groups)
    net.conv("depthwise", channels * factor, kernel=3, groups=channels * factor)
    net.batch_norm("bn")
    net.conv("last", channels, groups=groups)
    return net.layers


@settings(deadline=None, max_examples=25)
@given(
    width=st.integers(1, 4),
    factor=st.integers(1, 3),
    groups=st.sampled_from([2, 3, 4, 8]),
    between=st.sampled_from(["", "b", "b6", "br", "6b", "bb"]),
    seed=st.integers(0, 99),
)
@example(width=1, factor=1, groups=8, between="b6", seed=0)
def test_results_gradients_and_statistics_are_those_of_the_grouped_form(
    width, factor, groups, between, seed
):
    grouped = build(block(width * groups, factor, groups, between), random(seed)).double()
    with torch.no_grad():
        for name, parameter in grouped.named_parameters():
            if "weight" in name or "bias" in name:
                parameter.add_(
                    0.1 * torch.randn(parameter.shape, generator=random(seed + 1)).double()
                )
    dense = copy.deepcopy(grouped)
    dense.compute_in("dense")
    x = torch.randn(3, 4, 4, width * groups, generator=random(seed + 2)).double()
    x = x.permute(0, 3, 1, 2)
    outputs = []
    for network in (grouped, dense):
        image = x.detach().requires_grad_()
        y = network(image)
        y.square().sum().backward()
        assert y.is_contiguous(memory_format=torch.channels_last) or 1 in y.shape[1:]
        gradients = [parameter.grad for parameter in network.parameters()]
        outputs.append([y.detach(), image.grad, *gradients, *network.buffers()])
    for ours, theirs in zip(*outputs, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
    assert list(grouped.state_dict()) == list(dense.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(dense.eval()(x), grouped.eval()(x))


@pytest.mark.parametrize("momentum", [None, 0.3])
def test_running_statistics_follow_over_several_batches(momentum):
    grouped = build(block(8, 1, 4, "b"), random()).train()
    for module in grouped.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = momentum
    dense = copy.deepcopy(grouped)
    dense.compute_in("dense")
    for seed in range(3):
        x = torch.randn(3, 8, 4, 4, generator=random(seed))
        grouped(x), dense(x)
    for ours, theirs in zip(dense.buffers(), grouped.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert dense.get_buffer("between.0.num_batches_tracked") == 3


def test_a_chain_ends_where_a_second_layer_reads():
    net = Builder(Shape(8, 32, 32))
    net.conv("first", 8, groups=2)
    net.batch_norm("bn")
    read_twice = net.last
    net.shuffle("shuffle", 2)
    net.add("sum", read_twice)
    assert folds(net.layers, "dense", "cpu") == [Fold("first")]
    assert folds(net.layers, "grouped", "cpu") == []


def test_the_rule_takes_wide_maps_and_leaves_small_ones():
    layers = lower(SPACE, SPACE.parse("igcv3-d-1.0"), SHAPE, 10)
    height = {layer.name: layer.shape.height for layer in layers}
    found = folds(layers, "measured", "cpu")
    assert found
    assert {height[fold.conv] for fold in found} <= {32, 16}
    assert all(fold.shuffle for fold in found if height[fold.conv] == 16)
    assert folds(layers, "measured", "cuda") == []
    assert len(folds(layers, "dense", "cuda")) > len(found)


def test_counted_and_exported_is_the_grouped_network():
    layers = block(8, 2, 4, "b6")
    grouped, dense = build(layers, random()).eval(), build(layers, random()).eval()
    dense.compute_in("dense")
    program = str(torch.export.export(dense, (torch.randn(1, 8, 4, 4, generator=random()),)).graph)
    assert program == str(torch.export.export(grouped, (torch.ones(1, 8, 4, 4),)).graph)
    assert "index_copy" not in program
    assert count_network(dense, layers[0].shape) == count_network(grouped, layers[0].shape)


def test_changing_modules_brings_the_grouped_form_back():
    network = build(small_layers(), random())
    network.compute_in("dense")
    called = []
    network.get_submodule("body.0.first").register_forward_hook(lambda *_: called.append(True))
    x = torch.randn(2, 1, 8, 8, generator=random())
    network(x)
    assert not called
    network.change_modules(lambda module: module)
    network(x)
    assert called


def test_a_session_trains_to_the_same_bits_in_one_form_and_close_in_another(monkeypatch):
    def losses(form: str) -> list[float]:
        monkeypatch.setenv(VARIABLE, form)
        task = coloured_task()
        layers = small_layers(task.input, task.classes)
        session = Session(layers, task, RECIPE, 3, seed=2, device="cpu")
        return [session.run_epoch().train_loss for _ in range(2)]

    assert losses("dense") == losses("dense")
    assert losses("dense") == pytest.approx(losses("grouped"), rel=1e-3)


def test_a_copy_computes_with_its_own_weights():
    network = build(block(8, 1, 4, "b"), random()).train()
    network.compute_in("dense")
    twin = copy.deepcopy(network)
    x = torch.randn(2, 8, 4, 4, generator=random())
    assert torch.equal(network(x), twin(x))
    with torch.no_grad():
        twin.get_submodule("first").weight.zero_()
        twin.get_submodule("between.0").bias.fill_(1)
    assert not torch.equal(network(x), twin(x))
    assert not torch.equal(
        network.get_buffer("bn.running_mean"), twin.get_buffer("bn.running_mean")
    )


def test_an_unknown_form_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, "fast")
    with pytest.raises(TaskError, match="fast"):
        chosen_form()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_both_forms_agree_on_a_gpu():
    layers = lower(SPACE, SPACE.parse("igcv3-d-1.0"), SHAPE, 10)
    network = build(layers, random()).cuda().to(memory_format=torch.channels_last).eval()
    x = torch.randn(4, *SHAPE, generator=random()).cuda()
    with torch.inference_mode():
        grouped = network(x)
        network.compute_in("dense")
        torch.testing.assert_close(network(x), grouped, rtol=1e-3, atol=1e-4)
