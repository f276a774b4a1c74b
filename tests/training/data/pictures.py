"""Pictures of noise, and the forms in which data sets hold them."""

import hashlib
import io
import os
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torchvision
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parents[3]
CIFAR10 = Path(os.environ.get("NAS_DATA") or ROOT.parent / "shared" / "data") / "cifar10"
NAMES = ("cat", "dog", "frog")


def picture(number: int, side: int = 32) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def write_folder(
    root: Path, classes: Sequence[str] = NAMES, images: int = 12, side: int = 32
) -> Path:
    """Write pictures of noise into class folders."""
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(images):
            (root / name / f"{number}.png").write_bytes(png(picture(100 * label + number, side)))
    return root


def write_shades(folder: Path, sides: Sequence[int]) -> Path:
    """Write 40 images of two classes, told apart by their brightness; streamed if sides differ."""
    random = np.random.default_rng(0)
    for number in range(40):
        label, side = number % 2, sides[number // 2 % len(sides)]
        pixels = random.integers(0, 100, (side, side, 3)) + 120 * label
        place = folder / ("dark", "light")[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number}.png")
    return folder


def write_parquet(
    file: Path,
    labels: Sequence[int | str],
    image: str = "image",
    label: str = "label",
    *,
    sides: Sequence[int] = (32,),
    group: int = 8,
) -> Path:
    """Write a picture for each label, of these sides in turn, in row groups; return the folder."""
    rows = [
        {"bytes": png(picture(i, sides[i % len(sides)])), "path": f"{i}.png"}
        for i in range(len(labels))
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({image: rows, label: labels}), file, row_group_size=group)
    return file.parent


def write_python_batches(
    folder: Path, each: int, tests: int, monkeypatch: pytest.MonkeyPatch, kind: str = "CIFAR10"
) -> None:
    """Write every file of the python batches, and let torchvision expect their checksums."""
    dataset = getattr(torchvision.datasets, kind)
    folder.mkdir(parents=True, exist_ok=True)

    def written(name: str, content: object) -> str:
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    def batch(count: int) -> dict[str, object]:
        data = np.stack([picture(i).transpose(2, 0, 1).ravel() for i in range(count)])
        key, classes = ("labels", 10) if kind == "CIFAR10" else ("fine_labels", 100)
        return {"data": data, key: [i % classes for i in range(count)]}

    for files, count in (("train_list", each), ("test_list", tests)):
        names = [name for name, _ in getattr(dataset, files)]
        found = [[name, written(name, batch(count))] for name in names]
        monkeypatch.setattr(dataset, files, found)
    meta = dict(dataset.meta)
    meta["md5"] = written(meta["filename"], {meta["key"]: ["of the file"] * 100})
    monkeypatch.setattr(dataset, "meta", meta)


def write_binary_batch(file: Path, count: int) -> None:
    records = [bytes([i % 10]) + picture(i).transpose(2, 0, 1).tobytes() for i in range(count)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(records))
