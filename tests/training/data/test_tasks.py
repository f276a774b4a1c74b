"""The tasks: splits, limits, statistics, and the forms in which images may lie in a folder."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.space.layers import Shape
from nas.study import TASKS
from nas.training.data import load_task
from nas.training.data.split import balanced_subset, stratified
from tests.messages import carries
from tests.training.data.pictures import (
    CIFAR10,
    NAMES,
    picture,
    png,
    write_binary_batch,
    write_folder,
    write_parquet,
    write_python_batches,
)
from tests.training.data.refusals import refused

pytestmark = pytest.mark.usefixtures("cache")


# -- digits ------------------------------------------------------------------------------------


def test_digits() -> None:
    task = load_task("digits")
    assert (task.input, task.classes, task.class_names[3]) == (Shape(1, 8, 8), 10, "3")
    assert len(task.train) + len(task.val) + len(task.test) == 1797
    assert task.train.images.dtype == torch.uint8
    assert task.train.labels.dtype == torch.int64
    assert int(task.train.images.max()) == 255
    assert not task.augment.flip
    assert carries(task.note, "1,797 images … 10 classes … 174 to 183 … 1,079 train")


def test_the_same_seed_gives_the_same_split_from_the_cache_too(cache: Path) -> None:
    first, second, other = (
        load_task("digits", seed=1),
        load_task("digits", seed=1),
        load_task("digits"),
    )
    assert list(cache.glob("digits-*.safetensors"))
    assert torch.equal(first.val.images, second.val.images)
    assert torch.equal(first.train.labels, second.train.labels)
    assert not torch.equal(first.val.images, other.val.images)


def test_every_class_is_in_every_split_alike() -> None:
    task = load_task("digits", seed=5)
    for split in (task.train, task.val, task.test):
        counts = torch.bincount(split.labels, minlength=10) / len(split)
        assert counts.min() > 0.08
        assert counts.max() < 0.12


def test_statistics_are_those_of_the_training_pixels() -> None:
    task = load_task("digits")
    pixels = task.train.images.double() / 255
    assert task.mean == pytest.approx([pixels.mean().item()])
    assert task.std == pytest.approx([pixels.std(correction=0).item()])


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "file" / "below"))
    assert len(load_task("digits").train) == 1079


def test_a_broken_cache_is_read_anew(cache: Path) -> None:
    task = load_task("digits")
    (file,) = cache.glob("digits-*")
    half = file.read_bytes()[:1000]
    file.unlink()  # the task at hand has it mapped: truncated in place it would be gone there too
    file.write_bytes(half)
    assert torch.equal(load_task("digits").train.images, task.train.images)


# -- splits ------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=200),
    st.sampled_from([[0.2], [0.2, 0.2], [0.1, 0.3]]),
    st.integers(0, 2**32 - 1),
)
def test_parts_are_disjoint_and_whole(labels: list[int], shares: list[float], seed: int) -> None:
    parts = stratified(torch.tensor(labels), shares, seed)
    assert len(parts) == len(shares) + 1
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))


@given(st.lists(st.integers(0, 4), min_size=5, max_size=200), st.integers(5, 100))
def test_subset_is_balanced(classes: list[int], limit: int) -> None:
    labels = torch.tensor(classes)
    chosen = balanced_subset(labels, limit, 0)
    counts = torch.bincount(labels[torch.from_numpy(chosen)], minlength=5)
    available = torch.bincount(labels, minlength=5)
    assert len(chosen) <= limit
    assert len(set(chosen.tolist())) == len(chosen)
    each = limit // len(set(classes))
    assert torch.equal(counts, available.clamp(max=each))


def test_limit_is_said_in_the_note() -> None:
    task = load_task("digits", limit=105)
    assert torch.bincount(task.train.labels).tolist() == [10] * 10
    assert "only 100 training images" in task.note
    assert "100 train /" in task.note
    assert len(task.val) == len(load_task("digits").val)


# -- folders, batches, parquet -------------------------------------------------------------------


def test_folder_per_class(tmp_path: Path) -> None:
    task = load_task("cifar10", str(write_folder(tmp_path / "images")))
    assert task.class_names == NAMES
    assert (len(task.train), len(task.val), len(task.test)) == (30, 3, 3)
    assert task.input == Shape(3, 32, 32)
    known = {
        picture(100 * label + i).transpose(2, 0, 1).tobytes(): label
        for label in range(3)
        for i in range(12)
    }
    for split in (task.train, task.val, task.test):
        for image, label in zip(split.images, split.labels, strict=True):
            assert known.pop(image.numpy().tobytes()) == int(label)
    assert not known


def test_folder_with_train_and_test_keeps_them(tmp_path: Path) -> None:
    write_folder(tmp_path / "d" / "train", side=40)
    write_folder(tmp_path / "d" / "test", images=2)
    task = load_task("cifar10", str(tmp_path / "d"))
    assert (len(task.train), len(task.val), len(task.test)) == (33, 3, 6)
    assert "36 images resized to 32x32" in task.note
    assert task.class_names == NAMES


@pytest.mark.parametrize("below", ["", "cifar-10-batches-py", "cifar-10-batches-bin"])
@pytest.mark.parametrize("kind", ["python", "binary"])
def test_batches_of_the_authors(
    tmp_path: Path, kind: str, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "cifar-10" / below
    if kind == "python":
        write_python_batches(place, 40, 20, monkeypatch)
    else:
        for number in (1, 2):
            write_binary_batch(place / f"data_batch_{number}.bin", 100)
        write_binary_batch(place / "test_batch.bin", 20)
    task = load_task("cifar10", str(tmp_path / "cifar-10"))
    assert (len(task.train), len(task.val), len(task.test)) == (180, 20, 20)
    assert task.class_names[6] == "frog"
    assert np.array_equal(task.test.images[7].numpy().transpose(1, 2, 0), picture(7))
    assert task.test.labels.tolist() == [i % 10 for i in range(20)]


def test_parquet_of_the_hub(tmp_path: Path) -> None:
    write_parquet(tmp_path / "p" / "train-00000-of-00001.parquet", [i % 4 for i in range(80)])
    folder = write_parquet(
        tmp_path / "p" / "test-00000-of-00001.parquet", [0, 1, 2, 3], image="image"
    )
    task = load_task("cifar10", str(folder))
    assert (len(task.train), len(task.val), len(task.test)) == (72, 8, 4)
    assert task.class_names == ("0", "1", "2", "3")
    assert np.array_equal(task.test.images[2].numpy().transpose(1, 2, 0), picture(2))


def test_a_changed_file_is_not_taken_from_the_cache(tmp_path: Path) -> None:
    folder = write_parquet(tmp_path / "p" / "train.parquet", [i % 2 for i in range(40)])
    assert load_task("cifar10", str(folder)).classes == 2
    write_parquet(tmp_path / "p" / "train.parquet", [i % 4 for i in range(80)])
    assert load_task("cifar10", str(folder)).classes == 4


@pytest.mark.skipif(not CIFAR10.is_dir(), reason="no CIFAR-10 in NAS_DATA or ../shared/data")
def test_real_images_of_cifar10(tmp_path: Path) -> None:
    rows = pq.ParquetFile(CIFAR10 / "test-00000-of-00001.parquet").iter_batches(2000)
    pq.write_table(pa.Table.from_batches([next(rows)]), tmp_path / "train-0.parquet")
    task = load_task("cifar10", str(tmp_path), limit=1000)
    assert task.class_names[:3] == ("airplane", "automobile", "bird")
    assert torch.bincount(task.train.labels).tolist() == [100] * 10
    assert torch.bincount(task.val.labels).tolist() == [20] * 10
    assert task.mean == pytest.approx((0.49, 0.48, 0.45), abs=0.03)


@pytest.mark.slow
@pytest.mark.skipif(not CIFAR10.is_dir(), reason="no CIFAR-10 in NAS_DATA or ../shared/data")
def test_real_cifar10_whole() -> None:
    task = load_task("cifar10", str(CIFAR10))
    assert (len(task.train), len(task.val), len(task.test)) == (45_000, 5_000, 10_000)
    assert torch.bincount(task.val.labels).tolist() == [500] * 10


# -- bad input -----------------------------------------------------------------------------------


def test_unknown_task() -> None:
    refused("'mnist' … digits, cifar10", "mnist")
    known = {"digits", "cifar10", "cifar100", "imagenet", "folder", "coco", "detection"}
    assert set(TASKS.names()) == known


def test_digits_take_no_data(tmp_path: Path) -> None:
    refused("digits … --data", "digits", str(tmp_path))


def test_limit_below_the_classes() -> None:
    refused("9 … 10", "digits", limit=9)


def test_missing_and_empty_folder(tmp_path: Path) -> None:
    refused("nowhere", "cifar10", str(tmp_path / "nowhere"))
    refused(str(tmp_path), "cifar10", str(tmp_path))


def test_one_class(tmp_path: Path) -> None:
    refused("1 class", "cifar10", str(write_folder(tmp_path / "one", ("cat",))))


def test_too_few_images_of_a_class(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "few")
    write_folder(root, ("owl",), images=1)
    refused("'owl'", "cifar10", str(root))


def test_corrupt_image(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "images")
    (root / "dog" / "3.png").write_bytes(png(picture(1))[:200])
    refused("dog/3.png", "cifar10", str(root))


def test_test_class_without_training(tmp_path: Path) -> None:
    write_folder(tmp_path / "train")
    write_folder(tmp_path / "test", ("owl",), images=2)
    refused("'owl'", "cifar10", str(tmp_path))


def test_parquet_with_wrong_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"picture": [1.5], "label": [0]}), tmp_path / "train.parquet")
    folder = tmp_path
    refused("picture, label", "cifar10", str(folder))


def test_parquet_with_a_corrupt_row(tmp_path: Path) -> None:
    rows = [{"bytes": b"nothing", "path": "a"}] * 4
    pq.write_table(pa.table({"image": rows, "label": [0, 1, 0, 1]}), tmp_path / "train.parquet")
    refused("row 0 … train.parquet", "cifar10", str(tmp_path))


@pytest.mark.parametrize(
    "table",
    [
        {"image": [1, 2], "label": [0, 1]},
        {"image": [{"path": "a"}], "label": [0]},
        {"image": [{"bytes": b"", "path": "a"}], "label": ["cat"]},
        {"image": [{"bytes": b"", "path": "a"}], "label": [None]},
        {
            "image": pa.array([], pa.struct([("bytes", pa.binary())])),
            "label": pa.array([], pa.int64()),
        },
    ],
    ids=["no-struct", "no-bytes", "text-label", "no-label", "no-rows"],
)
def test_parquet_of_another_make(tmp_path: Path, table: dict[str, Any]) -> None:
    pq.write_table(pa.table(table), tmp_path / "train.parquet")
    refused("train.parquet", "cifar10", str(tmp_path))


def test_parquet_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_text("hello")
    refused("parquet", "cifar10", str(tmp_path))


def test_parquet_without_training_file(tmp_path: Path) -> None:
    write_parquet(tmp_path / "test.parquet", [0, 1])
    refused("training … train.parquet", "cifar10", str(tmp_path))


def test_label_outside_the_classes(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", [-1, 0, 1] * 20)
    refused("-1", "cifar10", str(tmp_path))


def test_truncated_batch(tmp_path: Path) -> None:
    write_binary_batch(tmp_path / "data_batch_1.bin", 10)
    content = (tmp_path / "data_batch_1.bin").read_bytes()
    (tmp_path / "data_batch_1.bin").write_bytes(content[: len(content) // 2 + 7])
    refused("data_batch_1.bin … CIFAR-10", "cifar10", str(tmp_path))


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_python_batches_that_are_not_those_of_the_authors(
    tmp_path: Path, name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_python_batches(tmp_path, 4, 4, monkeypatch)
    if how == "changed":
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b".")
    else:
        (tmp_path / name).unlink()
    refused(f"{name} … CIFAR-10", "cifar10", str(tmp_path))


def test_a_batch_cannot_run_code(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "harmed",)

    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({b"data": Harm()}))
    refused("data_batch_1 … CIFAR-10", "cifar10", str(tmp_path))
    assert not (tmp_path / "harmed").exists()


def test_no_network_to_download_from(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    refused("cifar10", "cifar10")


@settings(max_examples=30)
@given(st.binary(max_size=300))
def test_any_bytes_are_an_image_or_refused(data: bytes) -> None:
    from nas.training.decoding.decode import BROKEN, Cut, cut, whole

    with pytest.raises(BROKEN):
        whole(data, 32)
    with pytest.raises(BROKEN):
        cut(data, [0.0] * 8, Cut(32))
