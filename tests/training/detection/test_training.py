"""A detector learns, and is the same network whatever process trains it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nas.errors import TaskError, WeightsError
from nas.metrics import DETECTION
from nas.space import SSDLite, load_space, lower
from nas.training import Session, load_recipe
from nas.training.data import Task, load_task
from nas.training.loop.epoch import EpochResult
from nas.training.loop.recipe import Recipe
from nas.training.network.module import build
from nas.training.network.weights_file import save_weights
from tests.training.detection.coco_sets import coco_set, document, write

pytestmark = pytest.mark.usefixtures("cache", "one_thread")
RECIPE = replace(load_recipe("ssdlite-short"), batch_size=8, warmup_epochs=1.0, bn_batches=2)
SMALL = Path(__file__).parents[3] / "benchmarks" / "detection_mobilenetv1.toml"


def session(task: Task, epochs: int, recipe: Recipe = RECIPE) -> Session:
    space = load_space(str(SMALL))
    architecture = space.published[0].architecture
    layers = lower(space, architecture, task.input, task.outputs, (), SSDLite())
    return Session(layers, task, recipe, epochs, seed=0, device="cpu")


def test_the_loss_falls(tmp_path: Path) -> None:
    for part, count in (("train", 24), ("val", 4)):
        write(tmp_path / f"{part}.json", document(tmp_path / part, count, seed=count))
    trained = session(load_task("detection", str(tmp_path), image_size=64), 4)
    results = [trained.run_epoch() for _ in range(4)]
    assert all(found.metrics.keys() == set(DETECTION) for found in results)
    assert results[-1].train_loss < 0.8 * results[0].train_loss
    assert results[-1].metrics["detection_loss"] < results[0].metrics["detection_loss"]
    scores = trained.scores(trained.task.test)
    assert scores.details()["by_class"].keys() == {"bar", "square"}
    assert scores.result() == trained.test()


def test_equal_seeds_give_equal_detectors(tmp_path: Path) -> None:
    task = load_task("detection", str(coco_set(tmp_path)), image_size=64)
    recipe = replace(load_recipe("ssdlite-igcv3"), batch_size=4)
    one, other = (session(task, 1, recipe) for _ in range(2))
    assert one.run_epoch().metrics == other.run_epoch().metrics
    for mine, theirs in zip(one.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_detector_starts_with_the_weights_of_a_classifier(tmp_path: Path) -> None:
    task = load_task("detection", str(coco_set(tmp_path)), image_size=64)
    space = load_space(str(SMALL))
    layers = lower(space, space.published[0].architecture, task.input, 7)
    classifier, file = build(layers, torch.Generator().manual_seed(5)), tmp_path / "w.safetensors"
    sha256 = save_weights(classifier, file)
    started, fresh = session(task, 1), session(task, 1)
    started.start_from(file, sha256)
    given, own = classifier.state_dict(), fresh.network.state_dict()
    for name, value in started.network.state_dict().items():
        head = name.startswith(("box_heads", "class_heads", "extras"))
        assert torch.equal(value, own[name] if head else given[name]), name
    with pytest.raises(WeightsError, match="changed"):
        fresh.start_from(file, "0" * 64)


def test_the_last_layers_start_untrained(tmp_path: Path) -> None:
    task = load_task("detection", str(coco_set(tmp_path)), image_size=64)
    one, file = session(task, 1), tmp_path / "w.safetensors"
    with torch.no_grad():
        for value in one.network.parameters():
            value.add_(1.0)
    sha256 = save_weights(one.network, file)
    other = session(task, 1)
    before = other.network.state_dict()["class_heads.0.conv.weight"].clone()
    other.start_from(file, sha256)
    found = other.network.state_dict()
    assert torch.equal(found["class_heads.0.conv.weight"], before)
    assert torch.equal(
        found["extras.0.last.weight"], one.network.state_dict()["extras.0.last.weight"]
    )


def test_weights_of_another_network_do_not_start_one(tmp_path: Path) -> None:
    task = load_task("detection", str(coco_set(tmp_path)), image_size=64)
    file = tmp_path / "w.safetensors"
    sha256 = save_weights(torch.nn.Sequential(torch.nn.Linear(2, 2)), file)
    with pytest.raises(TaskError, match=r"no weights in .* fit"):
        session(task, 1).start_from(file, sha256)


def test_the_last_epoch_has_the_metrics_of_each_class(tmp_path: Path) -> None:
    trained = session(load_task("detection", str(coco_set(tmp_path)), image_size=64), 2)
    first, last = trained.run_epoch(), trained.run_epoch()
    assert first.by_class is None
    assert last.by_class == trained.scores(trained.task.val).details()["by_class"]
    assert EpochResult.of_row(json.loads(json.dumps(last.to_row()))) == last
