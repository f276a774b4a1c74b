"""The stream from disk: decoder processes, memory, and losses."""

import gc
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from nas.errors import NasError, TaskError
from nas.training.data import load_task
from nas.training.data.folder import images_below
from nas.training.data.left_out import LeftOut, LeftOutReason
from nas.training.data.records import FileRecords, Files, ParquetRecords
from nas.training.decoding.decode import DRAWS, Cut, cut
from nas.training.loop import decoders as loading
from nas.training.loop.data_parallel import Team
from nas.training.loop.streamed_batches import StreamFeed
from tests.messages import carrying
from tests.training.nets import decoder_pids, noise, on_disk

pytestmark = pytest.mark.usefixtures("cache")

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("NAS_DATA") or ROOT.parent / "shared" / "data")
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def usual_decoders() -> Iterator[None]:
    """As many processes as a test wants, and none after it."""
    yield
    loading.use_processes(0)
    loading.close()
    gc.collect()  # an exception that a test caught may refer to the decoders


@pytest.fixture
def processes() -> None:
    """Two decoder processes for the streams of a test."""
    loading.use_processes(2)


def epoch(feed: StreamFeed, seed: int = 3, team: Team | None = None) -> list[tuple[Tensor, Tensor]]:
    random = torch.Generator().manual_seed(seed)
    return list(feed.shuffled(18, random, team=team or Team()))


def same(one: list[tuple[Tensor, Tensor]], other: list[tuple[Tensor, Tensor]]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in pairs)


# -- who decodes -----------------------------------------------------------------------------------


def test_batches_are_the_same_whatever_the_number_of_decoders(tmp_path: Path) -> None:
    feed = noise(tmp_path)
    found, ordered = epoch(feed), list(feed.ordered(7))
    assert not same(found, epoch(feed, seed=4))
    for count in (1, 3):
        loading.use_processes(count)
        assert same(epoch(feed), found)
        assert same(list(feed.ordered(7)), ordered)


def test_decoders_are_as_many_as_the_training_has_threads_and_stay() -> None:
    for threads in (1, 2):
        torch.set_num_threads(threads)
        assert loading.decoders().processes == threads
    assert loading.decoders() is loading.decoders()
    loading.use_processes(3)
    assert loading.decoders().processes == 3


def test_no_image_is_decoded_in_the_process_that_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = noise(tmp_path)
    next(feed.ordered(2))
    monkeypatch.setattr("PIL.Image.open", lambda *_: pytest.fail("an image is opened here"))
    assert len(epoch(feed)) == 2


def test_the_global_random_numbers_stay_as_they_are(tmp_path: Path) -> None:
    feed = noise(tmp_path)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    epoch(feed)
    assert torch.equal(torch.get_rng_state(), before)


def test_decoders_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    noise(tmp_path)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from tests.training.nets import decoder_pids, noise\n"
        "stream = noise(Path(sys.argv[1])).ordered(2); next(stream)\n"
        "print(*decoder_pids(), flush=True); os.kill(os.getpid(), 9)"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    pids = told.stdout.split()
    assert pids, told.stderr
    for _ in range(150):
        if not any(Path("/proc", pid).exists() for pid in pids):
            return
        time.sleep(0.1)
    pytest.fail("the decoders outlive their parent")


def test_parts_of_a_pass_follow_one_another(tmp_path: Path) -> None:
    feed = noise(tmp_path)

    def part(first: int, until: int | None) -> list[tuple[Tensor, Tensor]]:
        random = torch.Generator().manual_seed(3)
        return list(feed.shuffled(4, random, skipped=first, until=until))

    whole = part(0, None)
    assert len(part(0, 1)) == 1
    assert same(part(0, 1) + part(1, 3) + part(3, len(whole) + 2), whole)


def test_a_stream_that_is_left_early_leaves_nothing_behind(tmp_path: Path, processes: None) -> None:
    feed = noise(tmp_path)
    stream = feed.shuffled(4, torch.Generator().manual_seed(0))
    images, _ = next(stream)
    kept = images.clone()
    assert isinstance(stream, Generator)
    stream.close()
    assert torch.equal(images, kept)
    assert len(epoch(feed)) == 2


# -- what is lost ----------------------------------------------------------------------------------


def test_a_lost_decoder_is_one_error_and_then_replaced(tmp_path: Path, processes: None) -> None:
    feed = noise(tmp_path)
    found = epoch(feed)

    @loading.lost_decoders_named()  # torch may tell of it at once, outside of the stream
    def lose_one() -> None:
        os.kill(decoder_pids()[0], signal.SIGKILL)
        epoch(feed)

    with pytest.raises(NasError, match="a process that decodes images was lost") as caught:
        lose_one()
    assert "--loaders" in caught.value.remedy
    assert same(epoch(feed), found)


