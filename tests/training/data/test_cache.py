"""The cache of decoded images: mapped, shared between splits, and whole at any time."""

import gc
import shutil
import sys
import weakref
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.files import write_whole
from nas.training.data import Augmentation, Split, load_task
from nas.training.loop.memory_batches import Feed
from tests.training.data.pictures import write_binary_batch, write_folder, write_python_batches
from tests.training.nets import in_memory

pytestmark = pytest.mark.usefixtures("cache")

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/maps")
CPU = torch.device("cpu")


def mapped_file(tensor: torch.Tensor) -> str:
    """Return the path of the file whose pages hold the first byte of `tensor`, or nothing."""
    at = tensor.data_ptr()
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, end = (int(part, 16) for part in line.split(" ", 1)[0].split("-"))
        if start <= at < end:
            return line.split(maxsplit=5)[5] if len(line.split(maxsplit=5)) > 5 else ""
    return ""


def write_batches(root: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "folder":
        write_folder(root)
    elif way == "python":
        write_python_batches(root, 24, 20, monkeypatch)
    else:
        write_binary_batch(root / "data_batch_1.bin", 120)


@LINUX
@pytest.mark.parametrize("way", ["folder", "python", "binary"])
def test_images_are_pages_of_the_cached_file_from_the_first_time_on(
    tmp_path: Path, cache: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batches(tmp_path / "data", way, monkeypatch)
    for _ in range(2):
        task = load_task("cifar10", str(tmp_path / "data"))
        (file,) = cache.glob("*.safetensors")
        assert mapped_file(task.train.held) == str(file)
        assert mapped_file(task.test.held) == str(file)
        # no split has a copy
        drawn = (task.val,) if way == "python" else (task.val, task.test)
        assert {split.held.data_ptr() for split in drawn} == {task.train.held.data_ptr()}


@pytest.mark.parametrize("how", ["deleted", "replaced", "its folder deleted"])
def test_a_task_at_hand_survives_what_happens_to_its_cached_file(
    tmp_path: Path, cache: Path, how: str
) -> None:
    def write_other(part: Path) -> None:
        part.write_bytes(b"other")

    task = load_task("digits")
    before = task.train.images.clone()
    (file,) = cache.glob("digits-*")
    if how == "its folder deleted":
        shutil.rmtree(cache)
    elif how == "deleted":
        file.unlink()
    else:
        write_whole(file, write_other)
    gc.collect()
    feed = Feed(in_memory(task.train), task, CPU)
    assert torch.equal(task.train.images, before)
    assert sum(len(labels) for _, labels in feed.ordered(64)) == len(before)
    assert torch.equal(load_task("digits").train.images, before)


def test_without_a_cache_the_images_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "data")
    kept = load_task("cifar10", str(tmp_path / "data"))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "file" / "below"))
    held = load_task("cifar10", str(tmp_path / "data"))
    assert torch.equal(kept.train.images, held.train.images)
    assert (kept.mean, kept.std, kept.note) == (held.mean, held.std, held.note)


def test_two_who_write_one_file_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "f"
    places: list[Path] = []

    def quick(part: Path) -> None:
        places.append(part)
        part.write_bytes(b"2")

    def slow(part: Path) -> None:
        part.write_bytes(b"1" * 10_000)
        places.append(part)
        write_whole(path, quick)
        with path.open("rb") as published:
            assert published.read() == b"2"
        assert part.stat().st_size == 10_000

    write_whole(path, slow)
    assert len(set(places)) == 2
    assert path.read_bytes() == b"1" * 10_000
    assert list(tmp_path.iterdir()) == [path]


def test_a_change_of_the_batches_is_seen(tmp_path: Path) -> None:
    write_binary_batch(tmp_path / "data_batch_1.bin", 120)
    assert len(load_task("cifar10", str(tmp_path)).train.held) == 120
    write_binary_batch(tmp_path / "data_batch_1.bin", 140)
    assert len(load_task("cifar10", str(tmp_path)).train.held) == 140


# -- splits that hold no images of their own -----------------------------------------------------


@settings(max_examples=40)
@given(st.data())
def test_a_split_is_what_its_rows_pick(data: st.DataObject) -> None:
    held = torch.arange(12 * 4, dtype=torch.uint8).reshape(12, 1, 2, 2)
    whole = Split(held, torch.arange(12))
    rows = torch.tensor(data.draw(st.lists(st.integers(0, 11), min_size=1, max_size=20)))
    split = whole.take(rows)
    last = min(len(rows), len(held)) - 1
    part = torch.tensor(data.draw(st.lists(st.integers(0, last), min_size=1)))
    size = data.draw(st.integers(1, 25))
    assert len(split) == len(rows)
    assert torch.equal(split.images, held[rows])
    assert torch.equal(split.labels, rows)
    assert torch.equal(split.pick(part), held[rows][part])
    assert torch.equal(whole.pick(part), held[part])
    assert torch.equal(split.take(part).images, held[rows][part])
    for one in (split, whole):
        chunks = list(one.chunks(size))
        assert torch.equal(torch.cat(chunks), one.images)
        assert all(len(chunk) == size for chunk in chunks[:-1])
    assert split.held is whole.held


def test_a_feed_does_not_keep_the_split_that_it_was_made_of() -> None:
    task = load_task("digits")
    split = in_memory(task.train).take(torch.arange(40))
    feed, seen = Feed(split, task, CPU), weakref.ref(split)
    del split
    gc.collect()
    assert seen() is None
    assert len(feed.shuffled(8, torch.Generator()).__next__()[1]) == 8


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_on_a_gpu_are_those_of_the_cpu() -> None:
    task = load_task("digits")
    augment = Augmentation(1, True)
    feeds = [
        Feed(in_memory(task.train), task, torch.device(name), augment) for name in ("cpu", "cuda")
    ]
    for ways in (
        [feed.shuffled(64, torch.Generator().manual_seed(1)) for feed in feeds],
        [feed.ordered(64) for feed in feeds],
    ):
        for (one, labels), (other, same) in zip(*ways, strict=True):
            torch.testing.assert_close(other.cpu(), one)
            assert torch.equal(same.cpu(), labels)
