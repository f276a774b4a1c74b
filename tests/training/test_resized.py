"""Training at several resolutions: in memory, from disk, and in a study."""

from pathlib import Path

import pytest
import torch
from torch import nn

from nas.space.file import load_space
from nas.space.layers import Shape
from nas.space.lowering import lower
from nas.space.strides import adapt
from nas.study.evaluator import Job, WorkerPlan
from nas.training.data import load_task
from nas.training.evaluator import TrainingEvaluator
from nas.training.loop.memory_batches import Feed
from nas.training.loop.recipe import load_recipe
from nas.training.loop.session import Session
from nas.training.network.module import build
from tests.studies import SPACE, small_spec
from tests.training.data.pictures import write_shades
from tests.training.nets import RECIPE, coloured_task, in_memory, small_layers

pytestmark = pytest.mark.usefixtures("cache")

CPU = torch.device("cpu")
ONE = SPACE.published[0].architecture
SPACES = ("igcv3", "igcv2", "igcv1", "mobilenetv1", "mobilenetv2", "shufflenetv1", "nasnet-a")


def test_images_in_memory_are_the_means_of_those_at_full_size() -> None:
    task = coloured_task()
    feed = Feed(in_memory(task.train), task, CPU, task.augment)

    def epoch(side: int | None) -> list[tuple[torch.Tensor, torch.Tensor]]:
        random = torch.Generator().manual_seed(1)
        return list((feed.at(side) if side else feed).shuffled(16, random))

    for (images, labels), (small, others) in zip(epoch(None), epoch(4), strict=True):
        assert small.shape == (16, 3, 4, 4)
        assert small.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(labels, others)
        # the filter reaches beyond a pixel, so that the mean over all stays about the same
        torch.testing.assert_close(small.mean((2, 3)), images.mean((2, 3)), atol=0.1, rtol=0)


@pytest.mark.parametrize("name", SPACES)
def test_a_network_takes_every_size_that_its_strides_divide(name: str) -> None:
    space = load_space(name)
    full = Shape(3, 32, 32)
    network = build(lower(space, space.published[0].architecture, full, 10)).eval()
    shapes: dict[int, list[torch.Size]] = {}
    for side in (16, 32):
        found = shapes[side] = []
        hooks = [
            module.register_forward_hook(lambda m, i, o, found=found: found.append(o.shape))
            for module in network.modules()
            if isinstance(module, nn.BatchNorm2d)
        ]
        with torch.inference_mode():
            assert network(torch.randn(2, 3, side, side)).shape == (2, 10)
        for hook in hooks:
            hook.remove()
    assert 16 % adapt(space, full).total == 0
    for small, large in zip(shapes[16], shapes[32], strict=True):
        assert (2 * small[2], 2 * small[3]) == (large[2], large[3])


def test_a_session_trains_and_validates_at_the_side_it_is_told() -> None:
    task = coloured_task()
    session = Session(small_layers(task.input, 2), task, RECIPE, 3, 0, CPU)
    seen: list[tuple[bool, int]] = []
    session.network.register_forward_pre_hook(
        lambda network, args: seen.append((network.training, args[0].shape[-1]))
    )
    for side, expected in ((4, 4), (None, 8)):
        session.show_at(side)
        seen.clear()
        session.run_epoch()
        # the recalibrated statistics, the last ones in training, are of the same size
        assert set(seen) == {(True, expected), (False, expected)}
    session.show_at(4)
    seen.clear()
    session.test()
    assert set(seen) == {(False, 8)}


def test_a_session_streams_at_the_side_it_is_told(tmp_path: Path) -> None:
    write_shades(tmp_path / "own", (30, 40))
    task = load_task("folder", str(tmp_path / "own"), image_size=16)
    session = Session(small_layers(task.input, 2), task, RECIPE, 2, 0, CPU)
    seen = set()
    session.network.register_forward_pre_hook(lambda network, args: seen.add(args[0].shape[-1]))
    session.show_at(8)
    session.run_epoch()
    assert seen == {8}


def epochs(tmp_path: Path, **changed: object) -> list[tuple[float, float]]:
    settings = {"rungs": (1, 2), "proxies": False, "limit": 256, **changed}
    spec = small_spec(**settings, recipe=load_recipe("digits").text)
    evaluator = TrainingEvaluator(WorkerPlan(spec.to_json(), str(tmp_path), None, "", "0"))
    *found, _saved = evaluator.evaluate(Job(0, 1, 5, ONE))
    assert found[-1].counted is None
    assert found[0].counted is not None
    return [(epoch.metrics["top1_error"], epoch.metrics["loss"]) for epoch in found]


def test_the_evaluator_trains_each_rung_at_its_resolution(tmp_path: Path) -> None:
    spec = small_spec()
    found = epochs(tmp_path, resolutions=(4,))
    assert found != epochs(tmp_path)
    task = load_task("digits", seed=spec.seed, limit=256)
    layers = lower(SPACE, ONE, task.input, task.classes)
    session = Session(layers, task, load_recipe("digits"), 2, 5)
    for side, expected in zip((4, None), found, strict=True):
        session.show_at(side)
        result = session.run_epoch()
        measured = (result.metrics["top1_error"], result.metrics["loss"])
        assert measured == pytest.approx(expected, rel=1e-3)  # other kernels round differently
