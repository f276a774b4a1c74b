"""Sessions: learning, repeatability, splits kept apart, weights on disk."""

import gc
import hashlib
import math
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nas.errors import TaskError, WeightsError
from nas.space.file import load_space
from nas.space.layers import Shape
from nas.space.lowering import lower
from nas.training.data import Augmentation, load_task
from nas.training.loop.devices import (
    default_device,
    describe_devices,
    is_out_of_memory,
    prepare_worker,
)
from nas.training.loop.memory_batches import Feed
from nas.training.loop.recipe import load_recipe
from nas.training.loop.session import Session
from tests.messages import carrying
from tests.training.nets import RECIPE, coloured_task, in_memory, small_layers

pytestmark = pytest.mark.usefixtures("one_thread", "cpu_mode")


accelerated = pytest.mark.parametrize(
    "cpu_mode", ["accelerated", pytest.param("plain", marks=pytest.mark.slow)], indirect=True
)
without_training = pytest.mark.parametrize("cpu_mode", ["plain"], indirect=True)


def session(seed: int = 0, max_epochs: int = 3, **changes: Any) -> Session:
    task = coloured_task()
    layers = small_layers(task.input, task.classes)
    return Session(layers, task, replace(RECIPE, **changes), max_epochs, seed, "cpu")


def curve(run: Session) -> list[tuple[float, ...]]:
    results = [run.run_epoch() for _ in range(run.max_epochs)]
    return [
        (result.metrics["top1_error"], result.metrics["loss"], result.train_loss)
        for result in results
    ]


@accelerated
def test_learns_the_digits_far_better_than_chance() -> None:
    task = load_task("digits")
    recipe = replace(RECIPE, lr=0.3)  # a narrow head: the recipe for wide ones is too slow for it
    run = Session(small_layers(), task, recipe, 5, seed=1, device="cpu")
    results = [run.run_epoch() for _ in range(5)]
    assert [result.epoch for result in results] == [1, 2, 3, 4, 5]
    assert results[-1].metrics["top1_error"] < 0.25
    assert results[-1].metrics["loss"] < 0.8 < results[0].train_loss
    assert run.test()["top1_error"] < 0.3
    assert all(result.seconds > 0 for result in results)


@accelerated
def test_a_deep_published_network_trains() -> None:
    space, task = load_space("igcv3"), load_task("digits", limit=200)
    layers = lower(space, space.parse("igcv3-d-1.0"), task.input, task.classes)
    recipe = replace(load_recipe("digits"), batch_size=25, warmup_epochs=0.5)
    run = Session(layers, task, recipe, 3, seed=1, device="cpu")
    results = [run.run_epoch() for _ in range(3)]
    assert results[-1].train_loss < 2.0 < results[0].train_loss < 4
    assert results[-1].metrics["top1_error"] < 0.6


def test_one_seed_gives_one_curve() -> None:
    assert curve(session(seed=3)) == curve(session(seed=3))
    assert curve(session(seed=3)) != curve(session(seed=4))


def test_global_randomness_plays_no_part() -> None:
    first = curve(session(seed=3))
    torch.manual_seed(99)
    assert curve(session(seed=3)) == first


def test_a_stopped_run_is_a_prefix() -> None:
    whole, stopped = session(max_epochs=3), session(max_epochs=3)
    assert curve(whole)[0][1] == stopped.run_epoch().metrics["loss"]


def test_statistics_are_those_of_the_weights_at_hand() -> None:
    fresh, trailing = session(bn_batches=4), session(bn_batches=0)
    fresh.run_epoch()
    trailing.run_epoch()
    ours, theirs = fresh.network, trailing.network
    weight = "stem.conv.weight"
    assert torch.equal(ours.get_parameter(weight), theirs.get_parameter(weight))
    feed = Feed(in_memory(fresh.task.train), fresh.task, torch.device("cpu"))
    images, _ = next(feed.ordered(64))
    with torch.no_grad():
        mean = ours.get_submodule("stem.conv")(images).mean((0, 2, 3))
    torch.testing.assert_close(ours.get_buffer("stem.bn.running_mean"), mean, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(theirs.get_buffer("stem.bn.running_mean"), mean, atol=1e-2)


def test_validation_changes_nothing() -> None:
    run = session()
    run.run_epoch()
    before = {key: value.clone() for key, value in run.network.state_dict().items()}
    assert run.test() == run.test()
    assert all(torch.equal(before[key], value) for key, value in run.network.state_dict().items())


def test_measures_the_split_that_it_says() -> None:
    task = coloured_task()
    wrong = replace(task, val=replace(task.val, labels=1 - task.val.labels))
    run = Session(small_layers(task.input, 2), wrong, RECIPE, 3, 0, "cpu")
    for _ in range(3):
        result = run.run_epoch()
    assert run.test()["top1_error"] < 0.1
    assert result.metrics["top1_error"] > 0.9


def test_error_and_loss_are_means_over_all_images() -> None:
    run = session()
    run.run_epoch()
    task = run.task
    mean = torch.tensor(task.mean)[:, None, None]
    std = torch.tensor(task.std)[:, None, None]
    with torch.no_grad():
        logits = run.network.eval()((task.test.images / 255 - mean) / std)
    found = run.test()
    loss = torch.nn.functional.cross_entropy(logits, task.test.labels)
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-4)
    assert found["top1_error"] == (logits.argmax(1) != task.test.labels).double().mean().item()


