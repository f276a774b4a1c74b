"""Images a second from disk, cropped, mirrored and scaled, ready for the network.

The baseline is torchvision in the same run: ImageFolder, RandomResizedCrop, RandomHorizontalFlip,
ToTensor, Normalize and a DataLoader with as many persistent workers as ours has. Both give float
batches of 64, stored channels last; the crops are drawn alike. Epochs of both alternate; shown are
medians over the repeats. The images are JPEGs of 500x375 at quality 90, made of the photographs in
`--photos`, and PNGs of 40x40, each in the folder of a class. They lie in the page cache: what is
measured is decoding, not the disk.

A second table has one thread without any feed: CPU time for an image, how much of it holds the
interpreter's lock (what threads cannot do at the same time), and both for images that were encoded
again with a short side of 8/7 of what is shown (what a cache of smaller images could save).

    python benchmarks/bm_stream.py
    python benchmarks/bm_stream.py --quick
"""

import argparse
import io
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.datasets import ImageFolder

from nas.space.layers import Shape
from nas.training.data import Augmentation, Task
from nas.training.data.folder import images_below
from nas.training.data.records import FileRecords, Files
from nas.training.decoding.decode import DRAWS, Cut, cut
from nas.training.loop import decoders
from nas.training.loop.recipe import Recipe, load_recipe
from nas.training.loop.streamed_batches import StreamFeed

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "stream.md"
CPU = torch.device("cpu")
BATCH = 64
SIDES = (96, 128, 160, 224)
SMALL = 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PHOTOGRAPH, PNG = (500, 375), (40, 40)

Epoch = Callable[[], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=ROOT.parent / "shared" / "data" / "bccd")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few images, two repeats, two sizes")
    given = parser.parse_args()
    if given.quick:
        given.images, given.repeats = 384, 2
    sides = SIDES[::3] if given.quick else SIDES
    recipe = load_recipe("imagenet")
    with tempfile.TemporaryDirectory() as folder:
        photographs, small = Path(folder, "photographs"), Path(folder, "png")
        originals = sorted(given.photos.glob("**/*.jpg"))
        write_images(originals, photographs, given.images, PHOTOGRAPH, "jpg")
        write_images(originals, small, given.images, PNG, "png")
        rows = []
        for root, side in [(photographs, side) for side in sides] + [(small, SMALL)]:
            rows.append((root.name, side, *contest(root, side, given, recipe)))
            print(rows[-1], flush=True)
        costs = [cost for side in sides for cost in decoding(photographs, side, recipe)]
        costs += decoding(small, SMALL, recipe)[:1]
    RESULTS.write_text(report(rows, costs, given), encoding="utf-8")


def write_images(
    originals: Sequence[Path], root: Path, count: int, size: tuple[int, int], kind: str
) -> None:
    """Write `count` images of `size` in two class folders; of each original, as often as needed."""
    for number in range(count):
        place = root / ("a", "b")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        file = place / f"{number:05}.{kind}"
        if number >= len(originals):
            first = number % len(originals)
            source = root / ("a", "b")[first % 2] / f"{first:05}.{kind}"
            file.write_bytes(source.read_bytes())
            continue
        with Image.open(originals[number]) as image:
            image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(file, quality=90)


def contest(
    root: Path, side: int, given: argparse.Namespace, recipe: Recipe
) -> tuple[float, float]:
    """Return images/s of the baseline and of ours, both with as many worker processes."""
    decoders.use_processes(given.processes)
    contestants = [
        torchvision_epoch(root, side, given.processes, recipe),
        our_epoch(root, side, recipe),
    ]
    paces: list[list[float]] = [[] for _ in contestants]
    for repeat in range(given.repeats + 1):
        for epoch, found in zip(contestants, paces, strict=True):
            began = time.perf_counter()
            shown = epoch()
            if repeat:  # the first starts the workers
                found.append(shown / (time.perf_counter() - began))
    decoders.close()
    baseline, ours = map(median, paces)
    return baseline, ours