def test_a_stream_ends_where_another_begins(tmp_path: Path) -> None:
    feed = noise(tmp_path)
    first = feed.ordered(4)
    next(first)
    assert len(list(feed.ordered(4))) == 10
    with pytest.raises(RuntimeError, match="another epoch"):
        next(first)


@pytest.mark.parametrize("count", [0, 2])
def test_an_image_that_vanishes_or_breaks_is_named(tmp_path: Path, count: int) -> None:
    feed = noise(tmp_path)
    loading.use_processes(count)
    found = list(feed.ordered(7))
    image = (tmp_path / "11.png").read_bytes()
    (tmp_path / "11.png").write_bytes(b"no image")
    with pytest.raises(TaskError, match=carrying("11.png … nas resume STUDY")) as caught:
        list(feed.ordered(7))
    assert "\n" not in caught.value.cause
    (tmp_path / "11.png").unlink()
    with pytest.raises(TaskError, match=carrying("11.png … nas resume STUDY")):
        list(feed.ordered(7))
    (tmp_path / "11.png").write_bytes(image)
    assert same(list(feed.ordered(7)), found)


# -- resolution ------------------------------------------------------------------------------------


def test_what_is_shown_does_not_depend_on_the_resolution(tmp_path: Path) -> None:
    gradient = np.linspace(0, 255, 240, dtype=np.uint8)
    pixels = np.broadcast_to(gradient[None, :, None], (180, 240, 3))
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "JPEG", quality=95)
    draws = torch.rand(20, DRAWS, generator=torch.Generator().manual_seed(0)).tolist()
    for crop in ("centre", "area", "scale"):
        for draw in draws:
            large, small = (
                cut(held.getvalue(), draw, Cut(side, crop, 0.3)).astype(float) for side in (96, 32)
            )
            assert small.shape == (32, 32, 3)
            shrunk = large.reshape(32, 3, 32, 3, 3).mean((1, 3))
            assert np.abs(shrunk - small).mean() < 3  # shades of 255


def test_a_stream_at_a_side_has_the_same_order(tmp_path: Path) -> None:
    feed = noise(tmp_path)
    full, small = epoch(feed), epoch(feed.at(4))
    for (images, labels), (fewer, others) in zip(full, small, strict=True):
        assert images.shape[1:] == (3, 8, 8)
        assert fewer.shape[1:] == (3, 4, 4)
        assert torch.equal(labels, others)
    assert same(epoch(feed), full)


# -- the files -------------------------------------------------------------------------------------