def test_the_schedule_ends() -> None:
    run = session(max_epochs=1)
    run.run_epoch()
    with pytest.raises(ValueError, match="epochs are over"):
        run.run_epoch()


@without_training
def test_layers_must_fit_the_task() -> None:
    with pytest.raises(ValueError, match="8x8"):
        Session(small_layers(Shape(1, 8, 8), 2), coloured_task(), RECIPE, 1, 0, "cpu")


def test_weight_decay_spares_norms_and_biases() -> None:
    strong, none = session(weight_decay=0.5, lr=0.01), session(weight_decay=0.0, lr=0.01)
    strong.run_epoch()
    none.run_epoch()
    name = "body.0.bn1.weight"
    a, b = strong.network.state_dict(), none.network.state_dict()
    assert a["head.conv.weight"].norm() < 0.99 * b["head.conv.weight"].norm()
    assert a[name].norm() == pytest.approx(b[name].norm().item(), rel=0.02)


@accelerated
def test_divergence_is_reported_as_it_is() -> None:
    run = session(lr=100.0, momentum=0.999, weight_decay=1.0, warmup_epochs=0.0, max_epochs=30)
    for _ in range(30):
        result = run.run_epoch()
    loss = result.metrics.get("loss", math.nan)
    assert not math.isfinite(loss) or loss > 0.1


# -- the feed ------------------------------------------------------------------------------------


@without_training
def test_a_shuffled_epoch_shows_every_image_once() -> None:
    task = coloured_task(images=64)
    feed = Feed(in_memory(task.train), task, torch.device("cpu"))
    batches = list(feed.shuffled(16, torch.Generator().manual_seed(0)))
    assert [len(labels) for _, labels in batches] == [16] * 4
    shown = sorted(image.sum().item() for images, _ in batches for image in images)
    known = sorted(image.sum().item() for images, _ in feed.ordered(64) for image in images)
    assert shown == pytest.approx(known, rel=1e-4)


@without_training
def test_crops_and_mirrors_are_those_of_the_image() -> None:
    task = coloured_task(images=1)
    image = task.train.images[0].float()
    feed = Feed(in_memory(task.train), task, torch.device("cpu"), Augmentation(2, True))
    padded = torch.nn.functional.pad(image, (2, 2, 2, 2))
    mean = 255 * torch.tensor(task.mean)[:, None, None]
    std = 255 * torch.tensor(task.std)[:, None, None]
    possible = {}
    for y in range(5):
        for x in range(5):
            crop = padded[:, y : y + 8, x : x + 8]
            for flip, view in ((False, crop), (True, crop.flip(2))):
                possible[y, x, flip] = (view - mean) / std
    random, seen = torch.Generator().manual_seed(0), set()
    for _ in range(200):
        ((found, _),) = feed.shuffled(1, random)
        matches = [
            key for key, view in possible.items() if torch.allclose(found[0], view, atol=1e-5)
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) > 45  # of 50


def test_the_images_are_laid_out_once_for_all_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    honest = Feed.__init__

    def counted(self: Feed, *args: Any, **kwargs: Any) -> None:
        made.append(args[0])
        honest(self, *args, **kwargs)

    monkeypatch.setattr(Feed, "__init__", counted)
    task, other = coloured_task(), coloured_task()
    layers = small_layers(task.input, task.classes)
    curves = []
    for seed in (0, 1, 0):
        run = Session(layers, task, RECIPE, 1, seed, "cpu")
        curves.append(run.run_epoch().metrics["loss"])
    assert curves[0] == curves[2] != curves[1]
    assert made == [task.train, task.val]
    Session(layers, task, replace(RECIPE, augment=False), 1, 0, "cpu")
    Session(layers, other, RECIPE, 1, 0, "cpu")
    Session(layers, replace(task, mean=(0.1,) * 3), RECIPE, 1, 0, "cpu")
    assert made[2:] == [task.train, other.train, other.val, task.train, task.val]
    gone = weakref.ref(other.train)
    del other, run
    made.clear()
    gc.collect()
    assert gone() is None


def test_statistics_are_plain_means_over_the_batches() -> None:
    run = session(bn_batches=3)
    run.run_epoch()
    stem = run.network.get_submodule("stem.conv")
    random = torch.Generator().manual_seed(0)
    feed = Feed(in_memory(run.task.train), run.task, torch.device("cpu"), Augmentation(1, True))
    batches = list(feed.shuffled(16, random, False))[:3]
    with torch.no_grad():
        outputs = [stem(images) for images, _ in batches]
    mean = torch.stack([out.mean((0, 2, 3)) for out in outputs]).mean(0)
    variance = torch.stack([out.var((0, 2, 3)) for out in outputs]).mean(0)
    norm = run.network.get_submodule("stem.bn")
    torch.testing.assert_close(norm.running_mean, mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, variance, rtol=1e-4, atol=1e-5)
    assert norm.momentum == RECIPE.bn_momentum


