"""Images of the user: layouts, detected sizes, streaming, and unusable images."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from nas.errors import TaskError
from nas.space.layers import Shape
from nas.training.data import Files, Split, load_task
from nas.training.loop.recipe import load_recipe
from nas.training.loop.streamed_batches import StreamFeed, jitter
from tests.messages import carries
from tests.training.data.pictures import write_folder, write_parquet
from tests.training.data.refusals import refused
from tests.training.nets import on_disk

pytestmark = pytest.mark.usefixtures("cache")

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("NAS_DATA") or ROOT.parent / "shared" / "data")
CPU = torch.device("cpu")


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A tree of real JPEG images: blood cells, upright and upside down."""
    files = sorted((DATA / "bccd" / "train").glob("*.jpg"))[:24]
    if not files:
        pytest.skip("no bccd in NAS_DATA or ../shared/data")
    for number, file in enumerate(files):
        turned = number % 2
        place = tmp_path / "cells" / ("turned" if turned else "upright")
        place.mkdir(parents=True, exist_ok=True)
        with Image.open(file) as image:
            (image.rotate(180) if turned else image).save(place / f"{number}.jpg")
    return tmp_path / "cells"


# -- found out -------------------------------------------------------------------------------------


def test_small_images_of_one_size_are_held_in_memory(tmp_path: Path) -> None:
    task = load_task("folder", str(write_folder(tmp_path / "own", side=24)))
    assert task.input == Shape(3, 24, 24)
    assert task.class_names == ("cat", "dog", "frog")
    assert isinstance(task.train, Split)
    assert (len(task.train), len(task.val), len(task.test)) == (30, 3, 3)


def test_large_images_are_streamed_at_their_median_side(cells: Path) -> None:
    task = load_task("folder", str(cells))
    assert task.input == Shape(3, 224, 224)  # of 640x480
    assert isinstance(task.train, Files)
    assert task.class_names == ("turned", "upright")
    assert "streamed" in task.note
    assert 0.4 < task.mean[0] < 0.9
    smaller = load_task("folder", str(cells), image_size=48)
    assert smaller.input == Shape(3, 48, 48)


def test_official_splits_are_kept(tmp_path: Path) -> None:
    write_folder(tmp_path / "own" / "train", side=24)
    write_folder(tmp_path / "own" / "val", images=2, side=24)
    task = load_task("folder", str(tmp_path / "own"))
    assert (len(task.train), len(task.val), len(task.test)) == (33, 3, 6)
    write_folder(tmp_path / "own" / "test", images=3, side=24)
    task = load_task("folder", str(tmp_path / "own"))
    assert (len(task.train), len(task.val), len(task.test)) == (36, 6, 9)


def test_imagenet_as_a_tree_and_as_parquet(cells: Path, tmp_path: Path) -> None:
    task = load_task("imagenet", str(cells))
    assert task.input == Shape(3, 224, 224)
    assert task.mean == (0.485, 0.456, 0.406)
    hub = tmp_path / "hub" / "data"
    write_parquet(
        hub / "train-00000-of-00002.parquet", [i % 3 for i in range(30)], sides=(230, 250)
    )
    write_parquet(
        hub / "train-00001-of-00002.parquet", [i % 3 for i in range(30)], sides=(230, 250)
    )
    write_parquet(hub / "validation-00000-of-00001.parquet", [0, 1, 2], sides=(230,))
    write_parquet(hub / "test-00000-of-00001.parquet", [-1, -1], sides=(230,))  # as ImageNet's
    task = load_task("imagenet", str(tmp_path / "hub"))
    assert (len(task.train), len(task.val), len(task.test)) == (57, 3, 3)
    assert task.classes == 3


def test_parquet_with_words_for_labels(tmp_path: Path) -> None:
    write_parquet(tmp_path / "mine.parquet", ["owl", "cat"] * 20, sides=(16,))
    task = load_task("folder", str(tmp_path))
    assert task.class_names == ("cat", "owl")
    assert task.input == Shape(3, 16, 16)


def test_limit_and_seed_hold_for_streamed_images(cells: Path) -> None:
    one, same, other = (load_task("folder", str(cells), seed=s, limit=10) for s in (1, 1, 2))
    assert torch.bincount(one.train.labels).tolist() == [5, 5]
    assert torch.equal(one.train.indices, same.train.indices)
    assert not torch.equal(one.val.indices, other.val.indices)


# -- what cannot be used ---------------------------------------------------------------------------


def test_empty_folder_one_class_and_no_folder(tmp_path: Path) -> None:
    refused("folder … --data", "folder")
    refused("gone", "imagenet", str(tmp_path / "gone"))
    refused(str(tmp_path), "folder", str(tmp_path))
    refused("1 class", "folder", str(write_folder(tmp_path / "one", ("cat",))))


def test_a_size_that_the_task_does_not_have() -> None:
    refused("8x8 … 32", "digits", image_size=32)


@pytest.mark.parametrize("side", [24, 300])
def test_corrupt_images_are_named_and_counted_or_skipped(tmp_path: Path, side: int) -> None:
    root = write_folder(tmp_path / "own", images=15, side=side)
    for name in ("dog/3.png", "frog/1.png"):
        (root / name).write_bytes((root / name).read_bytes()[:100])
    refused("dog/3.png … 1 … 45", "folder", str(root))
    task = load_task("folder", str(root), skip_corrupt=True)
    assert len(task.train) + len(task.val) + len(task.test) == 43
    assert carries(task.note, "left out: 2")
    assert "dog/3.png" in task.note