def torchvision_epoch(root: Path, side: int, workers: int, recipe: Recipe) -> Epoch:
    shown = transforms.Compose(
        [
            transforms.RandomResizedCrop(side, scale=(recipe.crop_least, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    loader = torch.utils.data.DataLoader(
        ImageFolder(str(root), shown), BATCH, shuffle=True, num_workers=workers, drop_last=True,
        persistent_workers=True,
    )  # fmt: skip

    def epoch() -> int:
        channels_last = (x.contiguous(memory_format=torch.channels_last) for x, _ in loader)
        return sum(len(images) for images in channels_last)

    return epoch


def our_epoch(root: Path, side: int, recipe: Recipe) -> Epoch:
    paths = list(images_below(root))
    files = Files(
        FileRecords(paths),
        torch.arange(len(paths)),
        torch.tensor([int(Path(path).parent.name == "b") for path in paths]),
    )
    still = Augmentation(0, True)
    task = Task("", Shape(3, side, side), ("a", "b"), files, files, files, MEAN, STD, still, "")
    feed = StreamFeed(files, task, CPU, recipe)

    def epoch() -> int:
        random = torch.Generator().manual_seed(0)
        return sum(len(images) for images, _ in feed.shuffled(BATCH, random))

    return epoch


def decoding(root: Path, side: int, recipe: Recipe) -> list[tuple[str, int, float, float]]:
    """Return what is decoded, its side, and microseconds of an image: in all, and with the lock."""
    files = sorted(root.glob("*/*"))[:128]
    stored = [file.read_bytes() for file in files]
    again = [smaller(data, side * 8 // 7) for data in stored]
    kinds = [(f"{root.name} {'x'.join(map(str, Image.open(files[0]).size))}", stored)]
    kinds += [(f"encoded again, short side {side * 8 // 7}", again)]
    return [(name, side, *microseconds(images, side, recipe)) for name, images in kinds]


def smaller(data: bytes, short: int) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        scale = short / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        held = io.BytesIO()
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(held, "JPEG", quality=90)
    return held.getvalue()


def microseconds(images: Sequence[bytes], side: int, recipe: Recipe) -> tuple[float, float]:
    """Return CPU time of one image, least of five: in all, and outside of Pillow's free sections.

    These are decoding and scaling; each of them is timed by itself on the same image.
    """
    how = Cut(side, recipe.crop, recipe.crop_least)
    draws = np.random.default_rng(0).random((len(images), DRAWS)).tolist()
    whole, free = [], []
    for _ in range(5):
        began = time.process_time()
        for data, draw in zip(images, draws, strict=True):
            cut(data, draw, how)
        whole.append(time.process_time() - began)
        free.append(sum(in_the_clear(data, side) for data in images))
    each = 1e6 / len(images)
    return each * min(whole), max(0.0, each * (min(whole) - min(free)))


def in_the_clear(data: bytes, side: int) -> float:
    """Return the seconds in which Pillow decodes and scales a middle, free of the lock."""
    with Image.open(io.BytesIO(data)) as image:
        short = min(image.size)
        image.draft("RGB", (side * image.width // short, side * image.height // short))
        began = time.process_time()
        image.load()
        seconds = time.process_time() - began
        rgb = image.convert("RGB")
        short = min(rgb.size)
        began = time.process_time()
        rgb.resize((side, side), Image.Resampling.BILINEAR, box=(0, 0, short, short))
        return seconds + time.process_time() - began


def report(rows, costs, given: argparse.Namespace) -> str:  # type: ignore[no-untyped-def]
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "pillow"))
    quick = " A quick run: take no figure from it." if given.quick else ""
    lines = [
        "# Images a second from disk",
        "",
        f"{os.cpu_count()} CPU cores ({platform.machine()}), Python {platform.python_version()}, "
        f"{libraries}; {given.images:,} images, medians of {given.repeats} epochs, batches of "
        f"{BATCH}.{quick}",
        "",
        f"| images | shown at | torchvision, {given.processes} workers | ours, "
        f"{given.processes} workers | |",
        "|---|---|---|---|---|",
    ]
    for name, side, base, ours in rows:
        ratio = f"{ours / base:.2f}x"
        lines.append(f"| {name} | {side}x{side} | {base:,.0f} | {ours:,.0f} | {ratio} |")
    lines += [
        "",
        "One thread, without a feed: CPU time for an image.",
        "",
        "| image | shown at | µs | of it with the interpreter's lock |",
        "|---|---|---|---|",
    ]
    lines += [f"| {name} | {side}x{side} | {t:,.0f} | {h:,.0f} |" for name, side, t, h in costs]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