def test_files_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = [
        "a/2.png",
        "a/10.PNG",
        "a-b/1.jpg",
        "a/deep/er/x.jpeg",
        "b/\xe9 \u2603.png",
        "B/0.webp",
    ]
    for name in [*names, "a/notes.txt", "a/.hidden.png", "__MACOSX/a/._2.png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "b" / "linked.png").symlink_to(tmp_path / "a" / "2.png")
    (tmp_path / "b" / "gone.png").symlink_to(tmp_path / "nowhere")
    left_out = LeftOut()
    found = list(images_below(tmp_path, left_out))
    expected = [tmp_path / name for name in [*names, "b/linked.png"]]
    assert [Path(file) for file in found] == sorted(expected)
    assert left_out.counts == {
        LeftOutReason.NO_IMAGE: 1,
        LeftOutReason.HIDDEN: 1,
        LeftOutReason.LINK: 1,
    }
    assert left_out.names[LeftOutReason.LINK] == [str(tmp_path / "b" / "gone.png")]
    for listed in (found, [Path(file) for file in found]):
        records = FileRecords(listed)
        assert [records.name(index) for index in range(len(records))] == found
        assert records.read(0) == Path(found[0]).read_bytes()


@given(st.lists(st.text("a.\n \\'\xe9\u2603\U0001f600", min_size=1)))
def test_names_are_kept_whatever_they_are(names: list[str]) -> None:
    files = [f"/data/{name}" for name in names]
    records = FileRecords(files)
    assert [records.name(index) for index in range(len(records))] == files


# -- hundreds of real images -----------------------------------------------------------------------

COUNT = 600


@pytest.fixture(scope="module")
def rows() -> list[tuple[bytes, int]]:
    """The first images of CIFAR-10 as they lie in the file, with their labels."""
    file = DATA / "cifar10" / "train-00000-of-00001.parquet"
    if not file.is_file():
        pytest.skip("no cifar10 in NAS_DATA or ../shared/data")
    table = pa.Table.from_batches([next(pq.ParquetFile(file).iter_batches(COUNT))])
    labels = table.column("label").to_pylist()
    images = table.column("image").combine_chunks().field("bytes").to_pylist()
    return list(zip(images, labels, strict=True))


@pytest.fixture(scope="module")
def tree(rows: list[tuple[bytes, int]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """They in class folders, scaled to sizes around 40x36, so that they are streamed."""
    root = tmp_path_factory.mktemp("tree")
    for number, (data, label) in enumerate(rows):
        place = root / f"class-{label}"
        place.mkdir(exist_ok=True)
        with Image.open(io.BytesIO(data)) as image:
            image.resize((40 + number % 3, 36)).save(place / f"{number:05}.png", compress_level=1)
    return root


@pytest.fixture(scope="module")
def parquet(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as parquet, in row groups of 50."""
    root = tmp_path_factory.mktemp("parquet")
    files = sorted(tree.glob("*/*.png"))
    images = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    labels = [int(file.parent.name.removeprefix("class-")) for file in files]
    table = pa.table({"image": images, "label": labels})
    pq.write_table(table, root / "train-00000-of-00001.parquet", row_group_size=50)
    return root


def test_a_tree_and_a_parquet_of_the_same_images_hold_the_same(tree: Path, parquet: Path) -> None:
    tasks = [load_task("folder", str(folder)) for folder in (tree, parquet)]
    for task in tasks:
        assert task.input.height == 36
        assert len(task.train) + len(task.val) + len(task.test) == COUNT
        assert len(task.class_names) == 10
    one, other = (list(StreamFeed(on_disk(task.test), task, CPU).ordered(64)) for task in tasks)
    for (images, labels), (images2, labels2) in zip(one, other, strict=True):
        torch.testing.assert_close(images, images2, atol=0.05, rtol=0)  # mean of another sample
        assert torch.equal(labels, labels2)
    shuffled = StreamFeed(on_disk(tasks[1].train), tasks[1], CPU).shuffled(64, torch.Generator())
    counts = torch.stack([torch.bincount(labels, minlength=10) for _, labels in shuffled])
    assert (counts > 0).float().mean() > 0.95  # every batch has about all classes


def test_rows_are_read_once_an_epoch_and_few_are_held(
    parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.training.data.records.WINDOW_BYTES", 1 << 19)
    monkeypatch.setattr("nas.training.data.records.SPARE", 2)
    task = load_task("folder", str(parquet))
    used = task.train.records  # for the mean and the deviation of the task
    records = ParquetRecords(used.files, used.column)
    read, honest = [], pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, group: int, columns: list[str]) -> pa.Table:
        read.append(group)
        return honest(self, group, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    assert 1 < records.window < 6  # of 12 row groups
    train = Files(records, task.train.indices, task.train.labels)
    for _ in StreamFeed(train, task, CPU).shuffled(64, torch.Generator().manual_seed(0)):
        assert records.held <= records.window + 2
    assert len(set(read)) == 12
    assert len(read) < 1.5 * 12


_RSS = """
import resource, sys, torch
from nas.training.data import load_task
from nas.training.loop.decoders import use_processes
from nas.training.loop.recipe import load_recipe
from nas.training.loop.streamed_batches import StreamFeed
from tests.training.nets import decoder_pids
use_processes(int(sys.argv[2]))
task = load_task("imagenet", sys.argv[1])
feed = StreamFeed(task.train, task, torch.device("cpu"), load_recipe("imagenet"))
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
def own(pid):
    lines = open(f"/proc/{pid}/smaps_rollup").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private"))
stream, begun = feed.shuffled(16, torch.Generator()), None
for step, _ in enumerate(stream):
    begun = peak() if step == 3 else begun
print(peak() - begun, *map(own, decoder_pids()))
"""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 364 JPEGs of blood cells, 640x480, in two class folders."""
    files = sorted((DATA / "bccd").glob("*/*.jpg"))
    if not files:
        pytest.skip("no bccd in NAS_DATA or ../shared/data")
    root = tmp_path_factory.mktemp("photographs")
    for number, file in enumerate(files):
        place = root / ("even" if number % 2 else "odd")
        place.mkdir(exist_ok=True)
        (place / f"{number}.jpg").symlink_to(file.resolve())
    return root


@pytest.mark.slow
def test_memory_does_not_grow_with_the_images(photographs: Path) -> None:
    words = [sys.executable, "-c", _RSS, str(photographs), "2"]
    cache = str(photographs.with_name("photographs-cache"))
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "NAS_CACHE": cache}
    done = subprocess.run(words, cwd=ROOT, env=alone, check=True, capture_output=True, text=True)
    grown, *each = map(int, done.stdout.split())  # KiB
    assert grown < 32 << 10  # what was decoded since is more than 280 x 147 KiB = 40 MiB
    assert len(each) == 2
    assert all(size < 80 << 10 for size in each)


def test_an_evaluator_decodes_in_the_loaders_of_its_plan(photographs: Path, tmp_path: Path) -> None:
    from nas.study.evaluator import WorkerPlan
    from nas.training.evaluator import make
    from tests.studies import small_spec

    spec = small_spec(
        task="folder", data_dir=str(photographs), image_size=32, recipe="imagenet", proxies=False
    )
    before = torch.get_num_threads()
    try:
        make(WorkerPlan(spec.to_json(), str(tmp_path), spec.data_dir, "", "0", loaders=3))
        assert loading.decoders().processes == 3
    finally:
        torch.set_num_threads(before)