def test_corrupt_images_of_cifar_too(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "own")
    for name in ("dog/3.png", "frog/1.png"):
        (root / name).write_bytes(b"nothing")
    refused("dog/3.png … 1 … 36", "cifar10", str(root))
    task = load_task("cifar10", str(root), skip_corrupt=True)
    assert len(task.train) + len(task.val) + len(task.test) == 34
    assert carries(task.note, "left out: 2")


def test_a_class_without_training_images(tmp_path: Path) -> None:
    write_folder(tmp_path / "own" / "train", side=24)
    write_folder(tmp_path / "own" / "val", ("owl",), images=2, side=24)
    refused("'owl' … training", "folder", str(tmp_path / "own"))


def test_parquet_columns_that_do_not_fit(tmp_path: Path) -> None:
    pq.write_table(pa.table({"picture": [1, 2], "label": [0, 1]}), tmp_path / "a.parquet")
    refused("picture, label", "folder", str(tmp_path))
    (tmp_path / "a.parquet").write_text("hello")
    refused("a.parquet", "folder", str(tmp_path))


# -- the stream ------------------------------------------------------------------------------------


def test_validation_shows_the_centre(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(12):
            pixels = np.zeros((320, 640, 3), dtype=np.uint8)
            pixels[20:300, 180:460] = 200  # the centre: 280 of 320
            Image.fromarray(pixels).save(tmp_path / "own" / label / f"{number}.png")
    task = load_task("folder", str(tmp_path / "own"), image_size=56)
    images, labels = next(StreamFeed(on_disk(task.val), task, CPU).ordered(8))
    mean = torch.tensor(task.mean)[:, None, None]
    std = torch.tensor(task.std)[:, None, None]
    shown = 255 * (images * std + mean)
    assert images.shape == (2, 3, 56, 56)
    assert labels.tolist() == [0, 1]
    assert shown[..., 2:-2, 2:-2].min() > 198
    assert shown.min() > 150  # no more than a blurred edge


@pytest.mark.parametrize("recipe", ["imagenet", "igcv3-imagenet", "mobilenetv2"])
def test_one_seed_gives_one_stream_and_every_image_once(cells: Path, recipe: str) -> None:
    task = load_task("folder", str(cells), image_size=32)

    def epoch(seed: int) -> list[Any]:
        feed = StreamFeed(on_disk(task.train), task, CPU, load_recipe(recipe))
        return list(feed.shuffled(5, torch.Generator().manual_seed(seed)))

    one, same, other = epoch(1), epoch(1), epoch(2)
    assert len(one) == len(task.train) // 5
    for (images, labels), (images2, labels2) in zip(one, same, strict=True):
        assert torch.equal(images, images2)
        assert torch.equal(labels, labels2)
        assert images.is_contiguous(memory_format=torch.channels_last)
        assert torch.isfinite(images).all()
    assert not torch.equal(one[0][0], other[0][0])


def test_the_order_of_parquet_is_a_permutation(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [i % 2 for i in range(60)], sides=(40, 44), group=7)
    task = load_task("folder", str(tmp_path), image_size=33)
    order = task.train.order(torch.Generator().manual_seed(0))
    assert sorted(order.tolist()) == list(range(len(task.train)))
    assert order.tolist() != list(range(len(task.train)))
    feed = StreamFeed(on_disk(task.train), task, CPU)
    seen = torch.cat([labels for _, labels in feed.ordered(16)])
    assert torch.equal(seen, task.train.labels)


def test_an_image_that_goes_away_is_named(cells: Path) -> None:
    task = load_task("folder", str(cells), image_size=32)
    for file in cells.glob("*/*.jpg"):
        file.unlink()
    with pytest.raises(TaskError, match=r"\.jpg"):
        list(StreamFeed(on_disk(task.train), task, CPU).ordered(4))


def test_jitter_moves_hue_saturation_and_lightness() -> None:
    images = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(jitter(images, torch.zeros(4, 3)), images, rtol=1e-4, atol=1e-5)
    turned = jitter(images, torch.tensor([[1 / 3, 0.0, 0.0]]).expand(4, 3))
    torch.testing.assert_close(turned, images[:, [2, 0, 1]], rtol=1e-4, atol=1e-4)
    lighter = jitter(images, torch.tensor([[0.0, 0.0, 1.0]]).expand(4, 3))
    torch.testing.assert_close(lighter, torch.ones_like(images))


def test_a_network_learns_from_a_stream(cells: Path) -> None:
    from nas.training.loop.session import Session
    from tests.training.nets import RECIPE, small_layers

    task = load_task("folder", str(cells), image_size=32)
    recipe = RECIPE.__class__(**{**RECIPE.__dict__, "batch_size": 4})
    run = Session(small_layers(task.input, 2), task, recipe, 2, 0, "cpu")
    first, last = run.run_epoch(), run.run_epoch()
    assert last.train_loss < 1.5 * first.train_loss
    assert 0 <= run.test()["top1_error"] <= 1