@pytest.mark.parametrize("changes", [{}, {"ema": 0.9}, {"accumulation": 2}])
def test_an_epoch_reads_two_results_however_many_steps_it_has(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever hands a number of the device to Python would wait for the device."""
    reads = []

    def told(patch: pytest.MonkeyPatch, name: str) -> None:
        honest = getattr(torch.Tensor, name)

        def read(self: torch.Tensor, *args: Any) -> Any:
            reads.append(name)
            return honest(self, *args)

        patch.setattr(torch.Tensor, name, read)

    layers = small_layers(coloured_task().input, 2)
    for images in (32, 128):  # two steps, and eight
        run = Session(layers, coloured_task(images), replace(RECIPE, **changes), 2, 0, "cpu")
        run.run_epoch()
        with monkeypatch.context() as patch:
            for name in ("__float__", "__int__", "__bool__", "__index__", "item", "tolist"):
                told(patch, name)
            run.run_epoch()
        assert reads == ["__float__", "tolist"]  # the training loss, the sums of validation
        reads.clear()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("changes", [{}, {"ema": 0.9}, {"accumulation": 2}])
def test_no_step_waits_for_a_gpu(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    task = coloured_task()
    layers = small_layers(task.input, task.classes)
    run = Session(layers, task, replace(RECIPE, **changes), 2, 0, "cuda")
    run.run_epoch()  # what is set up once may wait
    called: list[int] = []

    def strictly(step: int, steps: int) -> None:
        """Let every call that waits for the GPU fail, from the first step to the last."""
        torch.cuda.set_sync_debug_mode("error" if step < steps else "default")
        called.append(step)

    try:
        run.run_epoch(strictly)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert called == [1, 2, 3, 4]


@without_training
def test_batches_are_channels_last() -> None:
    task = coloured_task()
    for augment in (Augmentation(0, False), Augmentation(1, True)):
        feed = Feed(in_memory(task.train), task, torch.device("cpu"), augment)
        images, _ = next(feed.shuffled(8, torch.Generator()))
        assert images.is_contiguous(memory_format=torch.channels_last)


# -- weights -------------------------------------------------------------------------------------


def test_weights_round_trip(tmp_path: Path) -> None:
    run, other = session(seed=1), session(seed=2)
    run.run_epoch()
    digest = run.save_weights(tmp_path / "new" / "weights.safetensors")
    file = tmp_path / "new" / "weights.safetensors"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert set(load_file(file)) == set(run.network.state_dict())
    other.load_weights(file, digest)
    assert other.test() == run.test()


@without_training
def test_weights_that_changed_are_refused_before_they_are_taken(tmp_path: Path) -> None:
    run, other, file = session(seed=1), session(seed=2), tmp_path / "weights.safetensors"
    digest, before = run.save_weights(file), other.test()
    session(seed=3).save_weights(file)  # of an equal network: nothing but the hash tells
    with pytest.raises(WeightsError, match=carrying(file.name)):
        other.load_weights(file, digest)
    assert other.test() == before


@without_training
def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    run = session()
    run.save_weights(tmp_path / "w.safetensors")
    task = load_task("digits")
    other = Session(small_layers(), task, RECIPE, 1, 0, "cpu")
    with pytest.raises(WeightsError, match=carrying("w.safetensors")):
        other.load_weights(tmp_path / "w.safetensors", None)


@without_training
def test_missing_and_broken_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=carrying("none.safetensors")):
        session().load_weights(tmp_path / "none.safetensors", None)
    (tmp_path / "broken.safetensors").write_bytes(b"12345678 nothing")
    with pytest.raises(WeightsError, match=carrying("broken.safetensors")):
        session().load_weights(tmp_path / "broken.safetensors", None)


@without_training
def test_weights_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TaskError, match=carrying("w.safetensors")):
        session().save_weights(tmp_path / "file" / "w.safetensors")


# -- devices -------------------------------------------------------------------------------------


@without_training
def test_devices() -> None:
    assert default_device().type in ("cpu", "cuda")
    assert "CPU core" in describe_devices()
    prepare_worker(1)
    assert torch.get_num_threads() == 1


@without_training
def test_out_of_memory_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(KeyError("x"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_learns_on_cuda() -> None:
    task = load_task("digits")
    run = Session(small_layers(), task, replace(RECIPE, lr=0.3), 5, seed=1, device="cuda")
    for _ in range(5):
        result = run.run_epoch()
    assert result.metrics["top1_error"] < 0.25
    assert run.network.get_submodule("stem.bn").running_var.dtype == torch.float32
